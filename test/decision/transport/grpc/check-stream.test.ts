import { connect } from 'node:http2'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { Decision } from '../../../../src/model/decision.ts'
import { STREAM_IN_FLIGHT_MAX } from '../../../../src/model/limits.ts'
import { bearer, type Client, call, decisionClient, openWires, type Wires } from '../wires.ts'

/** Set by a test to hold decisions back. */
let gate: Promise<void> | undefined
let asked = 0
/** Set by a test in which what is decided does not matter. */
let quick: Decision | undefined
let wires: Wires
let client: Client

beforeAll(async () => {
  wires = await openWires((needs) => ({
    ...needs,
    decisions: {
      ...needs.decisions,
      // Each waits for its answer here.
      recallCheck: () => undefined,
      check: async (question, signal) => {
        asked += 1
        await gate
        return quick === undefined ? needs.decisions.check(question, signal) : quick
      },
    },
  }))
  client = decisionClient(wires.grpc.port)
})
afterEach(() => {
  gate = undefined
  quick = undefined
  asked = 0
})
afterAll(async () => {
  client.close()
  await wires.close()
})

const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }

interface Opened {
  readonly stream: Client
  readonly answers: Client[]
  /** The status of the end, when it comes. */
  readonly ended: Promise<{ code: number }>
  /** When this many answers are here. */
  got(count: number): Promise<void>
}

function open(key: string): Opened {
  const stream = client.CheckStream(bearer(key))
  const answers: Client[] = []
  let waiting: { count: number; resolve: () => void } | undefined
  stream.on('data', (answer: Client) => {
    answers.push(answer)
    if (waiting !== undefined && answers.length >= waiting.count) waiting.resolve()
  })
  stream.on('error', () => undefined)
  const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve))
  const got = (count: number) =>
    new Promise<void>((resolve) => {
      if (answers.length >= count) resolve()
      else waiting = { count, resolve }
    })
  return { stream, answers, ended, got }
}

/** Resolves once `condition` holds: the event loop is let go round in between, no time is waited for. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** A message as gRPC frames it: not compressed, its length, its bytes. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

describe('a stream of checks', () => {
  it('answers every item under its id and ends cleanly after the half-close', async () => {
    const { stream, answers, ended } = open(wires.keys.decide)
    for (let index = 0; index < 1000; index += 1)
      stream.write({ id: `q${index}`, check: { ...QUESTION, user: index % 2 === 0 ? 'ann' : 'zoe' } })
    stream.end()
    expect((await ended).code).toBe(status.OK)
    expect(new Set(answers.map((answer) => answer.id)).size).toBe(1000)
    for (const answer of answers) expect(answer.decision.allowed ?? false).toBe(Number(answer.id.slice(1)) % 2 === 0)
  })

  it('gives a bad item its own error and goes on', async () => {
    const { stream, answers, ended } = open(wires.keys.limited)
    stream.write({ id: 'a', check: { ...QUESTION, user: '' } })
    stream.write({ id: 'b' })
    stream.write({ id: 'c', check: { ...QUESTION, tenant: 'south' } })
    stream.write({ id: 'd', check: QUESTION })
    stream.end()
    expect((await ended).code).toBe(status.OK)
    const byId = Object.fromEntries(answers.map((answer) => [answer.id, answer]))
    expect(byId['a'].error).toMatchObject({ code: 'request_invalid', violations: [{ field: 'check.user' }] })
    expect(byId['b'].error).toMatchObject({ code: 'request_invalid' })
    expect(byId['c'].error).toMatchObject({ code: 'permission_denied' })
    expect(byId['d'].decision).toMatchObject({ allowed: true })
  })

  it('ends with INVALID_ARGUMENT when an item has no id, or one that stands for an unanswered check', async () => {
    const nameless = open(wires.keys.decide)
    nameless.stream.write({ check: QUESTION })
    expect((await nameless.ended).code).toBe(status.INVALID_ARGUMENT)
    let release: () => void = () => undefined
    gate = new Promise((resolve) => {
      release = resolve
    })
    const doubled = open(wires.keys.decide)
    doubled.stream.write({ id: 'x', check: QUESTION })
    doubled.stream.write({ id: 'x', check: QUESTION })
    expect((await doubled.ended).code).toBe(status.INVALID_ARGUMENT)
    release()
    await until(() => wires.admission.inFlight() === 0)
  })

  it('ends with UNAUTHENTICATED before any item of an unknown caller', async () => {
    const { stream, ended } = open('nobody')
    stream.write({ id: 'a', check: QUESTION })
    expect((await ended).code).toBe(status.UNAUTHENTICATED)
    expect(asked).toBe(0)
  })

  it('ends with the first item after its caller was revoked, however long the stream has been open', async () => {
    const made = await call(wires, 'POST', '/v1/callers', { name: 'brief', scopes: ['decide'] })
    const { stream, ended, got, answers } = open(made.json.key)
    stream.write({ id: 'a', check: QUESTION })
    await got(1)
    await call(wires, 'DELETE', `/v1/callers/${made.json.caller.id}`)
    stream.write({ id: 'b', check: QUESTION })
    await Promise.race([ended, got(2)])
    expect(answers).toHaveLength(1)
    expect((await ended).code).toBe(status.UNAUTHENTICATED)
  })

  it('takes no more than its bound of unanswered checks, and the rest once some are answered', async () => {
    let release: () => void = () => undefined
    gate = new Promise((resolve) => {
      release = resolve
    })
    const { stream, ended, answers } = open(wires.keys.decide)
    for (let index = 0; index < 3 * STREAM_IN_FLIGHT_MAX; index += 1) stream.write({ id: `q${index}`, check: QUESTION })
    stream.end()
    await until(() => asked >= STREAM_IN_FLIGHT_MAX)
    // A full round trip of another call: whatever was to be read by now has been read.
    gate = undefined
    await call(wires, 'GET', '/v1/policy')
    expect(asked).toBeLessThanOrEqual(STREAM_IN_FLIGHT_MAX)
    release()
    expect((await ended).code).toBe(status.OK)
    expect(answers).toHaveLength(3 * STREAM_IN_FLIGHT_MAX)
  })

  it('stops reading from a client that does not read its answers', async () => {
    // Without a client library: those read ahead by themselves. A raw stream that nobody reads holds its window of 64 KiB.
    const session = connect(`http://127.0.0.1:${wires.grpc.port}`)
    const stream = session.request({
      ':method': 'POST',
      ':path': '/castellan.v1.DecisionService/CheckStream',
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${wires.keys.decide}`,
    })
    quick = await wires.house.check('ann', 'north', 'coding.medical-stay.read')
    const padding = 'x'.repeat(200)
    const total = 5_000
    for (let index = 0; index < total; index += 1)
      stream.write(frame(client.CheckStream.requestSerialize({ id: `${padding}${index}`, check: QUESTION })))
    let before = -1
    while (asked !== before) {
      before = asked
      for (let round = 0; round < 3; round += 1) await call(wires, 'GET', '/v1/policy')
    }
    expect(asked).toBeGreaterThan(10)
    expect(asked).toBeLessThan(2_000)
    expect(wires.admission.inFlight()).toBe(0)
    // Once the client reads, the rest is answered.
    stream.resume()
    await until(() => asked === total)
    stream.close()
    session.destroy()
    await until(() => wires.admission.inFlight() === 0)
  })

  it('forgets what is under way when its client goes', async () => {
    let release: () => void = () => undefined
    gate = new Promise((resolve) => {
      release = resolve
    })
    const { stream, ended } = open(wires.keys.decide)
    stream.write({ id: 'a', check: QUESTION })
    await until(() => asked === 1)
    stream.cancel()
    expect((await ended).code).toBe(status.CANCELLED)
    release()
    await until(() => wires.admission.inFlight() === 0)
    expect(await new Promise<ServiceError | null>((resolve) => client.Check(QUESTION, bearer(wires.keys.decide), resolve))).toBeNull()
  })
})
