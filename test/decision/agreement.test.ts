/** Check, batch, names, lists, who-may and Explain are one rule: all agree with the naive evaluator over random worlds. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Decision } from '../../src/model/decision.ts'
import type { AttributeTest, Condition, PolicyBundle } from '../../src/model/policy.ts'
import { bundleOf, type House, NEVER, openHouse } from '../support/house.ts'
import { HOSTILE_IDS } from '../support/ids.ts'
import { naive, type World } from './naive.ts'
import type { Resource } from './naive-condition.ts'

const PERMISSIONS = ['work.read', 'work.write', 'work.deep.sub.approve', 'pay.create']
const ROLES = ['clerk', 'lead', 'auditor', 'constructor']
/** Worlds per run; more by an environment variable of the person who runs it. */
const RUNS = Number(process.env['AGREEMENT_RUNS'] ?? 60)
const HOUR_MS = 3_600_000

const scalarTest: fc.Arbitrary<AttributeTest> = fc.oneof(
  fc.constantFrom('north', 'south').map((value) => ({ $eq: value })),
  fc.constant({ $eq: { $var: 'user.attributes.home' } }),
  fc.constant({ $exists: true, $ne: { $var: 'user.id' } }),
  fc.constant({ $in: { $var: 'user.attributes.sites' } }),
  fc.constant({ $exists: true, $nin: { $var: 'user.attributes.sites' } }),
  fc.constant({ $exists: false }),
  fc.constant({ $gte: 'n', $lt: { $var: 'tenant.attributes.limit' } }),
)
const condition: fc.Arbitrary<Condition> = fc
  .record({
    site: fc.option(scalarTest, { nil: undefined }),
    tags: fc.option(fc.constantFrom<AttributeTest>({ $all: ['x'] }, { $size: 2 }), { nil: undefined }),
  })
  .map((both) => JSON.parse(JSON.stringify(both)) as Condition)
  .filter((when) => Object.keys(when).length > 0)

const bundle: fc.Arbitrary<PolicyBundle> = fc
  .record({
    stages: fc.array(fc.constantFrom('active' as const, 'active' as const, 'disabled' as const), {
      minLength: PERMISSIONS.length,
      maxLength: PERMISSIONS.length,
    }),
    grants: fc.array(
      fc.array(fc.record({ permission: fc.constantFrom(...PERMISSIONS), when: fc.option(condition, { nil: undefined, freq: 2 }) }), {
        maxLength: 5,
        size: 'max',
      }),
      {
        minLength: ROLES.length,
        maxLength: ROLES.length,
      },
    ),
  })
  .map(({ stages, grants }) => {
    const plain = bundleOf({ every: PERMISSIONS })
    return {
      ...plain,
      permissions: plain.permissions.map((entry, index) => ({
        ...entry,
        stage: stages[index] ?? 'active',
        attributes: { site: 'string' as const, tags: 'string[]' as const },
      })),
      roles: ROLES.map((name, index) => ({
        name,
        title: name,
        bundle: 'test',
        owner: 'o@example.org',
        assignable: 'any' as const,
        grants: (grants[index] ?? []).map(({ permission, when }) => (when === undefined ? { permission } : { permission, when })),
      })),
    }
  })

const attributes = fc.record(
  {
    home: fc.constantFrom('north', 'south', null),
    sites: fc.constantFrom(['north'], [], ['south', 'north']),
    limit: fc.constantFrom('z', 'a'),
    __proto__: fc.constant('x'),
  },
  { requiredKeys: [] },
)
/** One in eight is not registered, one in eight is closed: most questions come as far as the roles. */
const rows = (ids: readonly string[]) =>
  fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), known: fc.noBias(fc.nat(7)), closed: fc.noBias(fc.nat(7)), attributes })))
const world: fc.Arbitrary<World> = fc
  .record({ bundle, ids: fc.subarray([...HOSTILE_IDS], { minLength: 2, maxLength: 4 }) })
  .chain(({ bundle, ids }) =>
    fc.record({
      bundle: fc.constant(bundle),
      tenants: rows(ids),
      users: rows(ids),
      assignments: fc.array(
        fc.record({
          user: fc.constantFrom(...ids),
          tenant: fc.constantFrom(...ids),
          role: fc.constantFrom(...ROLES, 'gone'),
          window: fc.constantFrom('past' as const, 'now' as const, 'now' as const, 'now' as const, 'future' as const),
          temporary: fc.boolean(),
        }),
        { minLength: 10, maxLength: 30, size: 'max' },
      ),
    }),
  )
  .map(({ bundle, tenants, users, assignments }) => {
    const known = <T extends { known: number }>(all: readonly T[]) => all.filter((row) => row.known > 0)
    return {
      bundle,
      tenants: known(tenants).map((row) => ({ id: row.id, suspended: row.closed === 0, attributes: row.attributes })),
      users: known(users).map((row) => ({ id: row.id, deactivated: row.closed === 0, attributes: row.attributes })),
      assignments: assignments.filter(
        (row) => known(users).some((user) => user.id === row.user) && known(tenants).some((tenant) => tenant.id === row.tenant),
      ),
    }
  })

const RESOURCES: readonly Resource[] = [
  undefined,
  {},
  { site: 'north', tags: ['x', 'y'] },
  { site: 'south', tags: ['y'] },
  { site: 'ann', tags: null },
  JSON.parse('{"__proto__":{"site":"north"}}'),
]

describe('all answers about access', () => {
  let house: House
  beforeAll(async () => {
    house = await openHouse(bundleOf({}))
  })
  afterAll(() => house.close())

  async function build(made: World): Promise<void> {
    await house.clear()
    await house.use(made.bundle)
    await house.store.change(async (transaction) => {
      const nowMs = await transaction.nowMs()
      for (const tenant of made.tenants) {
        const { record } = await transaction.ensureTenant(tenant.id)
        await transaction.updateTenant({ ...record, state: tenant.suspended ? 'suspended' : 'active', attributes: tenant.attributes })
      }
      for (const user of made.users) {
        const { record } = await transaction.ensureUser(user.id)
        await transaction.updateUser({ ...record, state: user.deactivated ? 'deactivated' : 'active', attributes: user.attributes }, 'test')
      }
      for (const [index, row] of made.assignments.entries()) {
        const startMs = row.window === 'past' ? nowMs - 2 * HOUR_MS : row.window === 'now' ? nowMs - HOUR_MS : nowMs + HOUR_MS
        const endMs = row.window === 'past' ? nowMs - HOUR_MS : row.temporary ? nowMs + 2 * HOUR_MS : null
        await transaction.insertAssignment({
          id: `a${index}`,
          user: row.user,
          tenant: row.tenant,
          role: row.role,
          validFromMs: startMs,
          expiresAtMs: endMs,
          reason: null,
          createdBy: 'test',
        })
      }
    })
  }

  const plain = ({ decisionId: _, basis: _from, ...rest }: Decision) => rest

  it('agree with one another and with the naive evaluator, in worlds of hostile ids', async () => {
    await fc.assert(
      fc.asyncProperty(world, fc.nat(), async (made, pick) => {
        await build(made)
        const ids = [...new Set([...made.tenants.map((row) => row.id), ...made.users.map((row) => row.id), 'nobody'])]
        const names = [...PERMISSIONS, 't.1', 'work.unknown']
        const questions = ids.flatMap((user) =>
          ids.flatMap((tenant) =>
            names.map((permission, index) => {
              const resource = RESOURCES[(pick + index + user.length) % RESOURCES.length]
              return resource === undefined ? { user, tenant, permission } : { user, tenant, permission, resource }
            }),
          ),
        )
        const answers = (await house.decisions.checkBatch(questions.slice(0, 400), NEVER)) as readonly Decision[]
        for (const [index, answer] of answers.entries()) {
          const question = questions[index] as (typeof questions)[number]
          expect([question, answer.allowed, answer.reason, answer.via]).toEqual([
            question,
            ...naive(made, question.user, question.tenant, question.permission, question.resource),
          ])
        }
        for (const index of [0, 1, 2, 3].map((step) => (pick + step * 37) % Math.min(questions.length, 400))) {
          const question = questions[index] as (typeof questions)[number]
          expect(plain(await house.decisions.check(question, NEVER))).toEqual(plain(answers[index] as Decision))
          const told = await house.decisions.explain(question, true, NEVER)
          expect(plain(told.decision)).toEqual(plain(answers[index] as Decision))
          const open = told.tenantState === 'ACTIVE' && told.accountState === 'ACTIVE' && told.decision.reason !== 'PERMISSION_DISABLED'
          const alone = (role: string): World => ({
            ...made,
            assignments: [{ user: question.user, tenant: question.tenant, role, window: 'now', temporary: false }],
          })
          const helpful = (role: string) => naive(alone(role), question.user, question.tenant, question.permission, question.resource)[0]
          if (open) expect(told.wouldAllowWith).toEqual(ROLES.filter(helpful).sort())
          expect(told.decision.allowed).toBe(open && told.tried.some((tried) => tried.window === 'IN_FORCE' && tried.outcome === 'GRANTS'))
        }
        const pairs = made.assignments.map(({ user, tenant }): [string, string] => [user, tenant]).concat([['nobody', 'nowhere']])
        for (const step of [0, 1, 2, 3, 4, 5]) await agreeingNames(made, ...(pairs[(pick + step * 7) % pairs.length] as [string, string]))
        await agreeingHolders(made, ids[pick % ids.length] as string, ids)
      }),
      { numRuns: RUNS },
    )
  })

  async function agreeingNames(made: World, user: string, tenant: string): Promise<void> {
    const held = await house.decisions.listPermissions(user, tenant, NEVER)
    expect(held.permissions.map((row) => [row.permission, row.conditional, row.conditional ? [] : row.via])).toEqual(
      PERMISSIONS.toSorted().flatMap((permission) => {
        const holds = naiveHolding(made, user, tenant, permission)
        return holds === undefined ? [] : [[permission, holds === 'conditional', naive(made, user, tenant, permission, undefined)[2]]]
      }),
    )
    const names = await house.decisions.checkPermissions({ user, tenant, permissions: PERMISSIONS }, NEVER)
    expect(names.allowed).toEqual(PERMISSIONS.map((permission) => naive(made, user, tenant, permission, undefined)[0]))
  }

  async function agreeingHolders(made: World, tenant: string, ids: readonly string[]): Promise<void> {
    for (const permission of PERMISSIONS) {
      const seen: [string, boolean][] = []
      for (let pageToken: string | undefined, more = true; more; ) {
        const page = await house.decisions.listUsers(
          { tenant, permission, pageSize: 2, ...(pageToken === undefined ? {} : { pageToken }) },
          NEVER,
        )
        seen.push(...page.users.map((row): [string, boolean] => [row.user, row.conditional]))
        pageToken = page.nextPageToken
        more = pageToken !== undefined
      }
      const wanted = ids.flatMap((id): [string, boolean][] => {
        const holds = naiveHolding(made, id, tenant, permission)
        return holds === undefined ? [] : [[id, holds === 'conditional']]
      })
      expect(seen).toEqual(wanted.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    }
  }

  /** Listed without a condition when a check without resource allows; with one when only the resource is wanting. */
  function naiveHolding(made: World, user: string, tenant: string, permission: string): 'open' | 'conditional' | undefined {
    const [allowed, reason] = naive(made, user, tenant, permission, undefined)
    if (allowed) return 'open'
    return reason === 'RESOURCE_REQUIRED' ? 'conditional' : undefined
  }
})
