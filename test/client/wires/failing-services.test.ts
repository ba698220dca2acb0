/** Services that stop, hang, lie or break: every call ends by its deadline as an error, never as an allow and never as a deny. */
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { Client } from '../../../src/client/client.ts'
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'
import { CastellanError, UnavailableError } from '../../../src/client/errors.ts'
import { type GrpcServer, openGrpcServer } from '../../../src/decision/transport/grpc/server.ts'
import { openHttpWire } from '../../../src/decision/transport/http/open.ts'
import type { HttpServer } from '../../../src/wire/http/server.ts'
import { openWires, type Wires } from '../../decision/transport/wires.ts'

const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }
const PATIENT_MS = 20_000
type Wire = 'grpc' | 'http'
const WIRES = ['grpc', 'http'] as const

const opened: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

function open(wire: Wire, port: number, key = 'cst_some-key', options: { retries?: number; deadlineMs?: number } = {}): Client {
  const client =
    wire === 'grpc'
      ? createClient({ target: `dns:///localhost:${port}`, credentials: { key }, ...options })
      : createHttpClient({ url: `http://127.0.0.1:${port}`, credentials: { key }, ...options })
  opened.push(() => client.close())
  return client
}

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(
    () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(resolve)
      }),
  )
  return (server.address() as AddressInfo).port
}

async function faultOf(asking: Promise<unknown>): Promise<CastellanError> {
  const fault = await asking.then(
    (answer) => new Error(`answered ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  )
  expect(fault).toBeInstanceOf(CastellanError)
  return fault as CastellanError
}

describe.each(WIRES)('over %s', (wire) => {
  it('nobody listening is unavailable, for every method', async () => {
    const port = await freePort()
    const client = open(wire, port)
    const askings = [
      client.check(QUESTION),
      client.can(QUESTION),
      client.enforce(QUESTION),
      client.checkAll([QUESTION, QUESTION]),
      client.listPermissions(QUESTION_NAMES),
      client.for(QUESTION_NAMES).can(QUESTION.permission),
    ]
    for (const fault of await Promise.all(askings.map(faultOf))) {
      expect(fault).toBeInstanceOf(UnavailableError)
      expect(['unreachable', 'deadline_exceeded']).toContain(fault.code)
    }
  })

  it('a server that accepts and never answers is unavailable by the deadline', async () => {
    const port = await listening(createServer(() => undefined))
    const client = open(wire, port, undefined, { deadlineMs: 100 })
    const askings = [client.check(QUESTION), client.checkAll([QUESTION, QUESTION]), client.listPermissions(QUESTION_NAMES)]
    for (const fault of await Promise.all(askings.map(faultOf)))
      expect(fault).toMatchObject({ name: 'UnavailableError', code: 'deadline_exceeded' })
  })

  it('a server that hangs up on everybody is unavailable', async () => {
    const port = await listening(createServer((socket) => socket.destroy()))
    const fault = await faultOf(open(wire, port).check(QUESTION))
    expect(fault).toBeInstanceOf(UnavailableError)
    expect(['unreachable', 'deadline_exceeded']).toContain(fault.code)
  })

  it('a server of another language is unavailable', async () => {
    const port = await listening(createServer((socket) => socket.end('220 mail.example ESMTP\r\n')))
    expect(await faultOf(open(wire, port).check(QUESTION))).toBeInstanceOf(UnavailableError)
  })

  it('refuses what would be too much at once, and goes on when it is less', async () => {
    const port = await listening(createServer(() => undefined))
    const client = open(wire, port, undefined, { deadlineMs: 5_000 })
    const gone = new AbortController()
    const waiting = [1, 2].map(() => faultOf(client.checkAll(Array(10_000).fill(QUESTION), { signal: gone.signal })))
    expect(await faultOf(client.check(QUESTION))).toMatchObject({ name: 'UnavailableError', code: 'overloaded' })
    gone.abort()
    for (const fault of await Promise.all(waiting)) expect(fault.code).toBe('cancelled')
    expect(await faultOf(client.check(QUESTION, { deadlineMs: 50 }))).toMatchObject({ code: 'deadline_exceeded' })
  })
})

describe('answers over HTTP that are none', () => {
  const good = { allowed: true, reason: 'ROLE', decisionId: 'id', policyRevision: 'r', position: 1, via: [] }
  const json = (body: unknown, status = 200, type = 'application/json'): RequestListener => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return (_request, response) => response.writeHead(status, { 'content-type': type }).end(text)
  }
  const asked = async (listener: RequestListener) =>
    await open('http', await listening(createHttpServer(listener)), undefined, { deadlineMs: PATIENT_MS, retries: 0 })

  it('takes a clear answer', async () => {
    expect(await (await asked(json(good))).check(QUESTION)).toEqual(good)
    expect(await (await asked(json({ ...good, reason: 'A_NEW_REASON' }))).can(QUESTION)).toBe(true)
  })

  it.each([
    ['a text for allowed', { ...good, allowed: 'true' }],
    ['1 for allowed', { ...good, allowed: 1 }],
    ['no allowed', { ...good, allowed: undefined }],
    ['allowed for a reason to deny', { ...good, reason: 'NO_ASSIGNMENT' }],
    ['denied for a reason to allow', { ...good, allowed: false }],
    ['no reason', { ...good, reason: undefined }],
    ['a position that is none', { ...good, position: -1 }],
    ['a position as text', { ...good, position: '1' }],
    ['roles that are no texts', { ...good, via: [1] }],
    ['a moment that is none', { ...good, validUntil: 'tomorrow' }],
    ['a list', [good]],
    ['null', null],
    ['half a JSON', '{"allowed":true,"reason":"ROLE"'],
    ['nothing', ''],
  ])('%s is no answer', async (_name, body) => {
    expect(await faultOf((await asked(json(body))).check(QUESTION))).toMatchObject({ name: 'UnavailableError', code: 'bad_answer' })
  })

  it('a page with status 200 is no answer, and neither is a redirect', async () => {
    const page = await asked(json('<html>{"allowed":true}</html>', 200, 'text/html'))
    expect(await faultOf(page.check(QUESTION))).toMatchObject({ code: 'bad_answer' })
    const elsewhere = await asked((_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
    expect(await faultOf(elsewhere.check(QUESTION))).toMatchObject({ name: 'UnavailableError', code: 'bad_answer' })
  })

  it.each([
    ['too few', { items: [{ decision: good }] }],
    ['too many', { items: [{ decision: good }, { decision: good }, { decision: good }] }],
    ['no list', { decision: good }],
  ])('a batch of %s answers nobody', async (_name, body) => {
    const client = await asked(json(body))
    const faults = await Promise.all([
      faultOf(client.check(QUESTION)),
      faultOf(client.check(QUESTION)),
      faultOf(client.checkAll([QUESTION, QUESTION])),
    ])
    expect(faults.map(({ code }) => code)).toEqual(['bad_answer', 'bad_answer', 'bad_answer'])
  })

  it.each([
    [400, 'request_invalid', 'InvalidRequestError'],
    [401, 'unauthenticated', 'UnauthenticatedError'],
    [403, 'permission_denied', 'CallerDeniedError'],
    [404, 'route_not_found', 'UnavailableError'],
    [429, 'overloaded', 'UnavailableError'],
    [500, 'internal', 'UnavailableError'],
    [503, 'store_unavailable', 'UnavailableError'],
    [504, 'deadline_exceeded', 'UnavailableError'],
    [418, 'a_new_code', 'UnavailableError'],
  ])('a problem of status %d is the error of its code %s', async (status, code, name) => {
    const client = await asked(json({ status, code, title: '\u001b[31mred', detail: 'x' }, status, 'application/problem+json'))
    const fault = await faultOf(client.check(QUESTION))
    expect(fault).toMatchObject({ name, code })
    expect(fault.message).not.toContain('\u001b')
  })

  it.each([
    [400, 'bad_answer'],
    [429, 'resource_exhausted'],
    [500, 'internal'],
    [502, 'unavailable'],
    [503, 'unavailable'],
  ])('a page of a proxy with status %d is unavailable, %s', async (status, code) => {
    const client = await asked(json('<html></html>', status, 'text/html'))
    expect(await faultOf(client.check(QUESTION))).toMatchObject({ name: 'UnavailableError', code })
  })

  it('asks again only what was unavailable, and says how long it should be left alone', async () => {
    for (const [status, times] of [
      [503, 3],
      [429, 1],
      [500, 1],
      [504, 1],
    ] as const) {
      let requests = 0
      const server = createHttpServer((_request, response) => {
        requests += 1
        response.writeHead(status, { 'retry-after': '7' }).end()
      })
      const client = open('http', await listening(server), undefined, { retries: 2, deadlineMs: PATIENT_MS })
      expect(await faultOf(client.check(QUESTION))).toMatchObject({ name: 'UnavailableError', retryAfterSeconds: 7 })
      expect([status, requests]).toEqual([status, times])
    }
  })

  it('an answer without end is cut off, and one that breaks off is none', async () => {
    const endless = await asked((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(1_000_000)));
      }
      response.on('drain', more).on('error', () => undefined)
      more()
    })
    expect(await faultOf(endless.check(QUESTION))).toMatchObject({ code: 'bad_answer' })
    const broken = await asked((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write(JSON.stringify(good), () => response.destroy())
    })
    expect(await faultOf(broken.check(QUESTION))).toMatchObject({ code: 'unreachable' })
  })

  it('a kept connection that the service closed meanwhile costs no retry', async () => {
    let connections = 0
    const server = createHttpServer((request, response) => {
      // The second request of a connection meets one that is just being closed.
      if (served.has(request.socket)) request.socket.destroy()
      else {
        served.add(request.socket)
        json(good)(request, response)
      }
    })
    const served = new WeakSet<Socket>()
    server.on('connection', () => {
      connections += 1
    })
    const client = open('http', await listening(server), undefined, { retries: 0, deadlineMs: PATIENT_MS })
    expect(await client.can(QUESTION)).toBe(true)
    expect(await client.can(QUESTION)).toBe(true)
    expect(connections).toBe(2)
  })
})

describe('answers over gRPC that are none', () => {
  /** Answers every method with these bytes, or this status. */
  const asked = async (bytes: Buffer | Partial<grpc.ServiceError>) => {
    const server = new grpc.Server()
    const method = (name: string) => ({
      path: `/castellan.v1.DecisionService/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: Buffer) => value,
      requestDeserialize: (value: Buffer) => value,
      responseSerialize: (value: Buffer) => value,
      responseDeserialize: (value: Buffer) => value,
    })
    const answer: grpc.handleUnaryCall<Buffer, Buffer> = (_call, callback) =>
      Buffer.isBuffer(bytes) ? callback(null, bytes) : callback(bytes, null)
    const names = ['Check', 'BatchCheck', 'ListPermissions']
    server.addService(
      Object.fromEntries(names.map((name) => [name, method(name)])) as grpc.ServiceDefinition,
      Object.fromEntries(names.map((name) => [name, answer])),
    )
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (fault, bound) => (fault ? reject(fault) : resolve(bound))),
    )
    opened.push(() => server.forceShutdown())
    return open('grpc', port, undefined, { retries: 0, deadlineMs: PATIENT_MS })
  }

  it.each([
    ['no bytes', Buffer.alloc(0)],
    ['allowed and nothing else', Buffer.from([0x08, 0x01])],
    ['bytes that are no message', Buffer.from([0xff, 0xff, 0xff])],
  ])('%s is no answer', async (_name, bytes) => {
    const client = await asked(bytes)
    expect(await faultOf(client.check(QUESTION))).toMatchObject({ name: 'UnavailableError', code: 'bad_answer' })
    expect(await faultOf(client.checkAll([QUESTION, QUESTION]))).toMatchObject({ name: 'UnavailableError', code: 'bad_answer' })
    expect(await faultOf(client.listPermissions(QUESTION_NAMES))).toMatchObject({ name: 'UnavailableError', code: 'bad_answer' })
  })

  it.each([
    [grpc.status.UNAVAILABLE, 'UnavailableError', 'unreachable'],
    [grpc.status.RESOURCE_EXHAUSTED, 'UnavailableError', 'resource_exhausted'],
    [grpc.status.DEADLINE_EXCEEDED, 'UnavailableError', 'deadline_exceeded'],
    [grpc.status.INTERNAL, 'UnavailableError', 'internal'],
    [grpc.status.UNKNOWN, 'UnavailableError', 'bad_answer'],
    [grpc.status.UNIMPLEMENTED, 'UnavailableError', 'route_not_found'],
    [grpc.status.UNAUTHENTICATED, 'UnauthenticatedError', 'unauthenticated'],
    [grpc.status.PERMISSION_DENIED, 'CallerDeniedError', 'permission_denied'],
    [grpc.status.INVALID_ARGUMENT, 'InvalidRequestError', 'request_invalid'],
  ])('status %d without details is %s %s', async (code, name, expected) => {
    const client = await asked({ code, details: '\u001b[31mloud' })
    const fault = await faultOf(client.check(QUESTION))
    expect(fault).toMatchObject({ name, code: expected })
    expect(fault.message).not.toContain('loud')
  })
})

describe('the real service', () => {
  let wires: Wires
  beforeAll(async () => {
    wires = await openWires()
  })
  afterAll(async () => await wires.close())

  const start = (wire: Wire, port: number): Promise<GrpcServer | HttpServer> =>
    wire === 'grpc'
      ? openGrpcServer({ ...wires.needs, port })
      : openHttpWire({ ...wires.needs, port, readiness: async () => wires.readiness })

  it.each(WIRES)('stopped over %s it is unavailable; back on the same port the next call is answered', async (wire) => {
    const first = await start(wire, 0)
    const client = open(wire, first.port, wires.keys.decide, { deadlineMs: PATIENT_MS })
    expect(await client.can(QUESTION)).toBe(true)
    await first.close()
    for (let call = 0; call < 3; call += 1) {
      const fault = await faultOf(client.check(QUESTION))
      expect(fault).toMatchObject({ name: 'UnavailableError', code: 'unreachable' })
    }
    const second = await start(wire, first.port)
    expect(await client.can(QUESTION)).toBe(true)
    expect(await client.can({ ...QUESTION, user: 'nobody' })).toBe(false)
    await second.close()
  })
})

const QUESTION_NAMES = { user: 'ann', tenant: 'north' }

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
