/** Random worlds for plans: a policy in force, a candidate, and people with windows, in closed accounts and tenants too. Judges nothing. */
import fc from 'fast-check'
import type { AttributeTest, Condition, Constraint, PolicyBundle, RoleGrant } from '../../../src/model/policy.ts'
import type { Database } from '../../../src/store/database.ts'
import { HOSTILE_IDS } from '../../support/ids.ts'

export const HOUR_MS = 3_600_000

export interface Held {
  readonly user: string
  readonly tenant: string
  readonly role: string
  /** Hours from now. */
  readonly from: number
  readonly until: number | null
}
export interface PlanWorld {
  readonly before: PolicyBundle
  readonly after: PolicyBundle
  readonly tenants: readonly { id: string; closed: boolean; attributes: Record<string, unknown> }[]
  readonly users: readonly { id: string; closed: boolean; attributes: Record<string, unknown> }[]
  readonly held: readonly Held[]
  readonly pairsAtOnce: number
}

const CODES = ['w.r', 'w.w', 'd.a', 'p.c', 'p.a'] as const
const NAMES: Readonly<Record<string, readonly [string, string]>> = {
  'w.r': ['work.read', 'work.see'],
  'w.w': ['work.write', 'work.edit'],
  'd.a': ['work.deep.approve', 'work.deep.allow'],
  'p.c': ['pay.create', 'pay.begin'],
  'p.a': ['pay.approve', 'pay.allow'],
}
const ROLES = ['auditor', 'clerk', 'lead', 'constructor']
const TYPES = { site: 'string', tags: 'string[]' } as const

const scalarTest: fc.Arbitrary<AttributeTest> = fc.oneof(
  fc.constantFrom('north', 'south').map((value) => ({ $eq: value })),
  fc.constant({ $eq: { $var: 'user.attributes.home' } }),
  fc.constant({ $exists: true, $ne: { $var: 'user.id' } }),
  fc.constant({ $in: { $var: 'user.attributes.sites' } }),
  fc.constant({ $exists: true, $nin: { $var: 'user.attributes.sites' } }),
  fc.constant({ $gte: 'n', $lt: { $var: 'tenant.attributes.limit' } }),
)
const condition: fc.Arbitrary<Condition> = fc.oneof(
  scalarTest.map((site): Condition => ({ site })),
  fc.constantFrom<Condition>({ tags: { $all: ['x'] } }, { tags: { $size: 2 }, site: { $eq: 'north' } }),
)

const grants: fc.Arbitrary<readonly (RoleGrant & { code: string })[]> = fc.array(
  fc
    .record({ code: fc.constantFrom(...CODES), when: fc.option(condition, { nil: undefined, freq: 2 }) })
    .map(({ code, when }) => ({ code, permission: code, ...(when === undefined ? {} : { when }) })),
  { maxLength: 5, size: 'max' },
)
const role = fc.record({
  grants,
  assignable: fc.constantFrom(
    { assignable: 'any' },
    { assignable: 'any' },
    { assignable: 'temporary' },
    { assignable: 'temporary', maxGrantMs: 3 * HOUR_MS },
  ),
})
const constraint = fc.oneof(
  fc.record({
    type: fc.constant('separation-of-duty' as const),
    permissions: fc.subarray([...CODES], { minLength: 2 }),
    max: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({ type: fc.constant('max-roles-per-tenant' as const), permissions: fc.constant([]), max: fc.integer({ min: 1, max: 2 }) }),
)
const placedConstraint = fc.tuple(constraint, fc.constantFrom(undefined, undefined, ['a*'], ['*n*', 'c']))

interface Side {
  readonly roles: readonly (typeof role extends fc.Arbitrary<infer R> ? R | undefined : never)[]
  readonly constraints: readonly (typeof placedConstraint extends fc.Arbitrary<infer C> ? C | undefined : never)[]
  readonly disabled: readonly number[]
  readonly renamed: readonly boolean[]
}
const side: fc.Arbitrary<Side> = fc.record({
  roles: fc.tuple(...ROLES.map(() => fc.option(role, { nil: undefined, freq: 6 }))),
  constraints: fc.tuple(...[1, 2].map(() => fc.option(placedConstraint, { nil: undefined, freq: 3 }))),
  disabled: fc.tuple(...CODES.map(() => fc.noBias(fc.nat(5)))),
  renamed: fc.constant(CODES.map(() => false)),
})
/** What a candidate leaves alone, part by part; often nearly all, as candidates do. */
const keeps = fc.oneof(
  fc.constant({ roles: ROLES.map(() => true), constraints: false, disabled: true, renamed: CODES.map(() => false) }),
  fc.nat(ROLES.length - 1).map((changed) => ({
    roles: ROLES.map((_, index) => index !== changed),
    constraints: true,
    disabled: true,
    renamed: CODES.map(() => false),
  })),
  fc.record({
    roles: fc.tuple(...ROLES.map(() => fc.boolean())),
    constraints: fc.boolean(),
    disabled: fc.boolean(),
    renamed: fc.tuple(...CODES.map(() => fc.noBias(fc.nat(7)).map((chance) => chance === 0))),
  }),
)

function bundleOf(made: Side): PolicyBundle {
  const nameOf = (code: string): string =>
    NAMES[code]?.[made.renamed[CODES.indexOf(code as (typeof CODES)[number])] === true ? 1 : 0] ?? code
  const constraints = made.constraints.flatMap((one, index): Constraint[] => {
    if (one === undefined) return []
    const [{ type, permissions, max }, tenants] = one
    const common = { id: `rule-${index}`, max, ...(tenants === undefined ? {} : { tenants }) }
    return [type === 'separation-of-duty' ? { ...common, type, permissions: permissions.map(nameOf) } : { ...common, type }]
  })
  return {
    permissions: CODES.map((code, index) => ({
      name: nameOf(code),
      code,
      title: code,
      service: 'test',
      owner: 'o@example.org',
      risk: 'normal',
      stage: made.disabled[index] === 0 ? 'disabled' : 'active',
      attributes: TYPES,
    })),
    reserved: [],
    roles: ROLES.flatMap((name, index) => {
      const one = made.roles[index]
      if (one === undefined) return []
      const given = one.grants.map(({ code, when }) => ({ permission: nameOf(code), ...(when === undefined ? {} : { when }) }))
      return [
        {
          name,
          title: name,
          bundle: 'test',
          owner: 'o@example.org',
          ...(one.assignable as { assignable: 'any' | 'temporary' }),
          grants: given,
        },
      ]
    }),
    constraints,
  }
}

const attributes = fc.record(
  {
    home: fc.constantFrom('north', 'south', null),
    sites: fc.constantFrom(['north'], [], ['south', 'north']),
    limit: fc.constantFrom('z', 'a'),
  },
  { requiredKeys: [] },
)
const rows = (ids: readonly string[]) =>
  fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), closed: fc.noBias(fc.nat(7)).map((chance) => chance === 0), attributes })))

export const planWorld: fc.Arbitrary<PlanWorld> = fc
  .record({ before: side, other: side, keeps, ids: fc.subarray([...HOSTILE_IDS], { minLength: 2, maxLength: 3 }) })
  .chain(({ before, other, keeps: kept, ids }) => {
    const after: Side = {
      roles: ROLES.map((_, index) => (kept.roles[index] === true ? before.roles[index] : other.roles[index])),
      constraints: kept.constraints ? before.constraints : other.constraints,
      disabled: kept.disabled ? before.disabled : other.disabled,
      renamed: kept.renamed,
    }
    return fc.record({
      before: fc.constant(bundleOf(before)),
      after: fc.constant(bundleOf(after)),
      tenants: rows(ids),
      users: rows(ids),
      held: fc.array(
        fc
          .record({
            user: fc.constantFrom(...ids),
            tenant: fc.constantFrom(...ids),
            role: fc.constantFrom(...ROLES, 'gone'),
            from: fc.integer({ min: -4, max: 3 }),
            hours: fc.option(fc.integer({ min: 1, max: 6 }), { nil: null, freq: 3 }),
          })
          .map(({ hours, ...row }) => ({ ...row, until: hours === null ? null : row.from + hours })),
        { minLength: 8, maxLength: 30, size: 'max' },
      ),
      pairsAtOnce: fc.constantFrom(1, 2, 3, 1_000),
    })
  })

/** In place of all that was there. Windows begin and end on full hours from `nowMs`, never while the plan runs. */
export async function storeWorld(database: Database, { tenants, users, held }: PlanWorld, nowMs: number): Promise<void> {
  const { knex } = database
  const at = (hours: number): string => new Date(nowMs + hours * HOUR_MS - 1_000).toISOString()
  await knex.raw('truncate role_assignment, login_challenge, login_session, subject, tenant')
  await knex('tenant').insert(
    tenants.map(({ id, closed, attributes }) => ({ id, state: closed ? 'suspended' : 'active', attributes: JSON.stringify(attributes) })),
  )
  await knex('subject').insert(
    users.map(({ id, closed, attributes }) => ({ id, state: closed ? 'deactivated' : 'active', attributes: JSON.stringify(attributes) })),
  )
  await knex('role_assignment').insert(
    held.map(({ user, tenant, role, from, until }, index) => ({
      ...{ id: `a${index}`, user_id: user, tenant_id: tenant, role, created_by: 'test' },
      ...{ valid_from: at(from), expires_at: until === null ? null : at(until) },
    })),
  )
}
