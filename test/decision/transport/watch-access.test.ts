/** AccessService over the real wire: what callers that decide by themselves load, what they are told and when, and how it ends. */
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { AccessFeed } from '../../../src/access/access-feed.ts'
import { Knowledge } from '../../../src/access/knowledge.ts'
import { openReplication, type Replication } from '../../../src/access/replication.ts'
import { decide } from '../../../src/decision/decide.ts'
import { structToJson } from '../../../src/decision/translate/struct.ts'
import { type GrpcServer, openGrpcServer } from '../../../src/decision/transport/grpc/server.ts'
import type { AccessState } from '../../../src/model/access-state.ts'
import type { Caller } from '../../../src/model/caller.ts'
import { fingerprintOf } from '../../../src/model/fingerprint.ts'
import {
  ACCESS_BEAT_MS_MIN,
  ACCESS_FIRST_MESSAGE_MS_MAX,
  ACCESS_READER_WAIT_MS_MAX,
  ACCESS_WATCHERS_PER_CONNECTION_MAX,
} from '../../../src/model/limits.ts'
import { revisionOf } from '../../../src/policy/canonical.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { bundleOf, NEVER } from '../../support/house.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { accessClient, ask, bearer, type Client, detailsOf, openWires, ROLES, type Wires } from './wires.ts'

let wires: Wires
let client: Client
let key: string
const open: Watching[] = []
let test = 0

beforeAll(async () => {
  wires = await openWires()
  client = accessClient(wires.grpc.port)
  key = (await callerWith()).key
})
afterEach(() => {
  test += 1
  for (const watching of open.splice(0)) watching.stream.cancel()
})
afterAll(async () => {
  client.close()
  await wires.close()
})

async function callerWith(changed: { scopes?: Caller['scopes']; tenants?: readonly string[] } = {}) {
  const { house } = wires
  const made = await house.administration.createCaller(house.context, { name: 'replica', scopes: ['decide', 'replicate'], ...changed })
  return { key: made.key, id: made.record.id }
}

interface Watching {
  readonly stream: Client
  readonly events: Client[]
  readonly ended: Promise<ServiceError>
  /** The next event that satisfies it; looks at each once. */
  next(which: (event: Client) => boolean): Promise<Client>
  opened(): Promise<Client>
  heartbeat(beat: number): Promise<Client>
}

function watch(first: object | null = {}, by = key, over = client): Watching {
  const stream = over.WatchAccess(bearer(by))
  const events: Client[] = []
  stream.on('data', (answer: Client) => events.push({ kind: answer.event, ...answer[answer.event] }))
  stream.on('error', () => undefined)
  if (first !== null) stream.write(first)
  let looked = 0
  const next = async (which: (event: Client) => boolean) => {
    const mine = test
    while (mine === test) {
      const found = events.findIndex((event, index) => index >= looked && which(event))
      if (found >= 0) {
        looked = found + 1
        return events[found]
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const watching: Watching = {
    stream,
    events,
    ended: new Promise((resolve) => stream.on('status', resolve)),
    next,
    opened: () => next(({ kind }) => kind === 'opened'),
    heartbeat(beat) {
      stream.write({ beat })
      return next((event) => event.kind === 'heartbeat' && event.beat === beat)
    },
  }
  open.push(watching)
  return watching
}

const instantMs = ({ seconds = 0, nanos = 0 }: Client): number => seconds * 1_000 + nanos / 1_000_000

/** As a client reads it. */
function stateOf({ position, policy, readAt, tenant, user, assignments = [] }: Client): AccessState {
  return {
    position,
    policyPosition: policy.position,
    readAtMs: instantMs(readAt),
    tenant: tenant && { suspended: tenant.suspended ?? false, attributes: structToJson(tenant.attributes, 'attributes') },
    user: user && {
      deactivated: user.deactivated ?? false,
      attributes: structToJson(user.attributes, 'attributes'),
      epoch: 0,
    },
    assignments: assignments.map(({ id, role, validFrom, expiresAt }: Client) => ({
      id,
      role,
      validFromMs: instantMs(validFrom),
      expiresAtMs: expiresAt === undefined ? null : instantMs(expiresAt),
    })),
  }
}

const load = (user: string, tenant: string, more: object = {}, by = key) => ask(client, 'LoadAccess', { user, tenant, ...more }, by)
const fault = (promise: Promise<unknown>): Promise<ServiceError> =>
  promise.then(
    () => Promise.reject(new Error('it was answered')),
    (why) => why,
  )
const fieldsOf = (error: ServiceError) =>
  detailsOf(error).details.flatMap(({ fieldViolations = [] }) => fieldViolations.map(({ field }: Client) => field))

describe('what a caller loads that decides by itself', () => {
  it('names the database, the policy in force and its activation; a policy is the very text that its name is the hash of', async () => {
    const { house } = wires
    const loaded = await load('ann', 'north')
    expect(loaded).toMatchObject({
      incarnation: house.freshness.incarnation(),
      position: house.freshness.status().position,
      policy: { revision: house.policy.revision, position: house.policy.position },
      assignments: [{ role: 'coder' }],
    })
    const { revision, content } = await ask(client, 'LoadPolicy', { revision: loaded.policy.revision }, key)
    expect(revisionOf(content)).toBe(revision)
    expect(await load('nobody', 'nowhere')).not.toMatchObject({ user: expect.anything() })
    expect(await load('nobody', 'nowhere')).not.toMatchObject({ tenant: expect.anything() })
  })

  it('is what Check decides from, whatever was granted, ended, deactivated or suspended before', async () => {
    const { house } = wires
    const { administration, context } = house
    const unwaited = { ...context, wait: false }
    const subject = { user: fc.constantFrom('dan', 'eve'), tenant: fc.constantFrom('east', 'west') }
    const role = fc.constantFrom(...Object.keys(ROLES))
    const at = Date.now()
    const step = fc.oneof(
      fc.record({ ...subject, kind: fc.constant('grant' as const), role, endsInMs: fc.constantFrom(undefined, 3_600_000) }),
      fc.record({ ...subject, kind: fc.constant('plan' as const), role }),
      fc.record({ ...subject, kind: fc.constant('revoke' as const), role }),
      fc.record({ ...subject, kind: fc.constantFrom('deactivate' as const, 'reactivate' as const, 'suspend' as const, 'resume' as const) }),
      fc.record({
        ...subject,
        kind: fc.constant('describe' as const),
        attributes: fc.dictionary(
          fc.string({ maxLength: 4 }).filter((name) => name !== '__proto__'),
          fc.jsonValue({ maxDepth: 2 }),
          { maxKeys: 3 },
        ),
      }),
    )
    type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
    const take = async (one: Step): Promise<unknown> => {
      const { user, tenant } = one
      switch (one.kind) {
        case 'grant':
          return await administration.grant(unwaited, {
            user,
            tenant,
            role: one.role,
            ...(one.endsInMs === undefined ? {} : { expiresAtMs: at + one.endsInMs }),
          })
        case 'plan':
          return await administration.grant(unwaited, { user, tenant, role: one.role, validFromMs: at + 3_600_000 })
        case 'revoke':
          return await administration.revokeRole(unwaited, tenant, user, one.role)
        case 'deactivate':
          return await administration.deactivateUser(unwaited, user)
        case 'reactivate':
          return await administration.reactivateUser(unwaited, user)
        case 'suspend':
          return await administration.suspendTenant(unwaited, tenant)
        case 'resume':
          return await administration.resumeTenant(unwaited, tenant)
        case 'describe':
          await administration.putTenant(unwaited, { tenant, attributes: one.attributes })
          return await administration.putUser(unwaited, { user, attributes: one.attributes })
      }
    }
    const permissions = [...new Set(Object.values(ROLES).flat())]
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        // One may be refused, as the revocation of what nobody holds.
        for (const one of steps) await take(one).catch(() => undefined)
        await house.freshness.catchUp()
        for (const { user, tenant } of steps) {
          const loaded = await load(user, tenant)
          const policy = compilePolicy(house.policy.current().bundle)
          expect(loaded.policy.revision).toBe(policy.revision)
          const state = stateOf(loaded)
          for (const permission of permissions) {
            const question = { user, tenant, permission }
            const { decisionId: _id, basis, ...checked } = await house.decisions.check(question, NEVER)
            expect({ ...decide(policy, question, state), policyRevision: loaded.policy.revision, position: loaded.position }).toEqual(
              checked,
            )
            const { user: account, tenant: place } = basis.found?.value ?? {}
            expect(state).toMatchObject({ user: account && { ...account, epoch: 0 }, tenant: place })
          }
        }
      }),
      { numRuns: 12 },
    )
  })

  it('shows a caller that is limited to tenants nothing of an account that has no role there, but that it is deactivated', async () => {
    const { administration, context } = wires.house
    const limited = (await callerWith({ tenants: ['north'] })).key
    const hour = 3_600_000
    await administration.putUser(context, { user: 'pia', displayName: 'Pia', attributes: { salary: 9 } })
    await administration.grant(context, { user: 'pia', tenant: 'south', role: 'reader' })
    const seen = async (by: string) => stateOf(await load('pia', 'north', {}, by)).user
    expect([await seen(key), await seen(limited)]).toMatchObject([{ attributes: { salary: 9 } }, { deactivated: false, attributes: {} }])
    await administration.grant(context, { user: 'pia', tenant: 'north', role: 'reader', validFromMs: Date.now() + hour })
    expect(await seen(limited)).toMatchObject({ attributes: { salary: 9 } })
    await administration.revokeRole(context, 'north', 'pia', 'reader')
    await administration.deactivateUser(context, 'pia')
    expect(await seen(limited)).toEqual({ deactivated: true, attributes: {}, epoch: 0 })
    // Of sessions nothing at all.
    expect((await load('pia', 'north')).user).not.toHaveProperty('epoch')
  })

  it('is refused without the scope, in another tenant, before its position, and with names that are none', async () => {
    const { house } = wires
    const older = await callerWith({ scopes: ['decide'] })
    const limited = await callerWith({ tenants: ['north'] })
    const deciding = await callerWith({ scopes: ['replicate'] })
    for (const refused of [load('ann', 'north', {}, older.key), ask(client, 'LoadPolicy', { revision: house.policy.revision }, older.key)])
      expect(await fault(refused)).toMatchObject({ code: status.PERMISSION_DENIED, details: expect.stringContaining('replicate') })
    for (const refused of [
      load('ann', 'north', {}, deciding.key),
      ask(client, 'LoadPolicy', { revision: house.policy.revision }, deciding.key),
    ])
      expect(await fault(refused)).toMatchObject({ code: status.PERMISSION_DENIED, details: expect.stringContaining('decide') })
    expect((await fault(load('ann', 'south', {}, limited.key))).code).toBe(status.PERMISSION_DENIED)
    expect(await load('ann', 'north', {}, limited.key)).toMatchObject({ assignments: [{ role: 'coder' }] })
    expect(await ask(client, 'LoadPolicy', { revision: house.policy.revision }, limited.key)).toMatchObject({
      revision: house.policy.revision,
    })
    expect((await fault(load('ann', 'north', {}, 'cst_unknown'))).code).toBe(status.UNAUTHENTICATED)
    expect((await fault(load('ann', 'north', { minPosition: 1_000_000 }))).code).toBe(status.UNAVAILABLE)
    expect(fieldsOf(await fault(load('', 'north')))).toEqual(['user'])
    expect(fieldsOf(await fault(ask(client, 'LoadPolicy', { revision: 'active' }, key)))).toEqual(['revision'])
    expect((await fault(ask(client, 'LoadPolicy', { revision: 'f'.repeat(64) }, key))).code).toBe(status.NOT_FOUND)
  })
})

describe('a watcher', () => {
  it('is told of a grant once it is in force, and a heartbeat after it reaches its position', async () => {
    const { house } = wires
    const watching = watch()
    const opened = await watching.opened()
    expect(opened).toMatchObject({ incarnation: house.freshness.incarnation(), position: house.freshness.status().position })
    expect(opened.policy).toEqual({ revision: house.policy.revision, position: house.policy.position })
    const { position } = await house.administration.grant(house.context, { tenant: 'north', user: 'cid', role: 'reader' })
    const told = await watching.next(({ kind, through }) => kind === 'changes' && through >= position)
    expect(told.changes).toContainEqual(expect.objectContaining({ position, of: 'user', user: fingerprintOf('cid') }))
    const heartbeat = await watching.heartbeat(7)
    expect(heartbeat).toMatchObject({ beat: 7, fresh: true })
    expect(heartbeat.position).toBeGreaterThanOrEqual(position)
    expect(Number.isInteger(heartbeat.ageMs)).toBe(true)
    expect(heartbeat.databaseBeforeMs).toBeGreaterThan(1_600_000_000_000)
  })

  it('is told of an activation when that policy is in force here, and can load it', async () => {
    const { house } = wires
    const watching = watch()
    await watching.opened()
    const position = await house.use(bundleOf({ ...ROLES, auditor: ['audit.read'] }))
    const told = await watching.next(({ kind, through }) => kind === 'changes' && through >= position)
    const change = told.changes.find(({ of }: Client) => of === 'policyRevision')
    expect(change).toEqual(expect.objectContaining({ position, policyRevision: house.policy.revision }))
    const { content } = await ask(client, 'LoadPolicy', { revision: change.policyRevision }, key)
    expect(revisionOf(content)).toBe(change.policyRevision)
    const state = { policy: { revision: change.policyRevision, position } }
    expect(await load('ann', 'north', { minPosition: position })).toMatchObject(state)
  })

  it('goes on from what it knows, without policy or changes that it knows, and begins anew with another database', async () => {
    const { house } = wires
    const { incarnation, callerDigest } = await watch().opened()
    const { position: known } = await house.administration.putTenant(house.context, { tenant: 'east', displayName: 'before' })
    const { position } = await house.administration.putTenant(house.context, { tenant: 'east', displayName: 'after' })
    const watching = watch({ from: { incarnation, position: known, callerDigest }, beat: 1 })
    expect(await watching.opened()).toMatchObject({ resumed: true, position: known })
    expect(watching.events[0].policy ?? null).toBeNull()
    await watching.next(({ kind, beat }) => kind === 'heartbeat' && beat === 1)
    expect(watching.events.slice(1, -1).flatMap(({ changes = [] }) => changes)).toEqual([
      expect.objectContaining({ position, of: 'tenant', tenant: fingerprintOf('east') }),
    ])
    await house.database.knex.raw('update access_head set incarnation = default, cache_secret = default')
    await house.freshness.catchUp()
    const again = await watching.opened()
    expect(again).toMatchObject({ incarnation: house.freshness.incarnation(), policy: { revision: house.policy.revision } })
    expect(again.resumed ?? false).toBe(false)
    expect(again.incarnation).not.toBe(incarnation)
    const late = await watch({ from: { incarnation, position, callerDigest } }).opened()
    expect(late.resumed ?? false).toBe(false)
  })

  it('never goes on from what another caller was told, nor the same one with other tenants, nor when a caller has changed since', async () => {
    const { house } = wires
    const caller = await callerWith()
    const other = await callerWith({ tenants: ['north'] })
    const { incarnation, position, callerDigest } = await watch({}, caller.key).opened()
    const from = { incarnation, position, callerDigest }
    const resumes = async (by: string, first = from) => (await watch({ from: first }, by).opened()).resumed ?? false
    expect(await resumes(caller.key)).toBe(true)
    expect(await resumes(other.key)).toBe(false)
    const { knex } = house.database
    await knex('caller')
      .where({ id: caller.id })
      .update({ tenants: ['north'] })
    const { position: changed } = await house.administration.createCaller(house.context, { name: 'read again', scopes: ['decide'] })
    const limited = await watch({ from: { ...from, position: changed } }, caller.key).opened()
    expect([limited.resumed ?? false, limited.callerDigest === callerDigest]).toEqual([false, false])
    const again = { incarnation, position: changed, callerDigest: limited.callerDigest }
    expect(await resumes(caller.key, again)).toBe(true)
    expect(await resumes(caller.key, { ...again, position: changed - 1 })).toBe(false)
  })

  it('is told nothing of tenants that its caller may not see, though the position moves', async () => {
    const { house } = wires
    const { key: limited } = await callerWith({ tenants: ['north'] })
    const [all, some] = [watch(), watch({}, limited)]
    await Promise.all([all.opened(), some.opened()])
    await house.administration.putTenant(house.context, { tenant: 'south', displayName: 'South' })
    const { position } = await house.administration.putTenant(house.context, { tenant: 'north', displayName: 'North' })
    for (const watching of [all, some]) await watching.next(({ kind, through }) => kind === 'changes' && through >= position)
    const tenantsOf = ({ events }: Watching) => events.flatMap(({ changes = [] }) => changes.map(({ tenant }: Client) => tenant))
    expect(tenantsOf(all)).toEqual([fingerprintOf('south'), fingerprintOf('north')])
    expect(tenantsOf(some)).toEqual([fingerprintOf('north')])
  })

  it('hears why it ends: its key was revoked, its tenants changed, its scope was taken or was never there', async () => {
    const { house } = wires
    const revoked = await callerWith()
    const moved = await callerWith({ tenants: ['north'] })
    const stripped = await callerWith()
    const older = await callerWith({ scopes: ['decide'] })
    const watching = [watch({}, revoked.key), watch({}, moved.key), watch({}, stripped.key)] as const
    for (const one of watching) await one.opened()
    await house.administration.revokeCaller(house.context, revoked.id)
    expect((await watching[0].ended).code).toBe(status.UNAUTHENTICATED)
    const { knex } = house.database
    await knex('caller')
      .where({ id: moved.id })
      .update({ tenants: ['south'] })
    await knex('caller')
      .where({ id: stripped.id })
      .update({ scopes: ['decide'] })
    await house.administration.createCaller(house.context, { name: 'so that callers are read again', scopes: ['decide'] })
    for (const one of watching.slice(1)) expect((await one.ended).code).toBe(status.PERMISSION_DENIED)
    expect((await watch({}, older.key).ended).code).toBe(status.PERMISSION_DENIED)
    expect((await watch({}, (await callerWith({ scopes: ['replicate'] })).key).ended).code).toBe(status.PERMISSION_DENIED)
    expect((await watch({}, 'cst_unknown').ended).code).toBe(status.UNAUTHENTICATED)
  })

  it('is refused what is no message of its kind, with the field', async () => {
    const { incarnation } = await watch().opened()
    for (const [messages, field] of [
      [[{ beat: -1 }], 'beat'],
      [[{ from: { position: 1 } }], 'from.incarnation'],
      [[{ from: { incarnation, position: -1 } }], 'from.position'],
      [[{}, { from: { incarnation, position: 1 }, beat: 1 }], 'from'],
      [[{}, {}], 'beat'],
    ] as const) {
      const watching = watch(null)
      for (const message of messages) watching.stream.write(message)
      const ended = await watching.ended
      expect([ended.code, fieldsOf(ended)]).toEqual([status.INVALID_ARGUMENT, [field]])
    }
  })

  it('may end it itself, and there are only so many over one connection', async () => {
    const { replication } = wires.needs
    const watching = watch()
    await watching.opened()
    watching.stream.end()
    expect((await watching.ended).code).toBe(status.OK)
    while (replication.watchers() > 0) await new Promise((resolve) => setImmediate(resolve))
    const many = Array.from({ length: ACCESS_WATCHERS_PER_CONNECTION_MAX }, () => watch())
    for (const one of many) await one.opened()
    expect((await watch().ended).code).toBe(status.RESOURCE_EXHAUSTED)
    expect(wires.needs.admission.inFlight()).toBe(0)
  })
})

const POLICY = { revision: 'f'.repeat(64), position: 1 }

describe('a watcher whose feed and time the test tells', () => {
  const clock = new ManualClock()
  const knowledge = new Knowledge(100, clock)
  const feed = new AccessFeed({ knowledge, clock })
  let still: GrpcServer
  let slow: Client
  let replication: Replication
  beforeAll(async () => {
    feed.restarted('incarnation', 10)
    feed.applied([], 10, POLICY)
    feed.caughtUp()
    const { freshness, store } = wires.house
    replication = openReplication({ resolver: freshness.resolver, records: store.records, feed, incarnation: () => undefined })
    still = await openGrpcServer({ ...wires.needs, clock, replication })
    slow = accessClient(still.port)
  })
  afterAll(async () => {
    slow.close()
    await still.close()
  })
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('gets one heartbeat in so many milliseconds, for the last that it asked', async () => {
    const watching = watch({ beat: 1 }, key, slow)
    await watching.next(({ kind }) => kind === 'heartbeat')
    for (const beat of [2, 3, 4]) watching.stream.write({ beat })
    await rounds(200)
    clock.advance(ACCESS_BEAT_MS_MIN)
    await watching.next(({ kind, beat }) => kind === 'heartbeat' && beat === 4)
    expect(watching.events.filter(({ kind }) => kind === 'heartbeat').map(({ beat }) => beat)).toEqual([1, 4])
    for (let beat = 5; beat < 200; beat++) watching.stream.write({ beat })
    const last = watching.next(({ beat }) => beat === 199)
    let over = false
    last.finally(() => {
      over = true
    })
    while (!over) {
      clock.advance(ACCESS_BEAT_MS_MIN)
      await rounds(20)
    }
    const answered = watching.events.filter(({ kind }) => kind === 'heartbeat').map(({ beat }) => beat)
    expect(answered.length).toBeLessThan(50)
    expect(answered).toEqual([...answered].sort((one, other) => one - other))
  })

  it('is not waited for without end before it says from where it watches', async () => {
    const watching = watch(null, key, slow)
    for (const mine = test; (replication.watchers() < 1 || clock.waiting === 0) && mine === test; ) await rounds(1)
    clock.advance(ACCESS_FIRST_MESSAGE_MS_MAX)
    expect((await watching.ended).code).toBe(status.DEADLINE_EXCEEDED)
  })

  it('is cut when it takes nothing, and until then nothing was left out', async () => {
    const watching = watch({}, key, slow)
    const { position } = await watching.opened()
    watching.stream.pause()
    let last = position
    // Time passes slowly beside what is taken, so that it is one message that is not taken which takes too long.
    for (const mine = test; replication.watchers() > 0 && mine === test; await rounds(5)) {
      const changes = Array.from({ length: 1_000 }, () => ({
        kind: 'policy' as const,
        revision: POLICY.revision,
        position: ++last,
        atMs: 0,
      }))
      feed.applied(changes, last, { ...POLICY, position: last })
      clock.advance(ACCESS_READER_WAIT_MS_MAX / 20)
    }
    watching.stream.resume()
    expect((await watching.ended).code).toBe(status.RESOURCE_EXHAUSTED)
    const told = watching.events.flatMap(({ changes: some = [] }) => some.map((change: Client) => change.position))
    expect(told.length).toBeLessThan(last - position)
    expect(told).toEqual(told.map((_, index) => position + 1 + index))
  })

  it('is sent elsewhere when the service stops', async () => {
    const watching = watch({}, key, slow)
    await watching.opened()
    await still.drain()
    expect((await watching.ended).code).toBe(status.UNAVAILABLE)
  })
})
