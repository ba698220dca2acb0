/** One PostgreSQL server per test run, started when the first suite asks for it: the run's own process keeps it, suites ask over loopback. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { type EmbeddedServer, startEmbeddedPostgres } from './embedded-postgres.ts'

export interface Broker {
  readonly port: number
  close(): Promise<void>
}

export async function openBroker(): Promise<Broker> {
  let starting: Promise<EmbeddedServer> | undefined
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    starting ??= startEmbeddedPostgres()
    starting.then(
      (postgres) => socket.end(postgres.url),
      (fault: unknown) => socket.end(`fault: ${fault instanceof Error ? fault.message : String(fault)}`),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close()
      await (await starting?.catch(() => undefined))?.stop()
    },
  }
}

export async function askBroker(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  if (!text.startsWith('postgres://')) throw new Error(`No PostgreSQL for the tests: ${text}`)
  return text
}
