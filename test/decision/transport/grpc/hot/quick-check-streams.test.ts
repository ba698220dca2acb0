import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { loadDefinitions } from '../../../../../src/decision/transport/grpc/definitions.ts'
import { type GrpcServer, openGrpcServer } from '../../../../../src/decision/transport/grpc/server.ts'
import type { Decision } from '../../../../../src/model/decision.ts'
import { BODY_BYTES_MAX } from '../../../../../src/model/limits.ts'
import { openWires, type Wires } from '../../wires.ts'

const definitions = loadDefinitions()
const READ = 'coding.medical-stay.read'
const CHECK = { user: 'ann', tenant: 'north', permission: READ }
const PATH = '/castellan.v1.DecisionService/CheckStream'

type Message = Readonly<Record<string, unknown>>
const bytesOf = (message: object) => definitions.serialize('castellan.v1.CheckStreamRequest', message)

function frame(body: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5)
  head[0] = flag
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

/** Whole messages of an answer. */
function messagesIn(bytes: Buffer): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    messages.push(definitions.deserialize('castellan.v1.CheckStreamResponse', bytes.subarray(at + 5, end)))
    at = end
  }
  return messages
}

let wires: Wires
/** The same house, with grpc-js alone in front of it. */
let alone: GrpcServer
/** What memory was asked for, and answered. */
let recalled = 0
/** Set by a test in which memory must never be too old. */
let always: Decision | undefined
const sessions: ClientHttp2Session[] = []

beforeAll(async () => {
  wires = await openWires((needs) => ({
    ...needs,
    decisions: {
      ...needs.decisions,
      recallCheck(question) {
        const decision = always ?? needs.decisions.recallCheck(question)
        if (decision !== undefined) recalled += 1
        return decision
      },
    },
  }))
  alone = await openGrpcServer(wires.needs, { hot: false })
  await over(alone.port, [frame(bytesOf({ id: 'warm', check: CHECK }))])
})
afterEach(() => {
  recalled = 0
  always = undefined
  for (const session of sessions.splice(0)) session.destroy()
})
afterAll(async () => {
  await alone.close()
  await wires.close()
})

interface Opened {
  readonly stream: ClientHttp2Stream
  readonly over: Promise<{ readonly messages: Message[]; readonly end: IncomingHttpHeaders }>
}

function open(port: number, key = wires.keys.decide, headers: Readonly<Record<string, string>> = {}): Opened {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  sessions.push(session)
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${key}`,
    ...headers,
  })
  stream.on('error', () => undefined)
  const over = new Promise<Awaited<Opened['over']>>((resolve) => {
    let end: IncomingHttpHeaders = {}
    const data: Buffer[] = []
    stream.on('response', (first) => {
      end = first
    })
    stream.on('trailers', (trailers) => {
      end = trailers
    })
    stream.on('data', (chunk) => data.push(chunk))
    stream.on('end', () => stream.close())
    stream.on('close', () => resolve({ messages: messagesIn(Buffer.concat(data)), end }))
  })
  return { stream, over }
}

/** All that came back for these pieces, and how the stream ended. */
async function over(port: number, pieces: readonly Buffer[], headers: Readonly<Record<string, string>> = {}) {
  const opened = open(port, wires.keys.decide, headers)
  for (const piece of pieces) {
    if (opened.stream.destroyed) break
    await new Promise<void>((resolve) => opened.stream.write(piece, () => resolve()))
  }
  opened.stream.end()
  return opened.over
}

/** By id, without what differs from one answer to the next. */
function comparable(messages: readonly Message[]) {
  return messages.map((message) => JSON.stringify(message).replace(/"decisionId":"[^"]*"/, '')).sort()
}

async function expectTheSame(pieces: readonly Buffer[], headers: Readonly<Record<string, string>> = {}) {
  const [hot, cold] = await Promise.all([over(wires.grpc.port, pieces, headers), over(alone.port, pieces, headers)])
  expect(comparable(hot.messages)).toEqual(comparable(cold.messages))
  expect(hot.end).toEqual({ ...cold.end, ...(hot.end['date'] === undefined ? {} : { date: hot.end['date'] }) })
  return hot
}

const good = (id: string) => frame(bytesOf({ id, check: CHECK }))

describe('a stream of checks', () => {
  it('has each item answered once, from memory, however its bytes come in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(), { maxLength: 12 }), async (count, cuts) => {
        const bytes = Buffer.concat(Array.from({ length: count }, (_, index) => good(String(index))))
        const at = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((one, other) => one - other)
        const pieces = [0, ...at].map((start, index) => bytes.subarray(start, at[index]))
        const { messages, end } = await over(wires.grpc.port, pieces)
        expect(messages.map(({ id }) => Number(id)).sort((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, i) => i))
        expect(messages.every((message) => (message['decision'] as Message)['allowed'] === true)).toBe(true)
        expect(end).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'OK' })
      }),
      { numRuns: 15 },
    )
    // On a machine that is too busy memory may have been too old for some of them.
    expect(recalled).toBeGreaterThan(0)
  })

  it('answers good, bad and slow items of one piece as grpc-js does', async () => {
    const resource = { fields: { region: { stringValue: 'north' } } }
    const long = { id: 'long', check: { ...CHECK, resource: { fields: { text: { stringValue: 'x'.repeat(20_000) } } } } }
    const pieces = [
      good('1'),
      frame(bytesOf({ id: '2', check: { ...CHECK, permission: '' } })),
      frame(bytesOf({ id: '3', check: { ...CHECK, user: `never-seen-${Math.random()}` } })),
      frame(bytesOf({ id: '4', check: { ...CHECK, tenant: 'nowhere' } })),
      frame(bytesOf({ id: '5', check: { ...CHECK, resource } })),
      frame(bytesOf({ id: '6' })),
      good('7'),
      frame(bytesOf(long)),
      frame(bytesOf({ id: 'ünique', check: CHECK })),
      frame(bytesOf({ id: '9', check: CHECK }), 1),
      good('10'),
    ]
    const { messages } = await expectTheSame([Buffer.concat(pieces)])
    expect(messages).toHaveLength(pieces.length)
    const slowly = Buffer.concat(pieces)
    expect((await expectTheSame([slowly.subarray(0, 300), slowly.subarray(300, 9_000), slowly.subarray(9_000)])).messages).toHaveLength(
      pieces.length,
    )
  })

  it.each<[string, readonly Buffer[], Record<string, string>]>([
    ['nothing', [], {}],
    ['half a frame', [good('1'), good('2').subarray(0, 9)], {}],
    ['half a head', [good('1').subarray(0, 3)], {}],
    ['no message', [good('1'), frame(Buffer.from('ffff', 'hex'))], {}],
    ['no id', [good('1'), frame(bytesOf({ check: CHECK }))], {}],
    ['an empty message', [frame(Buffer.alloc(0))], {}],
    ['too large a message', [good('1'), Buffer.concat([Buffer.from('00ffffffff', 'hex'), Buffer.alloc(100)])], {}],
    ['too large a message in whole', [good('1'), frame(Buffer.alloc(BODY_BYTES_MAX + 1, 0x0a))], {}],
    ['compressed', [frame(bytesOf({ id: '1', check: CHECK }), 1)], { 'grpc-encoding': 'gzip' }],
    ['said to be compressed', [good('1')], { 'grpc-encoding': 'gzip' }],
  ])('ends as grpc-js ends it: %s', async (_what, pieces, headers) => {
    await expectTheSame(pieces, headers)
  })

  it('is held to its deadline', async () => {
    const opened = open(wires.grpc.port, wires.keys.decide, { 'grpc-timeout': '100m' })
    opened.stream.write(good('1'))
    expect((await opened.over).end).toMatchObject({ 'grpc-status': '4' })
  })

  it('is told nothing more by a key that was revoked', async () => {
    const made = await wires.house.administration.createCaller(wires.house.context, { name: 'soon-gone', scopes: ['decide'] })
    const opened = open(wires.grpc.port, made.key)
    const first = new Promise((resolve) => opened.stream.once('data', resolve))
    opened.stream.write(good('1'))
    await first
    await wires.house.administration.revokeCaller(wires.house.context, made.record.id)
    opened.stream.write(good('2'))
    const { messages, end } = await opened.over
    expect(messages.map(({ id }) => id)).toEqual(['1'])
    expect(end).toMatchObject({ 'grpc-status': '16' })
  })

  it('is not answered further than its client reads', async () => {
    always = await wires.house.decisions.check(CHECK, new AbortController().signal)
    const opened = open(wires.grpc.port, wires.keys.admin)
    opened.stream.pause()
    const many = Buffer.concat(Array.from({ length: 400 }, (_, index) => good(`${index}-`.padEnd(200, 'x'))))
    // Less than its own library lets it hold.
    for (let round = 0; round < 40; round++) opened.stream.write(many)
    // Until nothing moves any more: the window is full and the service reads no further.
    for (let [before, still] = [-1, 0]; still < 5; before = recalled) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      still = before === recalled ? still + 1 : 0
    }
    expect(recalled).toBeGreaterThan(0)
    expect(recalled).toBeLessThan(4_000)
    opened.stream.destroy()
    await opened.over
  })

  it('answers everything once its client reads again', async () => {
    const opened = open(wires.grpc.port)
    opened.stream.pause()
    const count = 5_000
    opened.stream.end(Buffer.concat(Array.from({ length: count }, (_, index) => good(String(index)))))
    await over(wires.grpc.port, [good('other')])
    opened.stream.resume()
    const { messages, end } = await opened.over
    expect(new Set(messages.map(({ id }) => id)).size).toBe(count)
    expect(messages).toHaveLength(count)
    expect(end).toMatchObject({ 'grpc-status': '0' })
  })
})
