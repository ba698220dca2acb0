/** The HTTP/2 servers that grpc-js keeps to itself, where this version of it has those that we know. Floor 5. */
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Server } from '@grpc/grpc-js'

/** What grpc-js does with every stream. */
export type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void

export interface OwnServer {
  /** Puts a listener in the place of grpc-js's own, which it is given to pass streams on to. Made once for each address that is listened on. */
  replaceListener(make: (own: StreamListener) => StreamListener): void
}

interface Listened {
  readonly http2Server: Http2Server
  readonly own: StreamListener
}

/**
 * `undefined`: this grpc-js keeps them elsewhere, and nothing was touched. To be asked once the server is bound.
 * The field is not public: everything that is relied on is looked at here, and a test fails when a new grpc-js moves it.
 */
export function ownServerOf(server: Server): OwnServer | undefined {
  const servers: unknown = (server as unknown as { readonly http2Servers?: unknown }).http2Servers
  if (!(servers instanceof Map) || servers.size === 0) return undefined
  // One for each address: a name such as localhost may have two.
  const found = [...(servers.keys() as MapIterator<Partial<Http2Server>>)].map(listenedOn)
  const known = found.filter((one) => one !== undefined)
  if (known.length < found.length) return undefined
  return {
    replaceListener(make) {
      for (const { http2Server, own } of known) {
        http2Server.removeListener('stream', own)
        http2Server.on(
          'stream',
          make((stream, headers, flags) => void own.call(http2Server, stream, headers, flags)),
        )
      }
    },
  }
}

function listenedOn(http2Server: Partial<Http2Server>): Listened | undefined {
  if (typeof http2Server.listeners !== 'function' || typeof http2Server.removeListener !== 'function') return undefined
  const listeners = http2Server.listeners('stream')
  const [own] = listeners
  if (listeners.length !== 1 || typeof own !== 'function') return undefined
  return { http2Server: http2Server as Http2Server, own: own as StreamListener }
}
