/** Server-sent events as the command line reads them, from whatever pieces they come in, and a service that says nothing any more. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { eventsOf, type TextEvent } from '../../../src/main/command-line/event-stream.ts'
import { openServiceClient, type ServerEvent } from '../../../src/main/command-line/service-client.ts'

const closes: (() => void)[] = []
afterEach(() => {
  for (const close of closes.splice(0)) close()
})

async function* from(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}
async function read(lines: readonly string[]): Promise<readonly TextEvent[]> {
  const events: TextEvent[] = []
  for await (const event of eventsOf(from(lines))) events.push(event)
  return events
}

/** A service that answers every request with these pieces, each on its own, and then ends or falls silent. */
async function answering(pieces: readonly (string | Uint8Array)[], last: 'ends' | 'is silent', contentType = 'text/event-stream') {
  const server = createServer(async (_request, response) => {
    response.writeHead(200, { 'content-type': contentType })
    for (const piece of pieces) {
      response.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (last === 'ends') response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closes.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return openServiceClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key')
}
async function heard(events: AsyncIterable<ServerEvent>): Promise<readonly ServerEvent[]> {
  const all: ServerEvent[] = []
  for await (const event of events) all.push(event)
  return all
}
const NEVER = new AbortController().signal

describe('server-sent events', () => {
  it('are read as the standard says: comments and unknown fields are passed over, data lines are joined, an event that is not whole is none', async () => {
    expect(
      await read([
        ': a comment',
        'retry: 2000',
        '',
        'event: decision\r',
        'id: 1\r',
        'data: {"a":\r',
        'data:1}\r',
        '\r',
        'data',
        '',
        'event: cut',
        'data: 2',
      ]),
    ).toEqual([
      { event: 'decision', data: '{"a":\n1}' },
      { event: 'message', data: '' },
    ])
  })

  it('come whole out of pieces that end anywhere, also inside a character', async () => {
    const text = 'retry: 1\n\nevent: decision\nid: 1\ndata: {"user":"änn"}\n\nevent: lost\ndata: {"count":2}\n\n'
    const client = await answering(
      [...Buffer.from(text)].map((byte) => Uint8Array.of(byte)),
      'ends',
    )
    expect(await heard(client.events('/v1/decisions/watch', 60_000, NEVER))).toEqual([
      { event: 'decision', data: { user: 'änn' } },
      { event: 'lost', data: { count: 2 } },
    ])
  })

  it('that end with an error throw it, and an answer of another kind is refused', async () => {
    const problem = JSON.stringify({ title: 'The caller is unknown', code: 'unauthenticated', status: 401, detail: 'A key is required.' })
    const client = await answering([`event: error\ndata: ${problem}\n\n`], 'ends')
    await expect(heard(client.events('/', 60_000, NEVER))).rejects.toMatchObject({ code: 'unauthenticated' })
    const page = await answering(['<html>'], 'ends', 'text/html')
    await expect(heard(page.events('/', 60_000, NEVER))).rejects.toThrow('without a JSON object')
    const broken = await answering(['event: decision\ndata: [1\n\n'], 'ends')
    await expect(heard(broken.events('/', 60_000, NEVER))).rejects.toThrow('no JSON object')
  })

  it('of a service that says nothing any more are given up, and whoever is not interested any more lets go', async () => {
    const silent = await answering(['event: heartbeat\ndata: {}\n\n'], 'is silent')
    await expect(heard(silent.events('/', 50, NEVER))).rejects.toThrow('nothing within 0.05 s')
    const controller = new AbortController()
    const waiting = heard(silent.events('/', 60_000, controller.signal))
    controller.abort()
    await expect(waiting).rejects.toThrow('No answer from')
  })
})
