/** Small random policies as documents, with random tests that pass: what quick ways of judging tests are compared with slow ones on. */
import fc from 'fast-check'
import { findBreach, findBreaches } from '../../src/access/constraints.ts'
import { decide } from '../../src/decision/decide.ts'
import { heldPermissions } from '../../src/decision/list.ts'
import { prepareTests } from '../../src/decision/policy-test.ts'
import { AppError } from '../../src/ground/errors.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { type PolicyReading, parsePolicy } from '../../src/policy/parse-policy.ts'

const HEAD = { apiVersion: 'castellan/v1' }
const META = { name: 'n', owner: 'o' }
const NAMES = ['a.p0', 'a.p1', 'a.p2', 'a.p3', 'a.p4', 'a.p5'] as const
const ROLES = ['r0', 'r1', 'r2', 'true'] as const
const NOW = '2026-01-10T12:00:00Z'

export type Grant = string | { readonly permission: string; readonly when: Record<string, unknown> }
export interface RandomPolicy {
  readonly catalogue: object
  readonly roles: Record<string, { readonly permissions: readonly Grant[]; readonly [key: string]: unknown }>
  readonly constraints: readonly object[]
}
export interface RandomTests {
  readonly tenants: object
  readonly people: object
  readonly tests: readonly Record<string, unknown>[]
}

const condition = fc.constantFrom<Record<string, unknown>>(
  { by: 'x' },
  { by: { $var: 'user.attributes.one' } },
  { by: { $exists: true, $ne: { $var: 'user.id' } } },
  { by: { $in: { $var: 'user.attributes.many' } } },
  { n: { $lt: { $var: 'user.attributes.one' } } },
  { n: { $gte: 3 }, tags: { $all: { $var: 'user.attributes.deep.many' } } },
  { by: { $eq: { $var: 'tenant.attributes.one' } } },
  { by: { $in: ['x', { $var: 'tenant.id' }] } },
)
const permission = fc.constantFrom(...NAMES)
const grants = fc
  .dictionary(permission, fc.oneof(fc.constant('always' as const), fc.array(condition, { minLength: 1, maxLength: 2 })), { maxKeys: 4 })
  .map((held): Grant[] =>
    Object.entries(held).flatMap(([name, ways]): Grant[] =>
      ways === 'always' ? [name] : ways.map((when) => ({ permission: name, when })),
    ),
  )
const constraint = fc.oneof(
  fc.record({
    type: fc.constant('separation-of-duty'),
    permissions: fc.uniqueArray(permission, { minLength: 2, maxLength: 4 }),
    max: fc.constant(1),
    enforce: fc.constant('reject'),
    tenants: fc.constantFrom(undefined, ['t*'], ['u']),
  }),
  fc.record({
    type: fc.constant('max-roles-per-tenant'),
    max: fc.integer({ min: 1, max: 2 }),
    enforce: fc.constant('reject'),
    tenants: fc.constantFrom(undefined, ['t'], ['u*']),
  }),
)

export const randomPolicy: fc.Arbitrary<RandomPolicy> = fc
  .record({
    disabled: fc.subarray([...NAMES], { maxLength: 2 }),
    held: fc.array(grants, { minLength: 1, maxLength: ROLES.length }),
    temporary: fc.array(fc.constantFrom('', 'PT1M', 'PT12H', 'any'), { minLength: 4, maxLength: 4 }),
    constraints: fc.array(constraint, { maxLength: 2 }),
  })
  .map(({ disabled, held, temporary, constraints }) => ({
    catalogue: {
      ...HEAD,
      kind: 'PermissionCatalogue',
      metadata: { service: 's', owner: 'o' },
      permissions: Object.fromEntries(
        NAMES.map((name, index) => [
          name,
          {
            code: `c.${index}`,
            title: name,
            stage: disabled.includes(name) ? 'disabled' : 'active',
            attributes: { by: 'string', n: 'number', tags: 'string[]' },
          },
        ]),
      ),
    },
    roles: Object.fromEntries(
      held.map((permissions, index) => [
        ROLES[index],
        {
          title: 'R',
          permissions,
          ...(temporary[index] === 'any'
            ? {}
            : { assignable: 'temporary', ...(temporary[index] === '' ? {} : { maxGrant: temporary[index] }) }),
        },
      ]),
    ),
    // Whatever stands absent is left out by JSON.
    constraints: constraints.map((one, index) => ({ id: `c${index}`, ...one })),
  }))

const attributes = fc.constantFrom<Record<string, unknown>>({}, { one: 'x', many: ['x', 'y'] }, { one: 5, deep: { many: ['t'] } })
const windowOf = fc.constantFrom(
  { from: '2026-01-10T11:59:30Z', until: '2026-01-10T12:00:30Z' },
  { from: '2026-01-10T11:59:00Z', until: '2026-01-10T12:00:00Z' },
  { from: '2026-01-10T12:00:01Z', until: '2026-01-10T12:01:00Z' },
)

export function randomTests(policy: RandomPolicy): fc.Arbitrary<RandomTests> {
  const role = fc.constantFrom(...Object.keys(policy.roles))
  const person = fc.record({
    holds: fc.uniqueArray(fc.record({ role, window: windowOf }), { maxLength: 3, selector: ({ role: name }) => name }),
    attributes,
  })
  const test = fc.record({
    person: fc.constantFrom('ann', 'bob', 'eve'),
    tenant: fc.constantFrom('t', 'u', 'other'),
    now: fc.constantFrom(NOW, '2026-01-10T12:00:20Z'),
    exactly: fc.boolean(),
    breaks: fc.boolean(),
    cases: fc.array(
      fc.record({
        permission: fc.oneof(permission, fc.constantFrom('c.0', 'c.1', 'c.2')),
        resource: fc.constantFrom(undefined, {}, { by: 'x' }, { by: 'ann', n: 4, tags: ['t'] }, { by: 't', n: 1 }),
        told: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
  })
  return fc
    .record({ people: fc.tuple(person, person, person), tenant: attributes, tests: fc.array(test, { maxLength: 5 }) })
    .map(({ people, tenant, tests }) => ({
      tenants: { t: { attributes: tenant } },
      people: Object.fromEntries(
        people.map(({ holds, attributes: own }, index) => [
          ['ann', 'bob', 'eve'][index],
          {
            attributes: own,
            roles: holds.filter((one) => policy.roles[one.role]?.['assignable'] === undefined).map((one) => one.role),
            grants: holds
              .filter((one) => policy.roles[one.role]?.['assignable'] !== undefined)
              .map((one) => ({ role: one.role, ...one.window })),
          },
        ]),
      ),
      tests: tests.map((one, index) => ({ name: `t${index}`, ...one })),
    }))
}

export function readPolicy(policy: RandomPolicy, tests?: RandomTests, pasted?: string): PolicyReading {
  const files = [
    { name: 'a.json', text: JSON.stringify(policy.catalogue) },
    { name: 'b.json', text: JSON.stringify({ ...HEAD, kind: 'RoleBundle', metadata: META, roles: policy.roles }) },
    { name: 'c.json', text: JSON.stringify({ ...HEAD, kind: 'Constraints', metadata: META, constraints: policy.constraints }) },
    ...(tests === undefined ? [] : [{ name: 'd.json', text: testsJson(tests) }]),
    ...(pasted === undefined ? [] : [{ name: 'e.yaml', text: pasted }]),
  ]
  return parsePolicy(files)
}

function testsJson(tests: RandomTests): string {
  return JSON.stringify({ ...HEAD, kind: 'PolicyTest', metadata: META, now: NOW, ...tests })
}

/** Fills in what each test expects as the policy has it, so that all pass. */
export function makePass(policy: RandomPolicy, drawn: RandomTests): RandomTests {
  const asking = drawn.tests.map(({ name, person, tenant, now }) => ({ name, person, tenant, now, roles: [] }))
  const { bundle, tests, faults } = readPolicy(policy, { ...drawn, tests: asking })
  if (bundle === undefined) throw new Error(JSON.stringify(faults))
  const compiled = compilePolicy(bundle)
  const prepared = prepareTests(tests)
  const filled = drawn.tests.map((test, index): Record<string, unknown> => {
    const state = prepared[index]?.state
    if (state === undefined) throw new Error('nobody')
    const { name, person, tenant, now } = test as { name: string; person: string; tenant: string; now: string }
    const breaks = findBreaches(compiled, tenant, state.assignments, state.readAtMs).map((breach) => breach.constraint)
    const forbidden = findBreach(compiled, tenant, state.assignments, state.readAtMs) !== undefined
    const cases = (test['cases'] as { permission: string; resource: Record<string, unknown> | undefined; told: boolean }[]).flatMap(
      ({ permission: asked, resource, told }) => {
        try {
          const verdict = decide(
            compiled,
            { user: person, tenant, permission: asked, ...(resource === undefined ? {} : { resource }) },
            state,
          )
          const answer = verdict.allowed ? 'allow' : 'deny'
          return [{ permission: asked, resource, expect: answer, ...(told ? { reason: verdict.reason } : {}) }]
        } catch (fault) {
          if (!(fault instanceof AppError)) throw fault
          return []
        }
      },
    )
    const held = heldPermissions(compiled, person, tenant, state).permissions.map((one) => one.permission)
    return {
      ...{ name, person, tenant, now, roles: prepared[index]?.rolesInForce },
      ...(test['exactly'] === true ? { exactly: held } : {}),
      ...(forbidden || test['breaks'] === true ? { breaks } : {}),
      ...(cases.length === 0 ? {} : { cases }),
    }
  })
  return { ...drawn, tests: filled }
}
