/** Single guarantees of a plan that random worlds meet rarely or never: what it reads, how it ends, and what tokens become. */
import { afterAll, beforeEach, expect, it } from '@jest/globals'
import { planPolicy } from '../../../src/access/impact/plan.ts'
import type { PolicyBundle, RoleEntry, RoleGrant } from '../../../src/model/policy.ts'
import type { PlanEvent, PlanSummary } from '../../../src/model/policy-plan.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import type { ImpactReader } from '../../../src/store/ports.ts'
import { bundleOf, NEVER } from '../../support/house.ts'
import { openPgliteStore } from '../../support/stores.ts'
import { type Held, storeWorld } from './worlds.ts'

const NO_BITS = { version: 0, bitOf: () => undefined }
const opened = await openPgliteStore()
afterAll(() => opened.close())

const held = (user: string, tenant: string, role: string, from = -1, until: number | null = null): Held => ({
  user,
  tenant,
  role,
  from,
  until,
})

async function store(rows: readonly Held[]): Promise<void> {
  const side = (ids: readonly string[]) => [...new Set(ids)].map((id) => ({ id, closed: false, attributes: {} }))
  const empty = bundleOf({})
  const world = { before: empty, after: empty, pairsAtOnce: 1, held: rows }
  await storeWorld(
    opened.database,
    { ...world, users: side(rows.map((row) => row.user)), tenants: side(rows.map((row) => row.tenant)) },
    Date.now(),
  )
}

function begin(before: PolicyBundle, after: PolicyBundle, impact: ImpactReader = opened.store.impact, signal = NEVER, pairsAtOnce = 1) {
  return planPolicy({ impact, bits: NO_BITS }, compilePolicy(before), compilePolicy(after), { people: true, pairsAtOnce }, signal)
}

async function plan(
  before: PolicyBundle,
  after: PolicyBundle,
): Promise<{ readonly events: readonly PlanEvent[]; readonly summary: PlanSummary }> {
  const events: PlanEvent[] = []
  for await (const event of begin(before, after)) events.push(event)
  const end = events.at(-1)
  if (end?.event !== 'end') throw new Error('A plan ends')
  return { events, summary: end.summary }
}

/** `clerk` may read; `lead` too, and write. */
const BEFORE = bundleOf({ clerk: ['work.read'], lead: ['work.read', 'work.write'] })
const withRole = (bundle: PolicyBundle, name: string, change: (role: RoleEntry) => RoleEntry): PolicyBundle => ({
  ...bundle,
  roles: bundle.roles.map((role) => (role.name === name ? change(role) : role)),
})
const withGrants = (bundle: PolicyBundle, name: string, grants: readonly RoleGrant[]): PolicyBundle =>
  withRole(bundle, name, (role) => ({ ...role, grants }))
const withSites = (bundle: PolicyBundle, type: 'string' | 'string[]'): PolicyBundle => ({
  ...bundle,
  permissions: bundle.permissions.map((permission) => ({ ...permission, attributes: { site: type } })),
})

beforeEach(() => store([held('ann', 'north', 'clerk'), held('ann', 'north', 'lead'), held('bob', 'south', 'clerk')]))

it('the same policy changes no role, reads nobody, and still says as of when', async () => {
  const { events, summary } = await plan(BEFORE, BEFORE)
  expect(events.map((event) => event.event)).toEqual(['begin', 'end'])
  expect(events[0]).toMatchObject({ changedRoles: [], pairsMax: 0 })
  expect(summary).toMatchObject({ pairs: 0, pairsAffected: 0, tenantsLeftOut: 0 })
  expect(summary.positionLast).toBe(summary.positionFirst)
})

it('reads holders of changed roles only', async () => {
  const read: string[] = []
  const impact: ImpactReader = {
    ...opened.store.impact,
    listLivePairs: (role, after, limit) => {
      read.push(role)
      return opened.store.impact.listLivePairs(role, after, limit)
    },
  }
  const after = withGrants(BEFORE, 'lead', [{ permission: 'work.read' }])
  for await (const event of begin(BEFORE, after, impact)) if (event.event === 'begin') expect(event.changedRoles).toEqual(['lead'])
  expect([...new Set(read)]).toEqual(['lead'])
})

it('a title, an owner or a reason is no change for a holder', async () => {
  const titled = withRole(BEFORE, 'clerk', (role) => ({ ...role, title: 'Other', owner: 'new@example.org' }))
  expect((await plan(BEFORE, titled)).events[0]).toMatchObject({ changedRoles: [], pairsMax: 0 })
})

it('who holds a second role that still grants it loses nothing', async () => {
  const { events } = await plan(BEFORE, withGrants(BEFORE, 'clerk', []))
  expect(events.flatMap((event) => (event.event === 'effects' ? event.items : []))).toEqual([
    { user: 'bob', tenant: 'south', dormant: false, effects: [{ permission: 'work.read', kind: 'lost', conditional: false }] },
  ])
})

it('a new limit on the number of roles finds who breaks it, although no role grants anything else', async () => {
  const after: PolicyBundle = { ...BEFORE, constraints: [{ id: 'one-role', type: 'max-roles-per-tenant', max: 1 }] }
  const { events, summary } = await plan(BEFORE, after)
  expect(events.flatMap((event) => (event.event === 'breaches' ? event.items : []))).toEqual([
    { user: 'ann', tenant: 'north', constraint: 'one-role', message: 'clerk and lead would be held together; at most 1 role(s) a tenant' },
  ])
  expect(summary.breaches).toEqual([{ constraint: 'one-role', pairs: 1 }])
})

it('a new separation of duty finds the holders of both sides', async () => {
  const before = bundleOf({ clerk: ['pay.create'], lead: ['pay.approve'] })
  const after: PolicyBundle = {
    ...before,
    constraints: [{ id: 'four-eyes', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 }],
  }
  expect((await plan(before, after)).summary.breaches).toEqual([{ constraint: 'four-eyes', pairs: 1 }])
})

it('a rule is known by what it says, not by its id: another one under the old id is news, the old one under another id is none', async () => {
  const duties = bundleOf({ clerk: ['pay.create', 'pay.approve'], lead: ['pay.hold', 'pay.free'] })
  const rule = (id: string, permissions: readonly string[], max = 1): PolicyBundle => ({
    ...duties,
    constraints: [{ id, type: 'separation-of-duty', permissions, max }],
  })
  const before = rule('four-eyes', ['pay.create', 'pay.approve'])
  const broken = async (after: PolicyBundle) => (await plan(before, after)).summary.breaches
  expect(await broken(rule('four-eyes', ['pay.hold', 'pay.free']))).toEqual([{ constraint: 'four-eyes', pairs: 1 }])
  expect(await broken(rule('six-eyes', ['pay.approve', 'pay.create']))).toEqual([])
  const both = (max: number) => rule('four-eyes', ['pay.create', 'pay.approve', 'pay.hold'], max)
  expect((await plan(both(1), both(2))).summary.breaches).toEqual([])
  expect((await plan(both(2), both(1))).summary.breaches).toEqual([{ constraint: 'four-eyes', pairs: 2 }])
})

it('a permission that is only renamed makes no rule another one', async () => {
  const named = (name: string): PolicyBundle => ({
    ...bundleOf({ clerk: ['pay.create', name] }),
    constraints: [{ id: name === 'pay.allow' ? 'a' : 'b', type: 'separation-of-duty', permissions: ['pay.create', name], max: 1 }],
  })
  expect((await plan(named('pay.approve'), named('pay.allow'))).summary.breaches).toEqual([])
})

it('a role that becomes temporary is told of all who hold it without end or for too long, and of nobody else', async () => {
  await store([held('ann', 'n', 'lead'), held('bob', 'n', 'lead', -1, 1), held('eve', 'n', 'lead', -1, 9), held('dan', 'n', 'lead', 2, 20)])
  const after = withRole(BEFORE, 'lead', (role) => ({ ...role, assignable: 'temporary', maxGrantMs: 4 * 3_600_000 }))
  const { events } = await plan(BEFORE, after)
  const told = events.flatMap((event) => (event.event === 'breaches' ? event.items : []))
  expect(told.map(({ user, constraint, message, fromMs }) => [user, constraint, message, fromMs !== undefined])).toEqual([
    ['ann', 'temporary-only', 'lead is given only for a time and held without end', false],
    ['dan', 'temporary-only', 'lead is given for at most 240 minutes and held for longer', true],
    ['eve', 'temporary-only', 'lead is given for at most 240 minutes and held for longer', false],
  ])
})

it('the same condition on an attribute of another type is another condition', async () => {
  const grants = [{ permission: 'work.read', when: { site: { $exists: true } } }]
  const [before, after] = (['string', 'string[]'] as const).map((type) => withSites(withGrants(BEFORE, 'clerk', grants), type))
  const { summary } = await plan(before as PolicyBundle, after as PolicyBundle)
  expect(summary.effects).toMatchObject({ changed: 1, lost: 0, gained: 0 })
})

it('two roles that swap their conditions change nothing for who holds both', async () => {
  const [north, south]: RoleGrant[] = ['north', 'south'].map((site) => ({ permission: 'work.read', when: { site: { $eq: site } } }))
  const withBoth = (clerk: RoleGrant | undefined, lead: RoleGrant | undefined): PolicyBundle =>
    withSites(
      withGrants(withGrants(BEFORE, 'clerk', clerk === undefined ? [] : [clerk]), 'lead', lead === undefined ? [] : [lead]),
      'string',
    )
  const { summary } = await plan(withBoth(north, south), withBoth(south, north))
  expect([summary.pairs, summary.byTenant.map((row) => row.tenant)]).toEqual([2, ['south']])
})

it('counts people whose token outgrows its form, with bits of permissions that are new', async () => {
  const many = Array.from({ length: 400 }, (_, index) => `work.part-${index}.read`)
  const before = bundleOf({ clerk: many.slice(0, 3), lead: many.slice(0, 1) })
  const { summary } = await plan(before, bundleOf({ clerk: many, lead: many.slice(0, 1) }))
  expect(summary.tokens).toMatchObject({ codesToBits: 2, toOverage: 0 })
  expect(summary.tokens.charactersBefore).toBe('t.0 t.1 t.2'.length)
  expect(summary.tokens.charactersAfter).toBe(Array.from({ length: 400 }, (_, index) => `t.${index}`).join(' ').length)
})

it('a token that outgrows its form only when a later grant begins is counted, and one that does so today already is not', async () => {
  await store([held('ann', 'north', 'clerk', 2), held('bob', 'north', 'clerk', 2), held('bob', 'north', 'lead')])
  const many = Array.from({ length: 400 }, (_, index) => `work.part-${index}.read`)
  const before = bundleOf({ clerk: many.slice(0, 3), lead: many })
  const { summary } = await plan(before, bundleOf({ clerk: many, lead: many }))
  expect(summary.tokens).toMatchObject({ codesToBits: 1, toOverage: 0 })
  expect(summary.tokens.charactersBefore).toBeLessThan(20)
  expect(summary.tokens.charactersAfter).toBeGreaterThan(1_000)
})

it('ends at once with its signal, also while the database is asked', async () => {
  const stop = new AbortController()
  let asked = 0
  const impact: ImpactReader = {
    ...opened.store.impact,
    listLivePairs: () => {
      asked += 1
      queueMicrotask(() => stop.abort())
      return new Promise<never>(() => undefined)
    },
  }
  const events: string[] = []
  const work = (async () => {
    for await (const event of begin(BEFORE, bundleOf({}), impact, stop.signal)) events.push(event.event)
  })()
  await expect(work).rejects.toMatchObject({ code: 'cancelled' })
  expect([events, asked]).toEqual([['begin'], 1])
})

it('reads no further than its events are taken, and nothing once nobody takes them', async () => {
  let asked = 0
  const impact: ImpactReader = {
    ...opened.store.impact,
    listLivePairs: (role, after, limit) => {
      asked += 1
      return opened.store.impact.listLivePairs(role, after, limit)
    },
  }
  for await (const event of begin(BEFORE, bundleOf({}), impact)) if (event.event === 'progress') break
  expect(asked).toBe(1)
})

it('others have their turn between two pages', async () => {
  let turns = 0
  let running = true
  const count = (): void => {
    turns += 1
    if (running) setImmediate(count)
  }
  setImmediate(count)
  const seen: number[] = []
  for await (const event of begin(BEFORE, bundleOf({}))) if (event.event === 'progress') seen.push(turns)
  running = false
  expect(seen.length).toBeGreaterThan(2)
  expect(new Set(seen).size).toBe(seen.length)
})
