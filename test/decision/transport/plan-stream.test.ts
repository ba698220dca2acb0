/** A plan as it streams: whole or never looking so, as fast as its reader, ended with its caller and its service. */
import { type IncomingMessage, request } from 'node:http'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from '@jest/globals'
import { planLine } from '../../../src/decision/transport/http/release-schemas.ts'
import { openStreams } from '../../../src/decision/transport/open-streams.ts'
import type { WireNeeds } from '../../../src/decision/transport/wire-needs.ts'
import { ServiceError as OurServiceError, StoreError } from '../../../src/model/error-code.ts'
import type { PlanEvent } from '../../../src/model/policy-plan.ts'
import type { PolicyReleases } from '../../../src/model/policy-release.ts'
import { openAdmission } from '../../../src/wire/admission.ts'
import { CallEnd } from '../../../src/wire/call.ts'
import { meaning, policyFiles } from './release-forms.ts'
import { administrationClient, bearer, type Client, call, openWires, ROLES, send, type Wires } from './wires.ts'

const READ = 'coding.medical-stay.read'
const opened: Wires[] = []
const clients: Client[] = []
const house = async (change: (needs: WireNeeds) => WireNeeds = (needs) => needs) => {
  const wires = await openWires(change)
  opened.push(wires)
  const client = administrationClient(wires.grpc.port)
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

const DIFF = {
  permissions: { added: [], removed: [], changed: [], renamed: [] },
  reserved: { added: [], removed: [] },
  roles: { added: [], removed: [], changed: [] },
  constraints: { added: [], removed: [], changed: [] },
}
const BEGIN: PlanEvent = { event: 'begin', from: 'a', to: 'b', diff: DIFF, diffLeftOut: 0, changedRoles: ['coder'], pairsMax: 9 }
const progress = (pairs: number): PlanEvent => ({ event: 'progress', pairs, pairsMax: 9 })
/** Some hundred kilobytes. */
const LARGE: PlanEvent = {
  event: 'effects',
  items: Array.from({ length: 500 }, (_, index) => ({
    user: `user-${index}`.padEnd(200, '.'),
    tenant: 'north',
    dormant: false,
    effects: [{ permission: READ, kind: 'lost' as const, conditional: false }],
  })),
}

/** What a plan of ours has seen: how far its reader let it go, and how it was ended. */
interface Seen {
  steps: number
  returned: boolean
  signal?: AbortSignal
}

/** Wires whose plans are what `events` yields; everything else of the releases is real. */
function planning(events: (signal: AbortSignal) => AsyncGenerator<PlanEvent>) {
  const seen: Seen = { steps: 0, returned: false }
  const plan: PolicyReleases['plan'] = async function* (_caller, _candidate, _people, signal) {
    seen.signal = signal
    try {
      for await (const event of events(signal)) {
        seen.steps += 1
        yield event
      }
    } finally {
      seen.returned = true
    }
  }
  return { seen, change: (needs: WireNeeds): WireNeeds => ({ ...needs, releases: { ...needs.releases, plan } }) }
}

function forever() {
  return planning(async function* () {
    yield BEGIN
    for (;;) yield LARGE
  })
}

/** Two events, and then nothing until the signal aborts. */
function stuck() {
  return planning(async function* (signal) {
    yield BEGIN
    yield progress(1)
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  })
}

function gate() {
  let open: () => void = () => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

/** A plan over HTTP whose body is read by nobody yet. */
function begun(wires: Wires): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${wires.keys.admin}`, 'content-type': 'application/json' }
    const sent = request({ host: '127.0.0.1', port: wires.http.port, path: '/v1/policy/plan', method: 'POST', agent: false, headers })
    sent.on('response', resolve).on('error', reject)
    sent.end('{"revision":"active"}')
  })
}

async function linesOf(answer: IncomingMessage): Promise<Client[]> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

function followed(client: Client, key: string, message: object = { revision: 'active' }) {
  const stream = client.PlanPolicy(message, bearer(key))
  const events: Client[] = []
  stream.on('data', (event: Client) => events.push(event))
  stream.on('error', () => undefined)
  const ended = new Promise<ServiceError>((resolve) => stream.on('status', resolve))
  return { stream, events, ended }
}

describe('a plan', () => {
  it('is told line by line and message by message, the same on both wires, of real people by the real planner', async () => {
    const { wires, client } = await house()
    const files = policyFiles({ ...ROLES, coder: [READ], reader: [READ, 'finance.read'] })
    const body = { files, people: true }
    const answer = await call(wires, 'POST', '/v1/policy/plan', body)
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } })
    const lines: Client[] = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    for (const line of lines) expect([line.event, planLine.safeParse(line).error]).toEqual([line.event, undefined])
    expect([lines[0].event, lines.at(-1).event]).toEqual(['begin', 'end'])
    expect(lines[0].diff.roles.changed.map((role: { name: string }) => role.name)).toEqual(['coder', 'reader'])
    expect(lines.at(-1).summary).toMatchObject({ pairs: 2, pairsAffected: 2, effects: { gained: 1, lost: 1 } })
    const named = lines.filter((line) => line.event === 'effects').flatMap((line) => line.items)
    expect(named).toMatchObject([
      { user: 'ann', tenant: 'north', effects: [{ permission: 'coding.medical-stay.validate', kind: 'lost' }] },
      { user: 'bob', tenant: 'north', effects: [{ permission: 'finance.read', kind: 'gained' }] },
    ])
    const twin = followed(client, wires.keys.admin, body)
    expect(await twin.ended).toMatchObject({ code: status.OK })
    const overGrpc = twin.events.map((event) => ({ event: event.event, ...(meaning(event[event.event]) as object) }))
    expect(overGrpc).toEqual(lines.map((line) => meaning(line)))
    // Names of people are for those who may see them; the counts are for every reader.
    const publisher = await wires.house.administration.createCaller(wires.house.context, { name: 'publisher', scopes: ['publish'] })
    expect(await call(wires, 'POST', '/v1/policy/plan', body, publisher.key)).toMatchObject({ status: 403 })
    const counted = await call(wires, 'POST', '/v1/policy/plan', { files }, publisher.key)
    expect(counted.status).toBe(200)
    expect(counted.text).not.toMatch(/"event":"effects"|ann|bob/)
  })

  it('writes instants as each wire does', async () => {
    const fromMs = Date.UTC(2030, 0, 1)
    const { change } = planning(async function* () {
      yield {
        event: 'effects',
        items: [{ user: 'u', tenant: 't', dormant: true, effects: [{ permission: READ, kind: 'gained', conditional: true, fromMs }] }],
      }
      yield { event: 'breaches', items: [{ user: 'u', tenant: 't', constraint: 'c', message: 'm', fromMs }] }
    })
    const { wires, client } = await house(change)
    const lines = (await call(wires, 'POST', '/v1/policy/plan', { revision: 'active' })).text.trimEnd().split('\n')
    const from = '2030-01-01T00:00:00.000Z'
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ items: [{ effects: [{ from }] }] }, { items: [{ from }] }])
    const twin = followed(client, wires.keys.admin)
    await twin.ended
    expect(meaning(twin.events)).toMatchObject([{ effects: { items: [{ effects: [{ from }] }] } }, { breaches: { items: [{ from }] } }])
  })

  it('shows each event when it is there, not when the next one is', async () => {
    const next = gate()
    const { change } = planning(async function* () {
      yield BEGIN
      await next.passed
      yield progress(1)
    })
    const { wires, client } = await house(change)
    const twin = followed(client, wires.keys.admin)
    await until(() => twin.events.length === 1)
    const answer = await begun(wires)
    const first: Buffer = await new Promise((resolve) => answer.once('data', resolve))
    expect(JSON.parse(first.toString())).toMatchObject({ event: 'begin' })
    next.open()
    expect(await linesOf(answer)).toMatchObject([{ event: 'progress' }])
    expect((await twin.ended).code).toBe(status.OK)
  })
})

describe('a plan that fails', () => {
  it('before its first event is answered as any request: 429 for a second one at a time, 503 without a store', async () => {
    const overloaded = planning(async function* () {
      yield* []
      throw new OurServiceError('overloaded', 'Another plan is being made here.', { retryAfterSeconds: 5 })
    })
    const { wires, client } = await house(overloaded.change)
    const refused = await call(wires, 'POST', '/v1/policy/plan', { revision: 'active' })
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '5', 'content-type': 'application/problem+json' } })
    expect((await followed(client, wires.keys.admin).ended).code).toBe(status.RESOURCE_EXHAUSTED)
    expect((await followed(client, 'nobody').ended).code).toBe(status.UNAUTHENTICATED)
    expect(wires.admission.inFlight()).toBe(0)
  })

  it('in the middle never looks complete: the last line is the error, the status is not OK, and no text of a driver is in it', async () => {
    const { change } = planning(async function* () {
      yield BEGIN
      yield progress(3)
      throw new StoreError('select * from secret', new Error('ECONNREFUSED 10.1.2.3'))
    })
    const { wires, client } = await house(change)
    const answer = await begun(wires)
    expect(answer).toMatchObject({ statusCode: 200, headers: { connection: 'close' } })
    const lines = await linesOf(answer)
    expect(lines.map((line) => line.event)).toEqual(['begin', 'progress', 'error'])
    expect(lines[2]).toMatchObject({ code: 'store_unavailable', title: 'The decision store is unavailable', detail: expect.any(String) })
    expect(planLine.safeParse(lines[2]).error).toBeUndefined()
    expect(JSON.stringify(lines)).not.toMatch(/secret|10\.1/)
    const twin = followed(client, wires.keys.admin)
    expect((await twin.ended).code).toBe(status.UNAVAILABLE)
    expect(twin.events.map((event) => event.event)).toEqual(['begin', 'progress'])
    const { body } = await wires.metrics.text()
    for (const wire of ['http', 'grpc'])
      expect(body).toContain(`castellan_requests_total{wire="${wire}",method="PlanPolicy",code="store_unavailable"} 1`)
  })

  it('beyond the places of the house is refused, and gives its place back when it is over', async () => {
    const { change, seen } = stuck()
    const { wires, client } = await house((needs) => ({ ...change(needs), admission: openAdmission(1) }))
    const twin = followed(client, wires.keys.admin)
    await until(() => twin.events.length === 2)
    expect(await call(wires, 'POST', '/v1/policy/plan', { revision: 'active' })).toMatchObject({ status: 429 })
    twin.stream.cancel()
    await until(() => seen.returned && wires.admission.inFlight() === 0)
  })
})

describe('one plan at a time', () => {
  it('is made by the real planner: a second one is 429 and RESOURCE_EXHAUSTED, and the next is made when the first is over', async () => {
    const hold = gate()
    const { wires, client } = await house((needs) => ({
      ...needs,
      releases: {
        ...needs.releases,
        async *plan(...asked: Parameters<PolicyReleases['plan']>) {
          for await (const event of needs.releases.plan(...asked)) {
            yield event
            await hold.passed
          }
        },
      },
    }))
    const answer = await begun(wires)
    expect(await call(wires, 'POST', '/v1/policy/plan', { revision: 'active' })).toMatchObject({
      status: 429,
      json: { code: 'overloaded' },
    })
    expect((await followed(client, wires.keys.admin).ended).code).toBe(status.RESOURCE_EXHAUSTED)
    hold.open()
    expect((await linesOf(answer)).at(-1)).toMatchObject({ event: 'end' })
    expect((await call(wires, 'POST', '/v1/policy/plan', { revision: 'active' })).status).toBe(200)
  })
})

describe('who reads slowly', () => {
  /** Whatever was to be made by now has been made: full round trips of others, who are slowed by nobody. */
  async function settled(wires: Wires, seen: Seen): Promise<void> {
    let before = -1
    while (seen.steps !== before) {
      before = seen.steps
      for (let round = 0; round < 20; round += 1) expect((await send(wires.http.port, { path: '/livez' })).status).toBe(200)
    }
  }

  it('holds the plan back over HTTP, and gets it all once it reads', async () => {
    const events = 400
    const { seen, change } = planning(async function* () {
      yield BEGIN
      for (let index = 0; index < events; index += 1) yield LARGE
    })
    const { wires } = await house(change)
    const answer = await begun(wires)
    await settled(wires, seen)
    // Some megabytes fill what lies between two sockets.
    expect(seen.steps).toBeLessThan(events / 2)
    expect(await linesOf(answer)).toHaveLength(events + 1)
  })

  it('holds the plan back over gRPC, and gets it all once it reads', async () => {
    const events = 400
    const { seen, change } = planning(async function* () {
      yield BEGIN
      for (let index = 0; index < events; index += 1) yield LARGE
    })
    const { wires, client } = await house(change)
    const twin = followed(client, wires.keys.admin)
    twin.stream.pause()
    await until(() => seen.steps >= 2)
    await settled(wires, seen)
    expect(seen.steps).toBeLessThan(events / 2)
    twin.stream.resume()
    expect((await twin.ended).code).toBe(status.OK)
    expect(twin.events).toHaveLength(events + 1)
  })
})

describe('who hangs up', () => {
  it.each([
    ['while the plan works', stuck],
    ['while the plan waits for its reader', forever],
  ])('ends the plan %s, on both wires', async (_, plan) => {
    for (const wire of ['http', 'grpc']) {
      const { seen, change } = plan()
      const { wires, client } = await house(change)
      if (wire === 'http') {
        const answer = await begun(wires)
        await until(() => seen.steps >= 2)
        answer.destroy()
      } else {
        const twin = followed(client, wires.keys.admin)
        twin.stream.pause()
        await until(() => seen.steps >= 2)
        twin.stream.cancel()
      }
      await until(() => seen.returned && wires.admission.inFlight() === 0)
      expect(seen.signal?.reason).toMatchObject({ code: 'cancelled' })
    }
  })
})

describe('a service that stops', () => {
  it('ends plans with an error that says so, on both wires, and does not wait for them', async () => {
    const { change } = stuck()
    const { wires, client } = await house(change)
    const answer = await begun(wires)
    const twin = followed(client, wires.keys.admin)
    await until(() => twin.events.length === 2)
    const lines = linesOf(answer)
    await Promise.all([wires.http.drain(), wires.grpc.drain()])
    expect((await lines).at(-1)).toMatchObject({ event: 'error', code: 'store_unavailable', detail: 'The service is stopping.' })
    expect((await twin.ended).code).toBe(status.UNAVAILABLE)
    expect(wires.admission.inFlight()).toBe(0)
  })

  it('cuts a reader who reads nothing, whose plan does not look complete then either', async () => {
    const { seen, change } = forever()
    const { wires } = await house(change)
    const answer = await begun(wires)
    await until(() => seen.steps >= 2)
    await wires.http.drain()
    expect(seen.returned).toBe(true)
    await expect(linesOf(answer)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('ends a plan at once that is begun over a connection that is left', () => {
    const plans = openStreams()
    plans.drain()
    const end = new CallEnd()
    plans.add(end)()
    end.done()
    expect(end.signal.reason).toMatchObject({ code: 'store_unavailable' })
  })
})
