/** Requests answered before node's parser are understood as node's parser understands them. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { exchange, quickEcho, quickServers } from './conversation.ts'

const { open } = quickServers()

/** Without what is another one in each answer; header names are the same in any case. */
const comparable = (text: string) =>
  text
    .replaceAll(/^date: .*$/gim, 'date')
    .replaceAll(/"requestId":"[^"]*"|x-request-id: (?!an-id).*/gi, 'id')
    .replaceAll(/^connection: close\r\n/gim, '')
    .split(/(?=HTTP\/1\.1 \d)/)
    .map((answer) => {
      const [head = '', body] = answer.split('\r\n\r\n')
      return { head: head.toLowerCase().split('\r\n').sort(), body }
    })

const LINES = [
  'accept: */*',
  'authorization: Bearer a',
  'Authorization:Bearer b',
  'content-type: application/json',
  'CONTENT-TYPE:\tapplication/json \t',
  'x-request-id: mine',
  'traceparent: 00-a',
  'tracestate: a=1',
  'connection: keep-alive',
  'connection: close',
  'connection: Upgrade',
  'connection: keep-alive, x',
  'proxy-connection: close',
  'keep-alive: timeout=5',
  'upgrade: h2c',
  'expect: 100-continue',
  'te: trailers',
  'content-encoding: gzip',
  'transfer-encoding: chunked',
  'Transfer-Encoding: identity',
  'content-length: 3',
  'content-length: +3',
  'content-length: 0x1',
  'content-length: 3, 3',
  'content-length : 3',
  ' folded: x',
  'a\u0000b: c',
  'x: a\u0001b',
  'x: caf\u00e9',
  'x: a\rb',
  'x: a\nb',
  'noColon',
  ': empty',
  'host: y',
  '',
]
const line = fc.oneof(
  fc.constantFrom(...LINES),
  fc.string({ maxLength: 12 }).map((text) => `x-${text}`),
)
const request = fc
  .record({
    start: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom('POST /quick HTTP/1.1', 'POST /slow HTTP/1.1', 'GET /quick HTTP/1.1', 'DELETE /slow?a=b HTTP/1.1'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'POST /quick HTTP/1.0',
          'POST  /quick HTTP/1.1',
          'POST /qu ick HTTP/1.1',
          'POST http://x/quick HTTP/1.1',
          'post /quick HTTP/1.1',
          'POST /quick',
          'POST /qu\u00efck HTTP/1.1',
          'POST /quick HTTP/1.1 ',
          'OPTIONS * HTTP/1.1',
          '\r\nPOST /quick HTTP/1.1',
          'PRI * HTTP/2.0',
          'HEAD /slow HTTP/1.1',
        ),
      },
    ),
    host: fc.oneof(
      { weight: 12, arbitrary: fc.constant(['host: x']) },
      { weight: 1, arbitrary: fc.constantFrom([], ['host:'], ['host: x', 'Host: x']) },
    ),
    lines: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom<string[]>([], ['authorization: Bearer a', 'content-type: application/json']) },
      { weight: 2, arbitrary: fc.array(line, { maxLength: 4 }) },
    ),
    body: fc.oneof(fc.constant(''), fc.string({ maxLength: 40 }), fc.constant('0\r\n\r\n')),
    length: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1, 5) }),
    ends: fc.oneof({ weight: 12, arbitrary: fc.constant('\r\n') }, { weight: 1, arbitrary: fc.constant('\n') }),
  })
  .map(({ start, host, lines, body, length, ends }) => {
    const bytes = Buffer.from(body)
    const size = bytes.length === 0 && length === 0 ? [] : [`content-length: ${Math.max(0, bytes.length + length)}`]
    return Buffer.concat([Buffer.from([start, ...host, ...lines, ...size, '', ''].join(ends), 'latin1'), bytes])
  })
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length]
  return places
    .slice(1)
    .map((end, index) => bytes.subarray(places[index], end))
    .filter((piece) => piece.length > 0)
}

describe('requests answered before the parser', () => {
  test('any request, in any pieces, is answered as by node alone: as well understood, or refused', async () => {
    const plain = await open(undefined)
    const quick = await open((head, body) => (head.path.startsWith('/quick') ? quickEcho(head, body) : undefined))
    await fc.assert(
      fc.asyncProperty(request, cuts, async (bytes, places) => {
        const pieces = cut(bytes, places)
        const [theirs, ours] = await Promise.all([exchange(plain.server.port, pieces), exchange(quick.server.port, pieces)])
        expect(comparable(ours)).toEqual(comparable(theirs))
      }),
      { numRuns: 1_000 },
    )
    // Otherwise nothing was tried.
    expect(quick.quick.length).toBeGreaterThan(150)
    expect(quick.whole.filter(([, inner]) => inner).length).toBeGreaterThan(100)
    expect(quick.whole.filter(([, inner]) => !inner).length).toBeGreaterThan(30)
  }, 240_000)

  test('each unusual header, alone, twice and beside a body of a length, is answered as by node alone', async () => {
    const plain = await open(undefined)
    const quick = await open(quickEcho)
    for (const one of LINES)
      for (const lines of [[one], [one, one], [one, 'content-length: 5'], ['content-length: 5', one], ['authorization: Bearer c', one]]) {
        const text = ['POST /quick HTTP/1.1', 'host: x', ...lines, '', '0\r\n\r\n'].join('\r\n')
        const bytes = Buffer.from(text, 'latin1')
        const [theirs, ours] = await Promise.all([exchange(plain.server.port, [bytes]), exchange(quick.server.port, [bytes])])
        expect([lines, comparable(ours)]).toEqual([lines, comparable(theirs)])
      }
  }, 240_000)

  test('several of them one behind the other are understood as by node alone, and answered in order', async () => {
    const plain = await open(undefined)
    const quick = await open((head, body) => (head.path.startsWith('/quick') ? quickEcho(head, body) : undefined))
    let whole = 0
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 4 }), cuts, async (requests, places) => {
        const pieces = cut(Buffer.concat(requests), places)
        const [theirs, ours] = (await Promise.all([exchange(plain.server.port, pieces), exchange(quick.server.port, pieces)])).map(
          comparable,
        )
        // Behind answers that are not written yet node may end a connection without saying that what came then is no HTTP.
        const spoken = (answers: typeof ours) =>
          (answers ?? []).filter(({ head, body }) => !head.includes('http/1.1 100 continue') && body?.includes('"is not HTTP"') !== true)
        const all = spoken(theirs).length === requests.length
        if (all) whole += 1
        const shared = all ? requests.length : Math.min(spoken(ours).length, spoken(theirs).length)
        expect(spoken(ours).slice(0, all ? undefined : shared)).toEqual(spoken(theirs).slice(0, shared))
      }),
      { numRuns: 500 },
    )
    expect(whole).toBeGreaterThan(40)
  }, 240_000)
})
