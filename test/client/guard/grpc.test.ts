/** gRPC servers: no handler sees a call that was not allowed, of whichever kind; asked of the real service. */

import { EventEmitter, once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openClient } from '../../../src/client/asking/open-client.ts'
import type { CallOptions, Client, Decision, Question } from '../../../src/client/client.ts'
import { createClient } from '../../../src/client/create-client.ts'
import { createGuard, type GrpcGuard } from '../../../src/client/guard/grpc.ts'
import type { GrpcTable } from '../../../src/client/guard/grpc-methods.ts'
import { openWires, type Wires } from '../../decision/transport/wires.ts'
import { FAILURES, failAsTold, type GuardHouse, hanging, ODD_HEADERS, openGuardHouse } from './guard-house.ts'

const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() }
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/clinic.Stays/${name}`, requestStream, responseStream },
  ...{ requestSerialize: text.serialize, requestDeserialize: text.deserialize },
  ...{ responseSerialize: text.serialize, responseDeserialize: text.deserialize },
})
const STAYS = {
  Unary: method('Unary', false, false),
  Upload: method('Upload', true, false),
  Download: method('Download', false, true),
  Both: method('Both', true, true),
}
type Kind = keyof typeof STAYS
const KINDS = Object.keys(STAYS) as readonly Kind[]
const READ = 'coding.medical-stay.read'
const VALIDATE = 'coding.medical-stay.validate'

interface Heard {
  readonly code: grpc.status
  readonly metadata: grpc.Metadata
  readonly messages: readonly string[]
}

interface Running {
  /** What handlers were seen to begin, by kind. */
  readonly began: string[]
  call(kind: Kind, headers?: Record<string, string>, options?: grpc.CallOptions): Promise<Heard>
  /** The last call. */
  cancel(): void
  close(): void
}

let wires: Wires
let service: Client
let house: GuardHouse
beforeAll(async () => {
  wires = await openWires()
  service = createClient({
    target: `127.0.0.1:${wires.grpc.port}`,
    credentials: { key: wires.keys.decide },
    insecure: true,
    deadlineMs: 60_000,
  })
  house = await openGuardHouse()
})
afterAll(async () => {
  await service.close()
  await wires.close()
})

const byName = {
  subject: ({ metadata }: { readonly metadata: grpc.Metadata }) => {
    const [user] = metadata.get('user')
    return user === undefined ? undefined : { user: String(user), tenant: 'north' }
  },
}

/** @param wrap around each handler, or a table for the interceptor */
async function run(
  interceptors: grpc.ServerInterceptor[],
  wrap: <H>(handler: H, kind: Kind) => H = (handler) => handler,
): Promise<Running> {
  const began: string[] = []
  const server = new grpc.Server({ interceptors })
  server.addService(STAYS, {
    Unary: wrap((call: grpc.ServerUnaryCall<string, string>, answer: grpc.sendUnaryData<string>) => {
      began.push('Unary')
      answer(null, call.request)
    }, 'Unary'),
    Upload: wrap((call: grpc.ServerReadableStream<string, string>, answer: grpc.sendUnaryData<string>) => {
      began.push('Upload')
      const all: string[] = []
      call.on('data', (message) => all.push(message)).on('end', () => answer(null, all.join()))
    }, 'Upload'),
    Download: wrap((call: grpc.ServerWritableStream<string, string>) => {
      began.push('Download')
      call.write(call.request)
      call.end()
    }, 'Download'),
    Both: wrap((call: grpc.ServerDuplexStream<string, string>) => {
      began.push('Both')
      call.on('data', (message) => call.write(message)).on('end', () => call.end())
    }, 'Both'),
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (fault, bound) => (fault ? reject(fault) : resolve(bound))),
  )
  const Stays = grpc.makeGenericClientConstructor(STAYS, 'Stays')
  const client = new Stays(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  let last: { cancel(): void } | undefined
  return {
    began,
    cancel: () => last?.cancel(),
    call: (kind, headers = {}, options = {}) => {
      const metadata = new grpc.Metadata()
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
      return hearCall(client, kind, metadata, options, (call) => {
        last = call
      })
    },
    close() {
      client.close()
      server.forceShutdown()
    },
  }
}

function hearCall(
  client: grpc.Client,
  kind: Kind,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  began: (call: { cancel(): void }) => void,
): Promise<Heard> {
  return new Promise((resolve) => {
    const messages: string[] = []
    const { path, requestStream, responseStream } = STAYS[kind]
    const ended = ({ code, metadata: trailer }: grpc.StatusObject) => resolve({ code, metadata: trailer, messages })
    const answered = (_fault: unknown, message?: string) => void (message !== undefined && messages.push(message))
    const { serialize, deserialize } = text
    const call =
      requestStream && responseStream
        ? client.makeBidiStreamRequest(path, serialize, deserialize, metadata, options)
        : requestStream
          ? client.makeClientStreamRequest(path, serialize, deserialize, metadata, options, answered)
          : responseStream
            ? client.makeServerStreamRequest(path, serialize, deserialize, 'a', metadata, options)
            : client.makeUnaryRequest(path, serialize, deserialize, 'a', metadata, options, answered)
    began(call)
    call.on('status', ended)
    call.on('error', () => undefined)
    if (responseStream) call.on('data', (message: string) => messages.push(message))
    if (requestStream) {
      const sending = call as grpc.ClientWritableStream<string>
      sending.write('a')
      sending.end()
    }
  })
}

/** It allows, but only when it is told to, whoever still waits. */
function lateClient() {
  const events = new EventEmitter()
  const allowed: Decision = { allowed: true, reason: 'ROLE', policyRevision: 'x', position: 1, via: ['coder'] }
  const check = async (_question: Question, options?: CallOptions) => {
    options?.signal?.addEventListener('abort', () => events.emit('cancelled'))
    const answer = once(events, 'answer')
    events.emit('asked')
    await answer
    return allowed
  }
  const checkAll = async () => []
  const listPermissions = () => new Promise<never>(() => undefined)
  return {
    client: openClient({ check, checkAll, listPermissions, close: async () => undefined }),
    asked: () => once(events, 'asked'),
    cancelled: () => once(events, 'cancelled'),
    answer: () => events.emit('answer'),
  }
}

const tableOf = (requirement: GrpcTable[string]): GrpcTable => Object.fromEntries(KINDS.map((kind) => [STAYS[kind].path, requirement]))

describe.each<[string, (guard: GrpcGuard, requirement: GrpcTable[string]) => Promise<Running>]>([
  ['interceptor', (guard, requirement) => run([guard.interceptor(tableOf(requirement))])],
  ['guard', (guard, requirement) => run([], ((handler: never) => guard.guard(handler, requirement)) as never)],
])('%s', (_way, open) => {
  it('lets calls of all kinds through with all their messages, and keeps handlers from calls that are denied', async () => {
    const guard = createGuard(service, byName)
    const running = await open(guard, guard.require(VALIDATE))
    for (const kind of KINDS) {
      expect(await running.call(kind, { user: 'ann' })).toMatchObject({ code: grpc.status.OK, messages: ['a'] })
      expect(running.began.splice(0)).toEqual([kind])
      const denied = await running.call(kind, { user: 'bob' })
      expect(denied).toMatchObject({ code: grpc.status.PERMISSION_DENIED, messages: [] })
      expect(denied.metadata.get('castellan-reason')).toEqual(['ROLE_LACKS_PERMISSION'])
      expect(denied.metadata.get('castellan-decision-id')[0]).toMatch(/^[0-9a-f-]{36}$/)
      expect((await running.call(kind)).code).toBe(grpc.status.UNAUTHENTICATED)
      expect(running.began).toEqual([])
    }
    running.close()
  })

  it.each(FAILURES)('lets nobody through when %s', async (_name, client, status) => {
    const guard = createGuard(client, byName)
    const running = await open(guard, guard.require(READ))
    for (const kind of KINDS) {
      const { code, metadata } = await running.call(kind, { user: 'ann' })
      expect(code).toBe(status === 503 ? grpc.status.UNAVAILABLE : grpc.status.INTERNAL)
      expect(JSON.stringify(metadata.getMap())).not.toContain('secret')
    }
    expect(running.began).toEqual([])
    running.close()
  })

  it('ends its wait when the call does, and begins no handler when the answer comes after all', async () => {
    const late = lateClient()
    const guard = createGuard(late.client, byName)
    const running = await open(guard, guard.require(READ))
    for (const kind of ['Unary', 'Both'] as const) {
      const asked = late.asked()
      const heard = running.call(kind, { user: 'ann' })
      await asked
      const cancelled = late.cancelled()
      running.cancel()
      await cancelled
      late.answer()
      expect((await heard).code).toBe(grpc.status.CANCELLED)
    }
    expect((await running.call('Unary', { user: 'ann' }, { deadline: Date.now() + 50 })).code).toBe(grpc.status.DEADLINE_EXCEEDED)
    expect(running.began).toEqual([])
    running.close()
  })

  it('begins no handler for anything that the subject or a resource loader throws, whatever it is', async () => {
    const told = ({ metadata }: { readonly metadata: grpc.Metadata }) => ({ headers: metadata.getMap() })
    const guard = createGuard(service, { subject: (call) => failAsTold('subject', told(call)) ?? { user: 'ann', tenant: 'north' } })
    const running = await open(guard, guard.require(READ, { resource: (call) => failAsTold('resource', told(call)) }))
    expect((await running.call('Unary')).code).toBe(grpc.status.OK)
    for (const headers of ODD_HEADERS)
      expect([headers, (await running.call('Unary', headers)).code]).toEqual([headers, grpc.status.INTERNAL])
    expect(running.began).toEqual(['Unary'])
    running.close()
  })

  it('reads the bearer token of the metadata, and lets nobody through whose resource cannot be loaded', async () => {
    const guard = createGuard(house.client)
    const running = await open(
      guard,
      guard.require('sales.quote.send', {
        resource: ({ metadata }) => {
          const [amount] = metadata.get('amount')
          if (amount === undefined) throw new RangeError('secret')
          return { amount: Number(amount), discountPercent: 0 }
        },
      }),
    )
    const authorization = `Bearer ${house.ann}`
    expect((await running.call('Unary', { authorization, amount: '10' })).code).toBe(grpc.status.OK)
    expect((await running.call('Unary', { authorization, amount: '12000' })).code).toBe(grpc.status.PERMISSION_DENIED)
    expect((await running.call('Unary', { authorization: 'Bearer forged', amount: '10' })).code).toBe(grpc.status.UNAUTHENTICATED)
    expect((await running.call('Unary', { authorization })).code).toBe(grpc.status.INTERNAL)
    expect(running.began).toEqual(['Unary'])
    running.close()
  })
})

describe('the table', () => {
  it('denies methods that are not in it, and lets public ones through without asking', async () => {
    const guard = createGuard(hanging(), byName)
    const running = await run([guard.interceptor({ [STAYS.Unary.path]: guard.require.public('Probes ask without a token') })])
    expect((await running.call('Unary')).code).toBe(grpc.status.OK)
    for (const kind of ['Upload', 'Download', 'Both'] as const)
      expect((await running.call(kind, { user: 'ann' })).code).toBe(grpc.status.PERMISSION_DENIED)
    expect(running.began).toEqual(['Unary'])
    running.close()
  })

  it('tells which methods are not in it, and which of it are none', () => {
    const guard = createGuard(service)
    const requirement = guard.require(READ)
    expect(guard.unguarded([STAYS], tableOf(requirement))).toEqual([])
    const table = {
      '/clinic.Stays/Unary': requirement,
      '/clinic.Stays/Uplaod': requirement,
      '/clinic.Stays/Both': guard.require.public('Nothing is behind it'),
    }
    expect(guard.unguarded([STAYS], table)).toEqual([
      '/clinic.Stays/Download',
      '/clinic.Stays/Uplaod (in the table, and no method)',
      '/clinic.Stays/Upload',
    ])
  })

  it('gives the handler the access of whoever called', async () => {
    const guard = createGuard(service, byName)
    const running = await run([guard.interceptor(tableOf(guard.require(READ)))], (handler, kind) =>
      kind !== 'Unary'
        ? handler
        : (((call: grpc.ServerUnaryCall<string, string>, answer: grpc.sendUnaryData<string>) => {
            guard
              .access(call)
              .can(VALIDATE)
              .then((can) => answer(null, String(can)))
          }) as never),
    )
    expect((await running.call('Unary', { user: 'ann' })).messages).toEqual(['true'])
    expect((await running.call('Unary', { user: 'bob' })).messages).toEqual(['false'])
    running.close()
  })
})
