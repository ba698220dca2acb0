/** Requests answered before node's parser are understood as node's parser understands them, and no connection is worse off for it. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { systemClock } from '../../../../src/ground/clock.ts'
import { systemRandom } from '../../../../src/ground/random.ts'
import { HEADER_BYTES_MAX, QUICK_BODY_BYTES_MAX, QUICK_PATIENCE_MS } from '../../../../src/model/limits.ts'
import { singleHeader } from '../../../../src/wire/http/header.ts'
import { writeAnswer } from '../../../../src/wire/http/problem.ts'
import type { OrdinaryHead } from '../../../../src/wire/http/quick/ordinary-request.ts'
import { PassedOn } from '../../../../src/wire/http/quick/passed-on.ts'
import { QuickConnection, type QuickConnectionNeeds } from '../../../../src/wire/http/quick/quick-connection.ts'
import { type Handle, type HttpServer, openHttpServer } from '../../../../src/wire/http/server.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const servers: { close(): unknown }[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** What was understood. */
const told = (method: string, path: string, said: readonly (string | undefined)[], body: Buffer) =>
  JSON.stringify({ method, path, said: said.map((value) => value ?? null), body: digest(body), bytes: body.length })

function echo(request: IncomingMessage, response: ServerResponse, last: boolean): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('error', () => {})
  request.on('end', () => {
    const said = ['authorization', 'content-type', 'x-request-id', 'traceparent', 'tracestate'].map((name) => singleHeader(request, name))
    const text = told(request.method ?? '', request.url ?? '', said, Buffer.concat(chunks))
    writeAnswer(request, response, 200, text, 'an-id', last ? { connection: 'close' } : {})
  })
}

const quickEcho = (head: OrdinaryHead, body: Buffer) => {
  const said = [head.authorization, head.contentType, head.requestId, head.traceparent, head.tracestate]
  return answerOf(told(head.method, head.path, said, body))
}
const answerOf = (json: string) => ({ json, bytes: Buffer.byteLength(json), requestId: 'an-id' })

interface Opened {
  readonly server: HttpServer
  /** Paths answered at once. */
  readonly quick: string[]
  /** Paths that node's own way answered, in a connection of its own (true) or in the caller's. */
  readonly whole: [path: string, inner: boolean][]
}

async function open(
  answer: QuickConnectionNeeds['answer'] | undefined,
  more: { readonly handle?: Handle; readonly clock?: ManualClock; readonly connectionAgeMs?: number } = {},
): Promise<Opened> {
  const quick: string[] = []
  const whole: [string, boolean][] = []
  const { handle, clock = systemClock, ...needs } = more
  const answering = answer && {
    answer(head: OrdinaryHead, body: Buffer) {
      const given = answer(head, body)
      if (given !== undefined) quick.push(head.path)
      return given
    },
  }
  const server = await openHttpServer(
    { host: '127.0.0.1', port: 0, clock, random: systemRandom, ...needs },
    (connectionHeaders) => (request, response) => {
      whole.push([request.url ?? '', request.socket instanceof PassedOn])
      if (handle === undefined) echo(request, response, 'connection' in connectionHeaders(request))
      else handle(request, response)
    },
    answering,
  )
  servers.push(server)
  return { server, quick, whole }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Everything that comes back to these pieces, sent one after the other, and then no more. */
function exchange(port: number, pieces: readonly (Buffer | string)[]): Promise<string> {
  return new Promise((resolve) => {
    const heard: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }, async () => {
      for (const piece of pieces) {
        if (!socket.destroyed) socket.write(piece)
        await turns(2)
      }
      // The end must not overtake an answer: node gives up what it is about to say.
      await turns(20)
      socket.end()
    })
    socket.on('data', (chunk) => heard.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(heard).toString('latin1')))
  })
}

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

const post = (path: string, body: string | Buffer = '', ...headers: readonly string[]) =>
  [
    'POST ',
    path,
    ' HTTP/1.1\r\nhost: x\r\n',
    ...headers.map((line) => `${line}\r\n`),
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    body,
  ]
    .map(String)
    .join('')

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

  test('the answers of one packet come in the order of its requests, also where the first is waited for', async () => {
    let letGo = (): void => {}
    const { server, quick, whole } = await open((head, body) => (head.path.startsWith('/quick') ? quickEcho(head, body) : undefined), {
      handle(request, response) {
        letGo = () => echo(request, response, false)
      },
    })
    const heard = exchangeOpen(server.port)
    heard.socket.write(post('/quick/1') + post('/slow/2', 'x') + post('/quick/3') + post('/quick/4'))
    await heard.until(() => whole.length === 1)
    expect(quick).toEqual(['/quick/1'])
    letGo()
    await heard.until((text) => text.split('HTTP/1.1 200').length === 5)
    expect([...heard.text().matchAll(/"path":"([^"]+)"/g)].map(([, path]) => path)).toEqual(['/quick/1', '/slow/2', '/quick/3', '/quick/4'])
    heard.socket.write(post('/quick/5'))
    await heard.until((text) => text.includes('/quick/5'))
    expect([quick.length, whole]).toEqual([4, [['/slow/2', true]]])
    // And what is unusual is node's, on the same connection.
    heard.socket.write(post('/quick/6', '', 'te: trailers'))
    await heard.until(() => whole.length === 2)
    letGo()
    await heard.until((text) => text.includes('/quick/6'))
    expect(whole.at(-1)).toEqual(['/quick/6', false])
    heard.socket.destroy()
  })

  test('text of any characters arrives as it was said', async () => {
    const { server } = await open((_head, body) => answerOf(body.toString()))
    const texts = ['caf\u00e9', 'plain', '\u20ac \u{1f600}']
    const heard: Buffer[] = []
    const socket = connect(server.port, '127.0.0.1', () => socket.write(texts.map((text) => post('/quick', text)).join('')))
    socket.on('data', (chunk) => heard.push(chunk))
    while (
      !Buffer.concat(heard)
        .toString()
        .includes(texts[2] as string)
    )
      await turns(1)
    const bodies = Buffer.concat(heard)
      .toString()
      .split(/HTTP\/1\.1 200[\s\S]*?\r\n\r\n/)
    expect(bodies).toEqual(['', ...texts])
    socket.destroy()
  })

  test('a caller that hangs up ends what was passed on for it', async () => {
    const ended: string[] = []
    const { server, whole } = await open(() => undefined, {
      handle: (request, response) => void response.on('close', () => ended.push(request.url ?? '')),
    })
    for (const hangUp of ['end', 'resetAndDestroy'] as const) {
      const heard = exchangeOpen(server.port)
      heard.socket.write(post('/slow'))
      await heard.until(() => whole.length > ended.length)
      heard.socket[hangUp]()
      await heard.until(() => whole.length === ended.length)
      heard.socket.destroy()
    }
    expect(ended).toEqual(['/slow', '/slow'])
  })

  test('who does not read what was answered is not heard further, and then hears all of it', async () => {
    const { server, quick } = await open((head, body) => quickEcho(head, body))
    const one = post('/quick', 'x'.repeat(100))
    const count = 40_000
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    socket.write(one.repeat(count))
    for (let before = -1; before !== quick.length || quick.length === 0; ) {
      before = quick.length
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(quick.length).toBeLessThan(count)
    let answers = 0
    let tail = ''
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        const text = tail + chunk.toString('latin1')
        const parts = text.split('HTTP/1.1 200')
        answers += parts.length - 1
        tail = (parts.at(-1) as string).slice(-11)
        if (answers === count) resolve()
      })
      socket.resume()
    })
    expect(quick.length).toBe(count)
    socket.destroy()
  })

  test("a header or body beyond the limits, or in ever more pieces, or ever later, is node's to answer", async () => {
    const clock = new ManualClock()
    const { server, quick, whole } = await open((head, body) => quickEcho(head, body), { clock })
    const long = `x: ${'y'.repeat(2 * HEADER_BYTES_MAX)}`
    expect(await exchange(server.port, [post('/quick', '', long)])).toMatch(/^HTTP\/1\.1 431 /)
    expect(await exchange(server.port, [post('/quick', '', long).slice(0, HEADER_BYTES_MAX + 2_000)])).toMatch(/^HTTP\/1\.1 431 /)
    await exchange(server.port, [post('/large', 'x'.repeat(QUICK_BODY_BYTES_MAX + 1))])
    await exchange(server.port, [...post('/pieces', 'xyz')])
    const heard = exchangeOpen(server.port)
    const late = post('/late', 'xyz')
    heard.socket.write(late.slice(0, -1))
    await heard.until(() => clock.waiting > 0)
    clock.advance(QUICK_PATIENCE_MS)
    heard.socket.write(late.slice(-1))
    await heard.until((text) => text.includes('/late'))
    heard.socket.destroy()
    expect([quick, whole]).toEqual([
      [],
      [
        ['/large', false],
        ['/pieces', false],
        ['/late', false],
      ],
    ])
    expect(await exchange(server.port, [post('/most', 'x'.repeat(QUICK_BODY_BYTES_MAX))])).toContain('/most')
    expect(quick).toEqual(['/most'])
    expect(clock.waiting).toBe(0)
  })

  test('an old connection is told to leave with its next answer, and left', async () => {
    const clock = new ManualClock()
    const { server } = await open((head, body) => (head.path === '/quick' ? quickEcho(head, body) : undefined), {
      clock,
      connectionAgeMs: 1_000,
    })
    for (const path of ['/quick', '/slow']) {
      const heard = exchangeOpen(server.port)
      heard.socket.write(post(path))
      await heard.until((text) => text.includes(path))
      expect(heard.text()).toMatch(/connection: keep-alive/i)
      clock.advance(1_001)
      heard.socket.write(post(path) + post('/behind'))
      await heard.closed
      expect(heard.text().split('HTTP/1.1 200')).toHaveLength(3)
      expect(heard.text()).toMatch(/connection: close/i)
      expect(heard.text()).not.toContain('/behind')
    }
  })

  test('draining ends connections that ask nothing, and the others with their answer; closing ends all', async () => {
    let letGo = (): void => {}
    const opened = await open((head, body) => (head.path === '/quick' ? quickEcho(head, body) : undefined), {
      handle(request, response) {
        letGo = () => echo(request, response, true)
      },
    })
    const { server, whole } = opened
    const [idle, waiting, half] = [exchangeOpen(server.port), exchangeOpen(server.port), exchangeOpen(server.port)]
    idle.socket.write(post('/quick'))
    waiting.socket.write(post('/slow'))
    half.socket.write(post('/quick') + post('/quick', 'xyz').slice(0, -1))
    await idle.until((text) => text.includes('/quick'))
    await half.until((text) => text.includes('/quick'))
    await waiting.until(() => whole.length === 1)
    const drained = server.drain()
    await idle.closed
    letGo()
    half.socket.write('z')
    await Promise.all([waiting.closed, half.closed, drained])
    expect(waiting.text()).toContain('/slow')
    expect(half.text()).toMatch(/connection: close[\s\S]*"bytes":3/)

    const { server: other } = await open((head, body) => quickEcho(head, body))
    const left = exchangeOpen(other.port)
    left.socket.write(post('/quick'))
    await left.until((text) => text.includes('/quick'))
    await other.close()
    await left.closed
  })

  test("a connection that says nothing from the start is node's, and one that says nothing later is ended", async () => {
    const server: Server = createServer({ allowHalfOpen: true })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const served: Socket[] = []
    const accepted: Socket[] = []
    server.on('connection', (socket) => {
      accepted.push(socket)
      new QuickConnection(socket, {
        clock: systemClock,
        answer: quickEcho,
        response: ({ json }) => json,
        leaving: () => false,
        serve: (connection) => void served.push(connection as Socket),
        closed: () => {},
      })
    })
    const { port } = server.address() as { readonly port: number }
    const [silent, later] = [exchangeOpen(port), exchangeOpen(port)]
    later.socket.write(post('/quick'))
    await later.until((text) => text.includes('/quick'))
    await silent.until(() => accepted.length === 2)
    for (const socket of accepted) socket.emit('timeout')
    await later.closed
    expect(served.map(({ remotePort }) => remotePort)).toEqual([silent.socket.localPort])
    silent.socket.destroy()
  })
})

/** A connection to talk over. */
function exchangeOpen(port: number) {
  let text = ''
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => void socket.on('close', () => resolve()))
  return {
    socket,
    closed,
    text: () => text,
    async until(met: (text: string) => boolean): Promise<void> {
      while (!met(text)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}
