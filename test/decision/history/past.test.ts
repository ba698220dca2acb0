/** Histories: what a service answered at some time is what is answered later about that time. Random ones on PostgreSQL, one with all that can happen on PGlite too. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { AppError } from '../../../src/ground/errors.ts'
import type { HolderList, PermissionList } from '../../../src/model/decision.ts'
import type { PolicyBundle } from '../../../src/model/policy.ts'
import { bundleOf, type House, NEVER, openHouse } from '../../support/house.ts'
import { openPgliteStore, openPostgresStore } from '../../support/stores.ts'

const PERMISSIONS = ['stay.read', 'stay.code', 'stay.share', 'stay.close'] as const
const ROLES = ['reader', 'coder', 'sharer'] as const
const USERS = ['ann', 'bob', 'cleo'] as const
const TENANTS = ['north', 'south'] as const

/** The same roles with other contents: unconditional, by an attribute of the user, by one of the tenant, with one permission switched off. */
function bundles(): readonly PolicyBundle[] {
  const plain = bundleOf({ reader: ['stay.read'], coder: ['stay.read', 'stay.code'], sharer: ['stay.share', 'stay.close'] })
  const when = (variable: string) => ({ facility: { $in: { $var: variable } } })
  const byAttributes: PolicyBundle = {
    ...plain,
    permissions: plain.permissions.map((entry) => ({ ...entry, attributes: { facility: 'string' } })),
    roles: plain.roles.map((role) => ({
      ...role,
      grants: role.grants.map((grant) =>
        grant.permission === 'stay.code'
          ? { ...grant, when: when('user.attributes.facilities') }
          : grant.permission === 'stay.share'
            ? { ...grant, when: when('tenant.attributes.facilities') }
            : grant,
      ),
    })),
  }
  const switchedOff: PolicyBundle = {
    ...plain,
    permissions: plain.permissions.map((entry) => (entry.name === 'stay.read' ? { ...entry, stage: 'disabled' } : entry)),
    roles: plain.roles.filter(({ name }) => name !== 'coder'),
  }
  return [plain, byAttributes, switchedOff]
}

type Step =
  | {
      readonly kind: 'grant'
      readonly user: string
      readonly tenant: string
      readonly role: string
      readonly from: number | null
      readonly until: number | null
    }
  | { readonly kind: 'revoke' | 'revokeRole'; readonly user: string; readonly tenant: string; readonly role: string }
  | { readonly kind: 'tenantState' | 'tenantPut'; readonly tenant: string; readonly on: boolean }
  | { readonly kind: 'userState' | 'userPut'; readonly user: string; readonly on: boolean }
  | { readonly kind: 'policy'; readonly index: number }

const user = fc.constantFrom(...USERS)
const tenant = fc.constantFrom(...TENANTS)
const role = fc.constantFrom(...ROLES)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      ...{ user, tenant, role },
      // Milliseconds from now: edges come while the history goes on.
      from: fc.constantFrom(null, -50, 30, 120),
      until: fc.constantFrom(null, 40, 150, 3_600_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('revoke' as const, 'revokeRole' as const), user, tenant, role }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('tenantState' as const, 'tenantPut' as const), tenant, on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('userPut' as const), user, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('userState' as const), user, on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('policy' as const), index: fc.nat(2) }) },
)

interface Told {
  readonly step: Step
  /** Of what is asked after it. */
  readonly at: string
  readonly permission: string
}

/** All that a random history is about, once: subjects made by their first grant and put later, and each way to lose something and get it back. */
const STORY: readonly Told[] = (
  [
    [{ kind: 'grant', user: 'ann', tenant: 'north', role: 'coder', from: null, until: null }, 'stay.read'],
    [{ kind: 'grant', user: 'ann', tenant: 'north', role: 'sharer', from: -50, until: 3_600_000 }, 'stay.share'],
    [{ kind: 'userPut', user: 'ann', on: true }, 'stay.code'],
    [{ kind: 'tenantPut', tenant: 'north', on: true }, 'stay.share'],
    [{ kind: 'grant', user: 'bob', tenant: 'north', role: 'reader', from: null, until: 40 }, 'stay.read'],
    [{ kind: 'userState', user: 'ann', on: false }, 'stay.code'],
    [{ kind: 'userState', user: 'ann', on: true }, 'stay.code'],
    [{ kind: 'tenantState', tenant: 'north', on: false }, 'stay.read'],
    [{ kind: 'tenantState', tenant: 'north', on: true }, 'stay.read'],
    [{ kind: 'policy', index: 2 }, 'stay.read'],
    [{ kind: 'policy', index: 0 }, 'stay.close'],
    [{ kind: 'revoke', user: 'ann', tenant: 'north', role: 'coder' }, 'stay.code'],
    [{ kind: 'revokeRole', user: 'ann', tenant: 'north', role: 'sharer' }, 'stay.share'],
    [{ kind: 'userPut', user: 'bob', on: false }, 'stay.read'],
  ] as const
).map(([one, permission]) => ({ step: one, at: 'north', permission }))

/** What was answered between two moments of the database's clock. */
interface Note {
  readonly fromMs: number
  readonly untilMs: number
  readonly listed: readonly { readonly user: string; readonly tenant: string; readonly answer: PermissionList }[]
  readonly tenant: string
  readonly permission: string
  readonly holders: HolderList | 'unknown'
}

describe.each([
  {
    kind: 'pglite',
    open: openPgliteStore,
    told: fc.constant(STORY),
    numRuns: 1,
    denied: ['none', 'TENANT_SUSPENDED', 'UNKNOWN_USER', 'ACCOUNT_DEACTIVATED'],
  },
  {
    kind: 'postgres',
    open: openPostgresStore,
    told: fc.array(fc.record({ step, at: tenant, permission: fc.constantFrom(...PERMISSIONS) }), { minLength: 20, maxLength: 28 }),
    numRuns: 5,
    denied: ['none', 'UNKNOWN_USER'],
  },
])('what a service answered at some time, on $kind', ({ kind, open, told: history, numRuns, denied }) => {
  let opened: Awaited<ReturnType<typeof openPgliteStore>>
  let house: House
  let runs = 0
  beforeAll(async () => {
    opened = await open()
    house = await openHouse(bundles()[0], opened.database)
  }, 60_000)
  afterAll(async () => {
    await house?.close()
    await opened?.close()
  })

  async function databaseMs(afterMs = 0): Promise<number> {
    for (;;) {
      const nowMs = await house.store.change((transaction) => transaction.nowMs())
      if (nowMs > afterMs) return nowMs
    }
  }

  async function take(one: Step, run: string, edges: Set<number>): Promise<void> {
    const { administration: a, context } = house
    const named = (id: string) => `${id}-${run}`
    switch (one.kind) {
      case 'grant': {
        const nowMs = await databaseMs()
        const window = {
          ...(one.from === null ? {} : { validFromMs: nowMs + one.from }),
          ...(one.until === null ? {} : { expiresAtMs: nowMs + one.until }),
        }
        const granted = await a.grant(context, { user: named(one.user), tenant: named(one.tenant), role: one.role, ...window })
        edges.add(granted.record.validFromMs)
        if (granted.record.expiresAtMs !== null) edges.add(granted.record.expiresAtMs)
        return
      }
      case 'revoke': {
        const rows = await a.listAssignments(house.admin, named(one.tenant), named(one.user), false, { pageSize: 100 })
        const row = rows.items.find((candidate) => candidate.role === one.role)
        if (row !== undefined) await a.revoke(context, row.tenant, row.user, row.id)
        return
      }
      case 'revokeRole':
        await a.revokeRole(context, named(one.tenant), named(one.user), one.role)
        return
      case 'tenantState':
        await (one.on ? a.resumeTenant(context, named(one.tenant)) : a.suspendTenant(context, named(one.tenant)))
        return
      case 'tenantPut':
        await a.putTenant(context, { tenant: named(one.tenant), attributes: one.on ? { facilities: ['a'] } : {} })
        return
      case 'userState':
        await (one.on ? a.reactivateUser(context, named(one.user)) : a.deactivateUser(context, named(one.user)))
        return
      case 'userPut':
        await a.putUser(context, { user: named(one.user), attributes: one.on ? { facilities: ['a', 'b'] } : {} })
        return
      case 'policy':
        await house.use(bundles()[one.index] as PolicyBundle)
    }
  }

  /** Refused changes are part of a history: nothing may be seen of them. */
  async function attempt(one: Step, run: string, edges: Set<number>): Promise<void> {
    await take(one, run, edges).catch((fault: unknown) => {
      if (!(fault instanceof AppError) || fault.code === 'store_unavailable') throw fault
    })
  }

  async function note(run: string, at: string, permission: string): Promise<Note> {
    const fromMs = await databaseMs()
    const tenantId = `${at}-${run}`
    const listed = []
    for (const id of USERS) {
      const user = `${id}-${run}`
      listed.push({ user, tenant: tenantId, answer: await house.decisions.listPermissions(user, tenantId, NEVER) })
    }
    const holders = await house.decisions.listUsers({ tenant: tenantId, permission, pageSize: 10 }, NEVER).catch(notFound)
    const untilMs = await databaseMs()
    // The next change comes at a later millisecond.
    await databaseMs(untilMs)
    return { fromMs, untilMs, listed, tenant: tenantId, permission, holders }
  }

  const notFound = (fault: unknown): 'unknown' => {
    if (fault instanceof AppError && fault.code === 'not_found') return 'unknown'
    throw fault
  }
  const content = ({ position: _, ...rest }: PermissionList | HolderList) => rest

  /** A window may have begun or ended while the service was asked: then it is the answer before or after that edge. */
  const momentsOf = ({ fromMs, untilMs }: Note, edges: ReadonlySet<number>) => [
    ...new Set([fromMs, untilMs, ...[...edges].filter((edge) => edge > fromMs && edge <= untilMs)]),
  ]

  it('is what is answered later about that time, whatever changed since', async () => {
    const told = { held: 0, denied: new Set<string>(), users: 0, revisions: new Set<string>() }
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const run = `${kind}-${runs++}`
        const edges = new Set<number>()
        const notes: Note[] = []
        // Most of a history is under the policy that reads attributes.
        await house.use(bundles()[1] as PolicyBundle)
        for (const { step: one, at, permission } of steps) {
          await attempt(one, run, edges)
          notes.push(await note(run, at, permission))
        }
        for (const noted of notes) {
          const moments = momentsOf(noted, edges)
          for (const { user: id, tenant: where, answer } of noted.listed) {
            const then = await Promise.all(
              moments.map(async (ms) => content(await house.auditing.history.listPermissionsAt(house.admin, id, where, ms))),
            )
            expect(then).toContainEqual(content(answer))
            told.held += answer.permissions.length
            told.denied.add(answer.denied ?? 'none')
            told.revisions.add(answer.policyRevision)
          }
          const question = { tenant: noted.tenant, permission: noted.permission, pageSize: 10 }
          const whoThen = await Promise.all(
            moments.map((ms) => house.auditing.history.listUsersAt(house.admin, question, ms).then(content, notFound)),
          )
          expect(whoThen).toContainEqual(noted.holders === 'unknown' ? 'unknown' : content(noted.holders))
          if (noted.holders !== 'unknown') told.users += noted.holders.users.length
        }
      }),
      { numRuns, endOnFailure: true },
    )
    // The histories were about something.
    expect(told.held).toBeGreaterThan(15)
    expect(told.users).toBeGreaterThan(5)
    expect(told.revisions.size).toBeGreaterThan(1)
    expect([...told.denied]).toEqual(expect.arrayContaining(denied))
  }, 120_000)
})

describe('a history of which not all is recorded', () => {
  it('knows nobody before their row, and all of what was put since', async () => {
    const opened = await openPostgresStore(3)
    try {
      const house = await openHouse(bundles()[0], opened.database)
      const { administration, context, auditing, admin } = house
      await opened.database.knex.raw(
        `insert into tenant (id, created_at) values ('north', now() - interval '1 day'), ('south', now() - interval '1 day')`,
      )
      await opened.database.knex.raw(`insert into subject (id, created_at) values ('ann', now() - interval '1 day')`)
      // The policy was in force before all of it.
      await opened.database.knex.raw(`alter table policy_activation disable trigger user`)
      await opened.database.knex.raw(`update policy_activation set activated_at = now() - interval '9 days'`)
      await opened.database.knex.raw(`alter table audit_event disable trigger user`)
      await opened.database.knex.raw(`update audit_event set at = now() - interval '9 days' where action = 'policy.activate'`)
      await administration.putUser(context, { user: 'ann' })
      await administration.putTenant(context, { tenant: 'north' })
      const nowMs = await house.store.change((transaction) => transaction.nowMs())
      const denied = async (tenant: string, agoMs: number) =>
        (await auditing.history.listPermissionsAt(admin, 'ann', tenant, nowMs - agoMs)).denied ?? 'none'
      const [hour, twoDays] = [3_600_000, 172_800_000]
      const answers = [
        await denied('north', hour),
        await denied('north', twoDays),
        await denied('south', twoDays),
        await denied('south', 0),
      ]
      await house.close()
      expect(answers).toEqual(['none', 'UNKNOWN_TENANT', 'UNKNOWN_TENANT', 'none'])
    } finally {
      await opened.close()
    }
  }, 60_000)
})

describe('a change that was under way', () => {
  let opened: Awaited<ReturnType<typeof openPostgresStore>>
  let house: House
  beforeAll(async () => {
    opened = await openPostgresStore()
    house = await openHouse(bundles()[0], opened.database)
  }, 60_000)
  afterAll(async () => {
    await house?.close()
    await opened?.close()
  })

  /** While `change` has written its rows and waits for its place in the order of changes. @returns the database's time then */
  async function heldUp(change: () => Promise<unknown>): Promise<number> {
    const { knex } = opened.database
    const head = await knex.transaction()
    await head.raw('select from access_head for update')
    const pending = change()
    for (let waiting = false; !waiting; ) {
      const found = await knex.raw(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)
      waiting = found.rows.length > 0
    }
    const answer = await knex.raw(`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint + 1 as ms`)
    const ms: number = answer.rows[0].ms
    for (let now = 0; now <= ms; ) now = await house.store.change((transaction) => transaction.nowMs())
    await head.commit()
    await pending
    return ms
  }

  it('is seen from its recording on, not from when its rows were written', async () => {
    const { administration, context, auditing, admin } = house
    await administration.putUser(context, { user: 'dora' })
    await administration.putTenant(context, { tenant: 'north' })
    let id = ''
    const beforeGrantMs = await heldUp(async () => {
      id = (await administration.grant(context, { user: 'dora', tenant: 'north', role: 'coder' })).record.id
    })
    const beforeRevokeMs = await heldUp(() => administration.revoke(context, 'north', 'dora', id))
    await administration.grant(context, { user: 'dora', tenant: 'north', role: 'reader' })
    const beforeRoleMs = await heldUp(() => administration.revokeRole(context, 'north', 'dora', 'reader'))
    const beforeFirstMs = await heldUp(() => administration.grant(context, { user: 'emil', tenant: 'north', role: 'reader' }))
    expect((await auditing.history.listPermissionsAt(admin, 'emil', 'north', beforeFirstMs)).denied).toBe('UNKNOWN_USER')
    const nowMs = await house.store.change((transaction) => transaction.nowMs())
    const held = async (ms: number) => (await auditing.history.listPermissionsAt(admin, 'dora', 'north', ms)).permissions.length
    expect(await Promise.all([beforeGrantMs, beforeRevokeMs, beforeRoleMs, nowMs].map(held))).toEqual([0, 2, 1, 0])
  }, 60_000)
})
