/** Stands between a test and a server: passes bytes on until it is frozen; a frozen one swallows them, as a broken network does. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface Proxy {
  readonly url: string
  freeze(): void
  thaw(): void
  close(): void
}

/** @param toServer may alter what the client sends */
export async function openProxy(url: string, toServer: (bytes: Buffer) => Buffer = (bytes) => bytes): Promise<Proxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let frozen = false
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const [from, to, pass] of [
      [client, upstream, toServer],
      [upstream, client, (bytes: Buffer) => bytes],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('data', (bytes) => {
        if (!frozen) to.write(pass(bytes))
      })
      from.on('close', () => to.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxied = new URL(url)
  proxied.port = String((server.address() as AddressInfo).port)
  return {
    url: proxied.href,
    freeze: () => {
      frozen = true
    },
    thaw: () => {
      frozen = false
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
