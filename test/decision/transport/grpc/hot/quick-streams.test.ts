import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { loadDefinitions } from '../../../../../src/decision/transport/grpc/definitions.ts'
import { ownServerOf } from '../../../../../src/decision/transport/grpc/hot/own-server.ts'
import { quickStreams } from '../../../../../src/decision/transport/grpc/hot/quick-streams.ts'
import { quickAnswers } from '../../../../../src/decision/transport/grpc/quick-answers.ts'
import { type GrpcServer, openGrpcServer } from '../../../../../src/decision/transport/grpc/server.ts'
import { wireQuickDecisions } from '../../../../../src/decision/transport/wire-needs.ts'
import { BODY_BYTES_MAX } from '../../../../../src/model/limits.ts'
import { openWires, type Wires } from '../../wires.ts'

const definitions = loadDefinitions()
const SERVICE = '/castellan.v1.DecisionService'
const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }
const encode = (name: string, message: object) => definitions.serialize(`castellan.v1.${name}`, message)
const CHECK = encode('CheckRequest', QUESTION)

function frame(body: Uint8Array, flag = 0, length = body.length): Buffer {
  const head = Buffer.alloc(5)
  head[0] = flag
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, body])
}

let wires: Wires
/** The same house, with grpc-js alone in front of it. */
let alone: GrpcServer
/** The same house, on a server that counts what is left to grpc-js. */
let counted: Server
/** It listens on two addresses, as for a name that has two. */
let countedPort: number
let otherCountedPort: number
let passedOn = 0
const sessions: ClientHttp2Session[] = []

beforeAll(async () => {
  wires = await openWires()
  alone = await openGrpcServer(wires.needs, { hot: false })
  counted = new Server()
  const bound = () =>
    new Promise<number>((resolve, reject) =>
      counted.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (fault, port) => (fault ? reject(fault) : resolve(port))),
    )
  countedPort = await bound()
  otherCountedPort = await bound()
  const quick = wireQuickDecisions('grpc', wires.needs)
  if (quick === undefined) throw new Error('nothing is traced here')
  ownServerOf(counted)?.replaceListener((own) =>
    quickStreams(quickAnswers(quick, definitions), wires.needs, (...stream) => {
      passedOn += 1
      own(...stream)
    }),
  )
  // Memory has the answers from here on.
  for (const path of ['Check', 'Check']) await sent(alone.port, { path }, [frame(CHECK)])
})
afterAll(async () => {
  for (const session of sessions) session.destroy()
  counted.forceShutdown()
  await alone.close()
  await wires.close()
})

function sessionTo(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  sessions.push(session)
  return session
}

interface Outcome {
  readonly first: IncomingHttpHeaders
  readonly data: string
  readonly trailers: IncomingHttpHeaders | undefined
  readonly reset: number
}

interface Sending {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Between the pieces of the body: a turn of the server's. */
  readonly slowly?: boolean
  readonly trailers?: boolean
}

/** What differs from one answer to the next, left out. */
const DIFFERS = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g

async function sent(
  port: number,
  { path = 'Check', headers = {}, slowly = false, trailers = false }: Sending,
  pieces: readonly Buffer[],
): Promise<Outcome> {
  const session = sessionTo(port)
  const fields = Object.fromEntries(
    Object.entries({
      ':method': 'POST',
      ':path': `${SERVICE}/${path}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${wires.keys.decide}`,
      ...headers,
    }).filter(([, value]) => value !== undefined),
  )
  const stream = session.request(fields, { endStream: pieces.length === 0, waitForTrailers: trailers })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': 'yes' }))
  stream.on('error', () => undefined)
  const outcome = new Promise<Outcome>((resolve) => {
    let first: IncomingHttpHeaders = {}
    let last: IncomingHttpHeaders | undefined
    const data: Buffer[] = []
    stream.on('response', (answered) => {
      first = answered
    })
    stream.on('trailers', (answered) => {
      last = answered
    })
    stream.on('data', (chunk) => data.push(chunk))
    stream.on('close', () => resolve({ first, data: Buffer.concat(data).toString('latin1'), trailers: last, reset: stream.rstCode }))
  })
  for (const [index, piece] of pieces.entries()) {
    if (slowly) await new Promise((resolve) => setTimeout(resolve, 20))
    if (stream.destroyed) break
    if (index === pieces.length - 1) stream.end(piece)
    else stream.write(piece)
  }
  const answered = await outcome
  session.close()
  return answered
}

function comparable({ first, data, trailers, reset }: Outcome) {
  const { date: _date, ...rest } = first
  return JSON.parse(JSON.stringify({ first: rest, data, trailers, reset }).replace(DIFFERS, 'some-id'))
}

/** Says the same as grpc-js alone. @returns what both said */
async function expectTheSame(sending: Sending, pieces: readonly Buffer[]): Promise<Outcome> {
  const [hot, cold] = await Promise.all([sent(wires.grpc.port, sending, pieces), sent(alone.port, sending, pieces)])
  expect(comparable(hot)).toEqual(comparable(cold))
  return hot
}

/** Of some attempts the best: what the network tears apart is passed on, and rightly. */
async function passedOnBy(sending: Sending, pieces: readonly Buffer[], port = countedPort): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5 && least > 0; attempt++) {
    const before = passedOn
    await sent(port, sending, pieces)
    least = Math.min(least, passedOn - before)
  }
  return least
}

const STRANGE = frame(encode('CheckRequest', { ...QUESTION, user: 'ünal' }))
const RESOURCE = frame(encode('CheckRequest', { ...QUESTION, resource: { fields: { region: { stringValue: 'north' } } } }))
const BATCH = frame(
  encode('BatchCheckRequest', { ...QUESTION, permission: undefined, items: [{ permission: 'a' }, { permission: QUESTION.permission }] }),
)
const MANY = frame(encode('CheckPermissionsRequest', { user: 'ann', tenant: 'north', permissions: [QUESTION.permission, 'finance.read'] }))

describe('the HTTP/2 server of grpc-js', () => {
  it('is found where this service looks for it', () => {
    expect(ownServerOf(counted)).toBeDefined()
  })

  it('is quick on each address that it listens on', async () => {
    for (const port of [countedPort, otherCountedPort]) expect(await passedOnBy({}, [frame(CHECK)], port)).toBe(0)
  })

  it('is not touched when it is not the one that is known', async () => {
    expect(ownServerOf(new Server())).toBeUndefined()
    expect(ownServerOf({} as Server)).toBeUndefined()
    const [one, two] = [new Map([[{}, {}]]), new Map([[{ listeners: () => [], removeListener: () => undefined }, {}]])]
    expect(ownServerOf({ http2Servers: one } as unknown as Server)).toBeUndefined()
    expect(ownServerOf({ http2Servers: two } as unknown as Server)).toBeUndefined()
    const known = { listeners: () => [() => undefined], removeListener: () => undefined }
    const oneOfTwo = new Map([[known, {}], ...two])
    expect(ownServerOf({ http2Servers: oneOfTwo } as unknown as Server)).toBeUndefined()
  })
})

describe('a question that memory can answer', () => {
  it.each([
    ['Check', [frame(CHECK)]],
    ['Check', [RESOURCE]],
    ['BatchCheck', [BATCH]],
    ['CheckPermissions', [MANY]],
    ['Check', [frame(CHECK).subarray(0, 3), frame(CHECK).subarray(3)]],
  ])('is answered without grpc-js: %s', async (path, pieces) => {
    expect(await passedOnBy({ path, headers: { 'grpc-timeout': '5S', 'x-request-id': 'r-1' } }, pieces)).toBe(0)
  })

  it.each([
    ['Check', {}, [frame(CHECK)]],
    ['Check', {}, [RESOURCE]],
    ['Check', {}, [STRANGE]],
    ['BatchCheck', {}, [BATCH]],
    ['CheckPermissions', {}, [MANY]],
    ['Check', { 'content-type': 'application/grpc+proto' }, [frame(CHECK)]],
    ['Check', { 'x-request-id': 'mine-1' }, [frame(CHECK)]],
    ['Check', { 'x-request-id': 'not fit to be said back' }, [frame(CHECK)]],
    ['Check', { 'grpc-timeout': '3S', 'grpc-encoding': 'gzip', traceparent: 'broken' }, [frame(CHECK)]],
  ])('is answered as by grpc-js: %s %j', async (path, headers, pieces) => {
    const { trailers, reset } = await expectTheSame({ path, headers }, pieces)
    expect(trailers).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'OK' })
    expect(reset).toBe(0)
  })

  it('is answered as by grpc-js when it comes slowly, and when trailers follow it', async () => {
    const pieces = [...frame(CHECK)].map((byte) => Buffer.of(byte))
    expect(
      (await expectTheSame({ slowly: true }, [Buffer.alloc(0), frame(CHECK).subarray(0, 7), frame(CHECK).subarray(7)])).trailers,
    ).toMatchObject({ 'grpc-status': '0' })
    expect((await expectTheSame({}, pieces)).trailers).toMatchObject({ 'grpc-status': '0' })
    expect((await expectTheSame({ trailers: true }, [frame(CHECK)])).trailers).toMatchObject({ 'grpc-status': '0' })
  })

  it('is answered in whole, however large its answer', async () => {
    const items = Array.from({ length: 1_000 }, () => ({ permission: QUESTION.permission }))
    const { data, trailers } = await expectTheSame({ path: 'BatchCheck' }, [
      frame(encode('BatchCheckRequest', { user: 'ann', tenant: 'north', items })),
    ])
    expect(data.length).toBeGreaterThan(100_000)
    expect(trailers).toMatchObject({ 'grpc-status': '0' })
  })
})

describe('what is no such question', () => {
  it.each<[string, Sending, readonly Buffer[]]>([
    ['no message', {}, [Buffer.alloc(0)]],
    ['no body', {}, []],
    ['two messages', {}, [Buffer.concat([frame(CHECK), frame(CHECK)])]],
    ['two messages, slowly', { slowly: true }, [frame(CHECK), frame(CHECK)]],
    ['half a frame', {}, [frame(CHECK).subarray(0, 4)]],
    ['half a message', {}, [frame(CHECK).subarray(0, 12)]],
    ['a longer message than it says', {}, [frame(CHECK, 0, CHECK.length - 1)]],
    ['a shorter message than it says', {}, [frame(CHECK, 0, CHECK.length + 1)]],
    ['a message that says it is compressed', {}, [frame(CHECK, 1)]],
    ['a message compressed in a way nobody knows', { headers: { 'grpc-encoding': 'zip' } }, [frame(CHECK, 1)]],
    ['a message that is not compressed as it says', { headers: { 'grpc-encoding': 'gzip' } }, [frame(CHECK, 1)]],
    ['an unknown flag', {}, [frame(CHECK, 7)]],
    ['an empty message', {}, [frame(Buffer.alloc(0))]],
    ['bytes that are no message', {}, [frame(Buffer.from('ffffffff', 'hex'))]],
    ['a field too few', {}, [frame(encode('CheckRequest', { user: 'ann', tenant: 'north' }))]],
    ['a message that says it is too large', {}, [frame(CHECK, 0, BODY_BYTES_MAX + 1)]],
    ['a message that is too large', {}, [frame(Buffer.alloc(BODY_BYTES_MAX + 1, 0x0a))]],
    ['another type', { headers: { 'content-type': 'application/json' } }, [frame(CHECK)]],
    ['no type', { headers: { 'content-type': undefined } }, [frame(CHECK)]],
    ['another method of HTTP', { headers: { ':method': 'PUT' } }, [frame(CHECK)]],
    ['another path', { path: 'Chec' }, [frame(CHECK)]],
    ['a timeout that is none', { headers: { 'grpc-timeout': 'soon' } }, [frame(CHECK)]],
    ['nobody who asks', { headers: { authorization: undefined } }, [frame(CHECK)]],
    ['an unknown key', { headers: { authorization: 'Bearer cst_unknown' } }, [frame(CHECK)]],
    ['another tenant', {}, [frame(encode('CheckRequest', { ...QUESTION, tenant: 'south' }))]],
    ['a token where none is taken', {}, [frame(encode('CheckRequest', { permission: 'a', accessToken: 'a.b.c' }))]],
    ['a position that is not reached', {}, [frame(encode('CheckRequest', { ...QUESTION, minPosition: -1 }))]],
  ])('is answered as by grpc-js: %s', async (_what, sending, pieces) => {
    await expectTheSame({ ...sending, headers: { 'x-request-id': 'r-1', ...sending.headers } }, pieces)
  })

  it('is left to grpc-js at the end of the turn, which holds it to its deadline', async () => {
    const { first } = await expectTheSame({ headers: { 'grpc-timeout': '50m' }, slowly: true }, [
      frame(CHECK).subarray(0, 7),
      ...Array.from({ length: 20 }, () => Buffer.alloc(0)),
      frame(CHECK).subarray(7),
    ])
    expect(first).toMatchObject({ 'grpc-status': '4' })
  })

  it('ends no process when it is hung up in the middle, and others are answered on', async () => {
    const session = sessionTo(wires.grpc.port)
    const headers = {
      ':method': 'POST',
      ':path': `${SERVICE}/Check`,
      'content-type': 'application/grpc',
      authorization: `Bearer ${wires.keys.decide}`,
    }
    const codes = [constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR, constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_PROTOCOL_ERROR]
    for (const code of codes)
      for (const piece of [Buffer.alloc(0), frame(CHECK).subarray(0, 9), frame(CHECK)]) {
        const stream = session.request(headers)
        stream.on('error', () => undefined)
        const closed = new Promise((resolve) => stream.on('close', resolve))
        stream.write(piece)
        stream.close(code)
        await closed
      }
    const torn = sessionTo(wires.grpc.port)
    torn
      .request(headers)
      .on('error', () => undefined)
      .write(frame(CHECK).subarray(0, 9))
    await new Promise((resolve) => torn.on('connect', resolve))
    torn.destroy()
    expect((await expectTheSame({}, [frame(CHECK)])).trailers).toMatchObject({ 'grpc-status': '0' })
  })
})

describe('a gRPC server that is closed', () => {
  it('ends its connections, whatever is under way on them', async () => {
    const closing = await openGrpcServer(wires.needs)
    const session = sessionTo(closing.port)
    await new Promise((resolve) => session.once('remoteSettings', resolve))
    const headers = { ':method': 'POST', ':path': `${SERVICE}/Check`, 'content-type': 'application/grpc' }
    session
      .request(headers)
      .on('error', () => undefined)
      .write(frame(CHECK).subarray(0, 7))
    const closed = new Promise((resolve) => session.once('close', resolve))
    await closing.close()
    await closed
  })
})
