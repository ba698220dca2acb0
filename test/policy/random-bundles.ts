/** Random small bundles that validation would let through, so that two of them often share names and codes. */
import fc from 'fast-check'
import type { Condition, Constraint, PermissionEntry, PolicyBundle, RoleEntry, RoleGrant } from '../../src/model/policy.ts'
import { canonicalBundle } from '../../src/policy/canonical.ts'

const NAMES = ['pay.a', 'pay.b', 'pay.c', 'pay.d', 'pay.e']
const CODES = ['p.a', 'p.b', 'p.c', 'p.d', 'p.e']
const few = fc.constantFrom('one', 'two')

const permission = (name: string, code: string): fc.Arbitrary<PermissionEntry> =>
  fc.record(
    {
      name: fc.constant(name),
      code: fc.constant(code),
      title: few,
      service: few,
      owner: few,
      risk: fc.constantFrom('low', 'high'),
      stage: fc.constantFrom('active', 'disabled'),
      attributes: fc.constantFrom({}, { amount: 'number' }, { by: 'string', amount: 'number' }),
      log: fc.constantFrom(['amount'], ['amount', 'by'], ['by', 'amount']),
      deprecated: fc.constantFrom({ since: '2026-01-01' }, { since: '2026-01-01', replacedBy: 'pay.a' }),
    },
    { requiredKeys: ['name', 'code', 'title', 'service', 'owner', 'risk', 'stage', 'attributes'] },
  ) as fc.Arbitrary<PermissionEntry>

const conditions: readonly Condition[] = [
  { amount: { $lte: 1 } },
  { amount: { $lte: 2 } },
  { by: { $exists: true, $ne: { $var: 'user.id' } } },
  { by: { $in: ['x', 'y'] }, amount: { $gt: 0 } },
]

/** Either without a condition, or under one or more. */
const grants = (name: string): fc.Arbitrary<readonly RoleGrant[]> =>
  fc.oneof(
    fc.constant([{ permission: name }]),
    fc.array(
      fc.record(
        { permission: fc.constant(name), when: fc.constantFrom(...conditions), reason: few },
        { requiredKeys: ['permission', 'when'] },
      ) as fc.Arbitrary<RoleGrant>,
      { minLength: 1, maxLength: 3 },
    ),
  )

const role = (name: string, permissions: readonly string[]): fc.Arbitrary<RoleEntry> =>
  fc
    .record(
      {
        name: fc.constant(name),
        title: few,
        bundle: few,
        owner: few,
        assignable: fc.constantFrom('any', 'temporary'),
        maxGrantMs: fc.constantFrom(60_000, 86_400_000),
      },
      { requiredKeys: ['name', 'title', 'bundle', 'owner', 'assignable'] },
    )
    .chain((rest) =>
      fc
        .subarray([...permissions])
        .chain((held) => fc.tuple(...held.map(grants)))
        .map((lists) => ({ ...rest, grants: lists.flat() }) as RoleEntry),
    )

const constraint: fc.Arbitrary<Constraint> = fc.oneof(
  fc.record(
    {
      id: fc.constantFrom('x', 'y'),
      type: fc.constant('separation-of-duty'),
      permissions: fc.constantFrom(['pay.a', 'pay.b'], ['pay.b', 'pay.a']),
      max: fc.constant(1),
      tenants: fc.constantFrom(['t-*'], ['u', 't-*']),
    },
    { requiredKeys: ['id', 'type', 'permissions', 'max'] },
  ),
  fc.record({ id: fc.constantFrom('x', 'z'), type: fc.constant('max-roles-per-tenant'), max: fc.constantFrom(1, 2) }),
) as fc.Arbitrary<Constraint>

export const randomBundle: fc.Arbitrary<PolicyBundle> = fc
  .tuple(fc.subarray(NAMES, { minLength: 1 }), fc.shuffledSubarray(CODES, { minLength: 5 }))
  .chain(([names, codes]) =>
    fc.record({
      permissions: fc.tuple(...names.map((name, index) => permission(name, codes[index] ?? ''))),
      reserved: fc.uniqueArray(
        fc.constantFrom({ name: 'pay.y', code: 'p.y', removed: '2026-01-01' }, { name: 'pay.z', code: 'p.z', removed: '2026-01-02' }),
      ),
      roles: fc.subarray(['clerk', 'boss', 'guest']).chain((roles) => fc.tuple(...roles.map((name) => role(name, names)))),
      constraints: fc.uniqueArray(constraint, { selector: (one) => one.id, maxLength: 2 }),
    }),
  )
  .map(canonicalBundle)
