import { connect } from 'node:http2'
import { connectivityState, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { WireNeeds } from '../../../../src/decision/transport/wire-needs.ts'
import { STREAM_IN_FLIGHT_MAX, STREAM_IN_FLIGHT_PER_CONNECTION_MAX } from '../../../../src/model/limits.ts'
import { openAdmission } from '../../../../src/wire/admission.ts'
import { ask, bearer, type Client, deciding, decisionClient, openWires, send, type Wires } from '../wires.ts'

const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }
const PATH = '/castellan.v1.DecisionService/CheckStream'
const opened: Wires[] = []
const clients: Client[] = []
const house = async (change: (needs: WireNeeds) => WireNeeds) => {
  const wires = await openWires(change)
  opened.push(wires)
  const client = decisionClient(wires.grpc.port)
  clients.push(client)
  return { wires, client }
}
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const wires of opened.splice(0)) await wires.close()
})

/** Resolves once `condition` holds: the event loop is let go round in between, no time is waited for. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

function gate() {
  let open: () => void = () => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

function follow(stream: Client) {
  const answers: Client[] = []
  stream.on('data', (answer: Client) => answers.push(answer))
  stream.on('error', () => undefined)
  const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve))
  return { stream, answers, ended }
}

/** Whatever was to be read by now has been read: full round trips that no admission is asked for. */
async function settled(wires: Wires, value: () => number): Promise<void> {
  let before = -1
  while (value() !== before) {
    before = value()
    for (let round = 0; round < 3; round += 1) await send(wires.http.port, { path: '/openapi.json' })
  }
}

/** A message as gRPC frames it: not compressed, its length, its bytes. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

describe('what streams may take of the house', () => {
  it('is no more than what their client reads, also when every item is refused as overloaded', async () => {
    let refused = 0
    let places = Number.POSITIVE_INFINITY
    const real = openAdmission()
    const full = openAdmission(0)
    const { wires, client } = await house((needs) => ({
      ...needs,
      admission: {
        ...real,
        enter() {
          if (places > 0) {
            places -= 1
            real.enter()
          } else {
            refused += 1
            full.enter()
          }
        },
      },
    }))
    places = 1 // for the opening of the stream
    const session = connect(`http://127.0.0.1:${wires.grpc.port}`)
    const head = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' }
    const stream = session.request({ ...head, authorization: `Bearer ${wires.keys.decide}` })
    const padding = 'x'.repeat(200)
    const total = 5_000
    for (let index = 0; index < total; index += 1)
      stream.write(frame(client.CheckStream.requestSerialize({ id: `${padding}${index}`, check: QUESTION })))
    await settled(wires, () => refused)
    expect(refused).toBeGreaterThan(10)
    expect(refused).toBeLessThan(2_000)
    // Once the client reads, the rest is answered.
    stream.resume()
    await until(() => refused === total)
    stream.close()
    session.destroy()
  })

  it('is a place while its caller is looked up, and none when it is open and idle', async () => {
    const look = gate()
    let looked = 0
    const { wires, client } = await house((needs) => ({
      ...needs,
      admission: openAdmission(1),
      authentication: {
        async authenticate(authorization) {
          looked += 1
          await look.passed
          return needs.authentication.authenticate(authorization)
        },
      },
    }))
    const first = follow(client.CheckStream(bearer(wires.keys.decide)))
    await until(() => looked === 1)
    const second = follow(client.CheckStream(bearer(wires.keys.decide)))
    expect((await second.ended).code).toBe(status.RESOURCE_EXHAUSTED)
    expect(looked).toBe(1)
    look.open()
    await until(() => wires.admission.inFlight() === 0)
    // The first stream is open still: the one place is another's.
    expect(await ask(client, 'Check', QUESTION, wires.keys.decide)).toMatchObject({ allowed: true })
    first.stream.write({ id: 'a', check: QUESTION })
    first.stream.end()
    expect((await first.ended).code).toBe(status.OK)
    expect(first.answers).toMatchObject([{ id: 'a', decision: { allowed: true } }])
    const stranger = follow(client.CheckStream(bearer('nobody')))
    expect((await stranger.ended).code).toBe(status.UNAUTHENTICATED)
    expect(wires.admission.inFlight()).toBe(0)
  })

  it('is a quarter for all streams of one connection together; the others go on, and so does it once some are answered', async () => {
    const decide = gate()
    let asked = 0
    const change = deciding((real) => ({
      check: async (question, signal) => {
        if (!('user' in question) || question.user !== 'bob') {
          asked += 1
          await decide.passed
        }
        return real.check(question, signal)
      },
    }))
    const { wires, client } = await house(change)
    const streams = Array.from({ length: 8 }, () => follow(client.CheckStream(bearer(wires.keys.decide))))
    for (const { stream } of streams) {
      for (let index = 0; index < STREAM_IN_FLIGHT_MAX; index += 1) stream.write({ id: `q${index}`, check: QUESTION })
      stream.end()
    }
    await until(() => asked >= STREAM_IN_FLIGHT_PER_CONNECTION_MAX)
    await settled(wires, () => asked)
    expect(asked).toBe(STREAM_IN_FLIGHT_PER_CONNECTION_MAX)
    expect(wires.admission.inFlight()).toBe(STREAM_IN_FLIGHT_PER_CONNECTION_MAX)
    const session = connect(`http://127.0.0.1:${wires.grpc.port}`)
    const other = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${wires.keys.decide}`,
    })
    other.end(frame(client.CheckStream.requestSerialize({ id: 'b', check: { ...QUESTION, user: 'bob' } })))
    const answered = await new Promise<Buffer>((resolve) => other.once('data', resolve))
    expect(client.CheckStream.responseDeserialize(answered.subarray(5))).toMatchObject({ id: 'b', decision: { allowed: true } })
    session.destroy()
    decide.open()
    for (const { ended, answers } of streams) {
      expect((await ended).code).toBe(status.OK)
      expect(answers).toHaveLength(STREAM_IN_FLIGHT_MAX)
      expect(answers.every((answer) => answer.decision?.allowed)).toBe(true)
    }
    expect(wires.admission.inFlight()).toBe(0)
  })
})

describe('a connection of its age', () => {
  it('is asked to leave, and its client goes on over a new one', async () => {
    const { wires, client } = await house((needs) => ({ ...needs, connectionAgeMs: 50 }))
    const session = connect(`http://127.0.0.1:${wires.grpc.port}`)
    expect(await new Promise((resolve) => session.once('goaway', resolve))).toBe(0)
    session.destroy()
    expect(await ask(client, 'Check', QUESTION, wires.keys.decide)).toMatchObject({ allowed: true })
    const channel = client.getChannel()
    const state = channel.getConnectivityState(false)
    // On a busy machine it has left already.
    if (state === connectivityState.READY)
      await new Promise((resolve) => channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, resolve))
    expect(await ask(client, 'Check', QUESTION, wires.keys.decide)).toMatchObject({ allowed: true })
  })
})
