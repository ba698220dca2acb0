/** Puts quick connections before a server of node's. Floor 4. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { PassedOn } from './passed-on.ts'
import { QuickConnection, type QuickConnectionNeeds } from './quick-connection.ts'
import { quickResponses } from './quick-response.ts'

export type QuickAnswering = Pick<QuickConnectionNeeds, 'answer'>

export interface QuickConnections {
  /** Those that ask nothing end now, the others with their next answer. */
  leave(): void
  destroy(): void
}

/**
 * @param connected the event of `server` that tells of a new connection; nobody but node listens to it yet
 * @throws Error when node does not take connections by one listener of that event, as documented for `connection`
 */
export function openQuickConnections(
  server: Server,
  connected: 'connection' | 'secureConnection',
  needs: QuickAnswering & Pick<QuickConnectionNeeds, 'clock' | 'leaving'>,
): QuickConnections {
  const [own, ...others] = server.listeners(connected)
  if (own === undefined || others.length > 0) throw new Error(`Not one listener of ${connected}, but ${others.length}`)
  server.removeAllListeners(connected)
  // node tells of what it answers only here.
  server.prependListener('request', ({ socket }, response) => {
    if (socket instanceof PassedOn) response.once('close', () => socket.answered())
  })

  const open = new Set<QuickConnection>()
  const connectionNeeds: QuickConnectionNeeds = {
    ...needs,
    response: quickResponses(needs.clock),
    serve: (connection) => own.call(server, connection),
    closed: (connection) => open.delete(connection),
  }
  server.on(connected, (socket: Socket) => open.add(new QuickConnection(socket, connectionNeeds)))
  return {
    leave: () => {
      for (const connection of open) connection.leave()
    },
    destroy: () => {
      for (const connection of open) connection.destroy()
    },
  }
}
