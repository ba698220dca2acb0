/** A program lives as long as it waits for an answer: a peer that never ends its TLS handshake holds it back no longer, and one that is not there ends it no earlier. */
import { spawn } from 'node:child_process'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from '@jest/globals'

const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)))
})
beforeAll(async () => await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

it.each([
  ['grpc', 'close'],
  ['grpc', 'leave'],
  ['http', 'close'],
])(
  'a program that asked over %s ends by itself (%s)',
  async (wire, end) => {
    const { port } = server.address() as AddressInfo
    expect(await run(wire, `127.0.0.1:${port}`, end)).toEqual(['deadline_exceeded', 0, null])
  },
  60_000,
)

it.each(['grpc', 'http'])(
  'a program that has nothing else to do hears that nobody is there, over %s',
  async (wire) => {
    // Where nobody listens: what waits for the next attempt is all that the process has left.
    const [said, ...ended] = await run(wire, '127.0.0.1:1', 'leave')
    expect(['unreachable', 'deadline_exceeded']).toContain(said)
    expect(ended).toEqual([0, null])
  },
  60_000,
)

/** @returns what it said, and how it ended */
async function run(wire: string, address: string, end: string): Promise<readonly unknown[]> {
  const args = ['--import', file('../../chaos/typescript.mjs'), file('asking-program.ts'), wire, address, end]
  // Far more than it takes: it is killed only where it would go on for ever.
  const program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 })
  let said = ''
  program.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = await new Promise<unknown[]>((resolve) => program.on('close', (code, signal) => resolve([code, signal])))
  return [said.trim(), ...ended]
}
