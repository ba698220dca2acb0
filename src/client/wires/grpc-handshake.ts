/** TLS handshakes of gRPC that hang: the library neither bounds them nor ends them with their channel, and they would keep the process alive. Floor 6. */
import type { Socket } from 'node:net'
import { ChannelCredentials, type experimental } from '@grpc/grpc-js'
import type { Clock } from '../../ground/clock.ts'
import { HANDSHAKE_MS_MAX } from '../limits.ts'

type Connector = experimental.SecureConnector

export function boundedHandshakes(credentials: ChannelCredentials, clock: Pick<Clock, 'after'>): ChannelCredentials {
  return new BoundedCredentials(credentials, clock)
}

class BoundedCredentials extends ChannelCredentials {
  readonly #credentials: ChannelCredentials
  readonly #clock: Pick<Clock, 'after'>

  constructor(credentials: ChannelCredentials, clock: Pick<Clock, 'after'>) {
    super()
    this.#credentials = credentials
    this.#clock = clock
  }

  _isSecure(): boolean {
    return this.#credentials._isSecure()
  }

  _equals(other: ChannelCredentials): boolean {
    return other === this
  }

  _createSecureConnector(...needs: Parameters<ChannelCredentials['_createSecureConnector']>): Connector {
    return boundedConnector(this.#credentials._createSecureConnector(...needs), this.#clock)
  }
}

function boundedConnector(connector: Connector, clock: Pick<Clock, 'after'>): Connector {
  const underWay = new Set<Socket>()
  return {
    async connect(socket) {
      underWay.add(socket)
      // Calls that wait for it keep the process alive by themselves.
      socket.unref()
      const stopTimer = clock.after(HANDSHAKE_MS_MAX, () => socket.destroy())
      try {
        return await Promise.race([connector.connect(socket), closed(socket)])
      } finally {
        stopTimer()
        underWay.delete(socket)
      }
    },
    waitForReady: () => connector.waitForReady(),
    getCallCredentials: () => connector.getCallCredentials(),
    destroy() {
      for (const socket of underWay) socket.destroy()
      connector.destroy()
    },
  }
}

/** The library waits for an error, and a connection may end without one. */
function closed(socket: Socket): Promise<never> {
  return new Promise((_, reject) => socket.once('close', () => reject(new Error('the connection ended in its TLS handshake'))))
}
