/** The live stream over both wires: who may watch, what is sent, and how it ends; its reader slows nobody and holds nothing. */
import { type IncomingMessage, request } from 'node:http'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from '@jest/globals'
import { openLiveDecisions } from '../../../src/decision/log/live-decisions.ts'
import { decisionRecord } from '../../../src/decision/transport/http/decision-record-schemas.ts'
import type { WireNeeds } from '../../../src/decision/transport/wire-needs.ts'
import type { Caller } from '../../../src/model/caller.ts'
import { StoreError } from '../../../src/model/error-code.ts'
import {
  LIVE_HEARTBEAT_MS,
  LIVE_QUEUE_RECORDS_MAX,
  LIVE_READER_WAIT_MS_MAX,
  LIVE_READERS_PER_CALLER_MAX,
} from '../../../src/model/observation-limits.ts'
import { openAdmission } from '../../../src/wire/admission.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { openTestSource, recordOf, type TestSource } from '../log/records.ts'
import { auditClient, bearer, type Client, call, openWires, send, type Wires } from './wires.ts'

const PATH = '/v1/decisions/watch'
const opened: Wires[] = []
const clients: Client[] = []

interface Watched {
  readonly wires: Wires
  readonly client: Client
  readonly source: TestSource
  readonly clock: ManualClock
}

/** Wires whose decisions to watch are those that the test tells of, at its own time. */
async function watched(change: (needs: WireNeeds) => WireNeeds = (needs) => needs): Promise<Watched> {
  const [source, clock] = [openTestSource(), new ManualClock()]
  const wires = await openWires((needs) => change({ ...needs, clock, live: openLiveDecisions(source, { clock }) }))
  opened.push(wires)
  const client = auditClient(wires.grpc.port)
  clients.push(client)
  return { wires, client, source, clock }
}
let test = 0
afterEach(async () => {
  test += 1
  for (const client of clients.splice(0)) client.close()
  for (const wires of opened.splice(0)) await wires.close()
})

/** Resolves once `condition` holds: the event loop is let go round in between, no time is waited for. */
async function until(condition: () => boolean): Promise<void> {
  const mine = test
  // A test that is over, for it took too long, waits no longer: it would take the machine from the others.
  while (!condition() && mine === test) await new Promise((resolve) => setImmediate(resolve))
}

async function callerOf({ house }: Wires, changed: { scopes?: Caller['scopes']; tenants?: readonly string[] } = {}) {
  const made = await house.administration.createCaller(house.context, { name: 'watcher', scopes: ['audit'], ...changed })
  return { key: made.key, id: made.record.id }
}

interface Heard {
  readonly events: { event: string; id?: string; data: Client }[]
  /** How it ended: a status of gRPC, or what the last event of HTTP said. */
  readonly ended: Promise<Client>
  stop(): void
}

function overHttp({ wires }: Watched, key: string, search = ''): Promise<Heard & { readonly answer: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` }
    const sent = request({ host: '127.0.0.1', port: wires.http.port, path: `${PATH}${search}`, agent: false, headers })
    sent.on('error', reject)
    sent.on('response', (answer) => {
      const events: Heard['events'] = []
      let rest = ''
      const ended = new Promise<Client>((over) => {
        answer.on('end', () => over(events.at(-1)?.data))
        answer.on('error', over)
      })
      answer.setEncoding('utf8').on('data', (text: string) => {
        const pieces = (rest + text).split('\n\n')
        rest = pieces.pop() ?? ''
        for (const piece of pieces) {
          const fields = Object.fromEntries(
            piece.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
          )
          if (fields['data'] !== undefined) {
            const { event = '', id } = fields
            events.push({ event, ...(id === undefined ? {} : { id }), data: JSON.parse(fields['data']) })
          }
        }
      })
      resolve({ answer, events, ended, stop: () => answer.destroy() })
    })
    sent.end()
  })
}

function overGrpc({ client }: Watched, key: string, message: object = {}): Heard & { readonly stream: Client } {
  const stream = client.WatchDecisions(message, bearer(key))
  const events: Heard['events'] = []
  stream.on('data', (answer: Client) => events.push({ event: answer.event, data: answer[answer.event] }))
  stream.on('error', () => undefined)
  return { stream, events, ended: new Promise<ServiceError>((resolve) => stream.on('status', resolve)), stop: () => stream.cancel() }
}

/** A reader on each wire that has begun. */
async function both(house: Watched, key: string, filter: Record<string, string> = {}): Promise<{ http: Heard; grpc: Heard }> {
  const search = new URLSearchParams(filter).toString()
  const readers = { http: await overHttp(house, key, search === '' ? '' : `?${search}`), grpc: overGrpc(house, key, filter) }
  await until(() => readers.http.events.length > 0 && readers.grpc.events.length > 0)
  return readers
}
const idsOf = ({ events }: Heard) => events.flatMap(({ event, data }) => (event === 'decision' ? [data.id] : []))

describe('a live stream', () => {
  it('begins with a heartbeat and tells each decision when it is made, the same on both wires', async () => {
    const house = await watched()
    const { http, grpc } = await both(house, house.wires.keys.admin)
    expect([http.events[0], grpc.events[0]]).toMatchObject([{ event: 'heartbeat' }, { event: 'heartbeat' }])
    const resource = { type: 'stay', id: '7', attributes: { amount: 3 } }
    const { user: _user, tenant: _tenant, reason: _reason, ...bare } = recordOf('bare')
    const permissions = [{ permission: 'finance.read', allowed: true }]
    const records = [recordOf('whole', { resource, trace: 'f'.repeat(32), span: '1'.repeat(16) }), { ...bare, permissions }]
    for (const record of records) house.source.tell(record)
    await until(() => http.events.length === 3 && grpc.events.length === 3)
    for (const [index, record] of records.entries()) {
      const { type: _type, ...said } = record
      expect(http.events[index + 1]).toEqual({ event: 'decision', id: record.id, data: said })
      expect(decisionRecord.safeParse(http.events[index + 1]?.data).error).toBeUndefined()
      const { at, resource: asked, caller, ...rest } = grpc.events[index + 1]?.data ?? {}
      expect(new Date(at.seconds * 1000).toISOString()).toBe(record.at)
      expect(caller).toEqual(record.caller)
      expect(rest).toMatchObject(Object.fromEntries(Object.entries(rest).map(([name]) => [name, said[name as keyof typeof said]])))
      if (asked !== undefined)
        expect(asked).toMatchObject({ type: 'stay', id: '7', attributes: { fields: { amount: { numberValue: 3 } } } })
    }
  })

  it('is what an EventSource reads, and is gathered, compressed and kept by nobody', async () => {
    const house = await watched()
    const { answer, events } = await overHttp(house, house.wires.keys.admin)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    })
    expect(answer.headers['content-encoding']).toBeUndefined()
    await until(() => events.length === 1)
  })

  it('sends only what was asked for, and to a caller that is limited to tenants only those', async () => {
    const house = await watched()
    const { key } = await callerOf(house.wires, { tenants: ['north'] })
    const all = await both(house, house.wires.keys.admin, { outcome: 'deny', reason: 'NO_ASSIGNMENT', permission: 't.0' })
    const some = await both(house, key)
    house.source.tell(recordOf('allowed'))
    house.source.tell(recordOf('denied', { allowed: false, reason: 'NO_ASSIGNMENT' }))
    house.source.tell(recordOf('elsewhere', { allowed: false, reason: 'NO_ASSIGNMENT', tenant: 'south' }))
    await until(() => [all.http, all.grpc, some.http, some.grpc].every(({ events }) => events.length === 3))
    for (const reader of [all.http, all.grpc]) expect(idsOf(reader)).toEqual(['denied', 'elsewhere'])
    for (const reader of [some.http, some.grpc]) expect(idsOf(reader)).toEqual(['allowed', 'denied'])
  })

  it('says that it stands when nothing happens', async () => {
    const house = await watched()
    const { http, grpc } = await both(house, house.wires.keys.admin)
    house.clock.advance(LIVE_HEARTBEAT_MS)
    await until(() => http.events.length === 2 && grpc.events.length === 2)
    const atMs = house.clock.nowMs()
    expect(http.events[1]).toEqual({ event: 'heartbeat', data: { at: new Date(atMs).toISOString() } })
    expect(grpc.events[1]).toMatchObject({ event: 'heartbeat', data: { at: { seconds: Math.floor(atMs / 1000) } } })
  })

  it('holds no place of the house while it is open, and asks nothing of the source when nobody is left', async () => {
    const house = await watched((needs) => ({ ...needs, admission: openAdmission(2) }))
    const { http, grpc } = await both(house, house.wires.keys.admin)
    expect(house.wires.admission.inFlight()).toBe(0)
    expect(house.source.listeners.size).toBe(1)
    http.stop()
    grpc.stop()
    await until(() => house.source.listeners.size === 0)
    expect(house.wires.admission.inFlight()).toBe(0)
    await until(() => house.clock.waiting === 0)
  })
})

describe('who may not watch', () => {
  it('is told so as by any route, before anything is streamed', async () => {
    const house = await watched()
    const { wires, source } = house
    const decider = wires.keys.decide
    const limited = (await callerOf(wires, { tenants: ['north'] })).key
    expect(await call(wires, 'GET', PATH, undefined, decider)).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
    expect(await call(wires, 'GET', `${PATH}?tenant=south`, undefined, limited)).toMatchObject({ status: 403 })
    expect(await call(wires, 'GET', PATH, undefined, 'nobody')).toMatchObject({ status: 401 })
    for (const search of ['outcome=maybe', 'reason=ROL', 'tenan=north', 'tenant=north&tenant=south', 'tenant='])
      expect(await call(wires, 'GET', `${PATH}?${search}`)).toMatchObject({ status: 400, json: { code: 'request_invalid' } })
    expect((await overGrpc(house, decider).ended).code).toBe(status.PERMISSION_DENIED)
    expect((await overGrpc(house, limited, { tenant: 'south' }).ended).code).toBe(status.PERMISSION_DENIED)
    expect((await overGrpc(house, 'nobody').ended).code).toBe(status.UNAUTHENTICATED)
    expect((await overGrpc(house, wires.keys.admin, { outcome: 'maybe' }).ended).code).toBe(status.INVALID_ARGUMENT)
    expect(source.listeners.size).toBe(0)
    expect(wires.admission.inFlight()).toBe(0)
  })

  it('more often than one caller may is 429 with when to come again, RESOURCE_EXHAUSTED over gRPC', async () => {
    const house = await watched()
    const { key } = await callerOf(house.wires)
    for (let index = 0; index < LIVE_READERS_PER_CALLER_MAX / 2; index += 1) await both(house, key)
    expect(await call(house.wires, 'GET', PATH, undefined, key)).toMatchObject({
      status: 429,
      headers: { 'retry-after': expect.any(String) },
      json: { code: 'overloaded' },
    })
    expect((await overGrpc(house, key).ended).code).toBe(status.RESOURCE_EXHAUSTED)
    await both(house, house.wires.keys.admin)
  })

  it('beyond the places of the house does not begin', async () => {
    const house = await watched((needs) => ({ ...needs, admission: openAdmission(0) }))
    expect(await call(house.wires, 'GET', PATH)).toMatchObject({ status: 429 })
    expect((await overGrpc(house, house.wires.keys.admin).ended).code).toBe(status.RESOURCE_EXHAUSTED)
  })
})

describe('other methods', () => {
  it('HEAD is answered without a stream, and what is not known is 405', async () => {
    const { wires, source } = await watched()
    const head = await send(wires.http.port, { method: 'HEAD', path: PATH, headers: { authorization: `Bearer ${wires.keys.admin}` } })
    expect(head).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' }, text: '' })
    expect(source.listeners.size).toBe(0)
    expect(await call(wires, 'POST', PATH, {})).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } })
  })
})

describe('an open stream', () => {
  it('of a key that was revoked ends before anything more is sent, also when nothing happens', async () => {
    for (const silent of [false, true]) {
      const house = await watched()
      const { key, id } = await callerOf(house.wires)
      const { http, grpc } = await both(house, key)
      house.source.tell(recordOf('before'))
      await until(() => http.events.length === 2 && grpc.events.length === 2)
      await house.wires.house.administration.revokeCaller(house.wires.house.context, id)
      if (silent) house.clock.advance(LIVE_HEARTBEAT_MS)
      else house.source.tell(recordOf('after'))
      expect(await http.ended).toMatchObject({ code: 'unauthenticated', status: 401, type: 'urn:castellan:problem:unauthenticated' })
      expect(http.events.at(-1)?.event).toBe('error')
      expect((await grpc.ended).code).toBe(status.UNAUTHENTICATED)
      for (const reader of [http, grpc]) expect(idsOf(reader)).toEqual(['before'])
      await until(() => house.source.listeners.size === 0)
    }
  })

  it.each<[string, Partial<Caller>]>([
    ['lost its scope', { scopes: ['decide'] }],
    ['was limited to other tenants', { tenants: ['south'] }],
  ])('of a caller that %s meanwhile ends before anything more is sent', async (_, changed) => {
    let now: Partial<Caller> = {}
    const house = await watched((needs) => ({
      ...needs,
      authentication: { authenticate: async (header) => ({ ...(await needs.authentication.authenticate(header)), ...now }) },
    }))
    const { http, grpc } = await both(house, house.wires.keys.admin)
    now = changed
    house.source.tell(recordOf('after'))
    expect(await http.ended).toMatchObject({ code: 'permission_denied' })
    expect((await grpc.ended).code).toBe(status.PERMISSION_DENIED)
    for (const reader of [http, grpc]) expect(idsOf(reader)).toEqual([])
  })

  it('ends when nobody can say any more whether its key is good, and no text of a driver is in what it says', async () => {
    let broken = false
    const house = await watched((needs) => ({
      ...needs,
      authentication: {
        authenticate: async (header) => {
          if (broken) throw new StoreError('select * from secret', new Error('ECONNREFUSED 10.1.2.3'))
          return needs.authentication.authenticate(header)
        },
      },
    }))
    const { http, grpc } = await both(house, house.wires.keys.admin)
    broken = true
    house.source.tell(recordOf('after'))
    expect(await http.ended).toMatchObject({ code: 'store_unavailable' })
    expect((await grpc.ended).code).toBe(status.UNAVAILABLE)
    expect(JSON.stringify([http.events, await grpc.ended])).not.toMatch(/secret|10\.1|after/)
  })

  it('ends with UNAVAILABLE when the service stops, which does not wait for it', async () => {
    const house = await watched()
    const { http, grpc } = await both(house, house.wires.keys.admin)
    await Promise.all([house.wires.http.drain(), house.wires.grpc.drain()])
    expect(await http.ended).toMatchObject({ code: 'store_unavailable', detail: 'The service is stopping.' })
    expect((await grpc.ended).code).toBe(status.UNAVAILABLE)
    expect(house.source.listeners.size).toBe(0)
  })
})

describe('a reader that does not read', () => {
  const large = { type: 'stay', id: '1', attributes: { text: 'x'.repeat(2_000) } }
  const total = 15_000

  /** Tells of many decisions, some at a time, as they are made. */
  async function flood({ source, wires }: Watched): Promise<void> {
    for (let id = 0; id < total; id += 1) {
      source.tell(recordOf(id, { resource: large }))
      // Others are answered meanwhile.
      if (id % 3_000 === 0) expect((await send(wires.http.port, { path: '/livez' })).status).toBe(200)
      else if (id % 40 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Every decision was sent in order or is counted as lost where it would have stood. */
  function accounted({ events }: Heard): { sent: number; lost: number } {
    let [sent, lost] = [0, 0]
    for (const { event, data } of events) {
      if (event === 'lost') lost += data.count
      if (event !== 'decision') continue
      expect(Number(data.id)).toBe(sent + lost)
      sent += 1
    }
    return { sent, lost }
  }

  it('loses what it was too slow for, and knows exactly how much when it reads again, on both wires', async () => {
    for (const wire of ['http', 'grpc']) {
      const house = await watched()
      const reader = wire === 'http' ? await overHttp(house, house.wires.keys.admin) : overGrpc(house, house.wires.keys.admin)
      await until(() => reader.events.length > 0)
      const paused: { pause(): void; resume(): void } = 'answer' in reader ? (reader.answer as IncomingMessage) : (reader as Client).stream
      paused.pause()
      await flood(house)
      paused.resume()
      await until(() => reader.events.some(({ data }) => data.id === String(total - 1)))
      const { sent, lost } = accounted(reader)
      expect(sent + lost).toBe(total)
      expect(lost).toBeGreaterThan(0)
      expect(sent).toBeGreaterThanOrEqual(LIVE_QUEUE_RECORDS_MAX / 4)
      reader.stop()
      await until(() => house.source.listeners.size === 0)
    }
  })

  it('is cut when it takes nothing for long, and gives its place back', async () => {
    for (const wire of ['http', 'grpc']) {
      const house = await watched()
      const reader = wire === 'http' ? await overHttp(house, house.wires.keys.admin) : overGrpc(house, house.wires.keys.admin)
      await until(() => reader.events.length > 0)
      if ('answer' in reader) (reader.answer as IncomingMessage).pause()
      else (reader as Client).stream.pause()
      await flood(house)
      house.clock.advance(LIVE_READER_WAIT_MS_MAX)
      await until(() => house.source.listeners.size === 0)
      const { body } = await house.wires.metrics.text()
      expect(body).toContain(`castellan_requests_total{wire="${wire}",method="WatchDecisions",code="deadline_exceeded"} 1`)
      if ('answer' in reader) (reader.answer as IncomingMessage).resume()
      else (reader as Client).stream.resume()
      const end = await reader.ended
      if (wire === 'grpc') expect(end.code).toBe(status.DEADLINE_EXCEEDED)
    }
  })
})

describe('the description of the live stream', () => {
  it('is a stream of events, with the fields that a reader may ask for', async () => {
    const { wires } = await watched()
    const { paths } = (await send(wires.http.port, { path: '/openapi.json' })).json
    const { responses, parameters } = paths[PATH].get
    expect(Object.keys(responses['200'].content)).toEqual(['text/event-stream'])
    const names = parameters.filter((one: { in: string }) => one.in === 'query').map((one: { name: string }) => one.name)
    expect(names).toEqual(['tenant', 'user', 'permission', 'caller', 'outcome', 'reason'])
  })
})
