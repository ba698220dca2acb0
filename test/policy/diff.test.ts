/** A diff says everything that differs between two bundles, and nothing else. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { PermissionEntry, PolicyBundle, RoleEntry } from '../../src/model/policy.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import { diffPolicies, isEmptyDiff } from '../../src/policy/diff.ts'
import { compareText } from '../../src/policy/faults.ts'
import { randomBundle } from './random-bundles.ts'

const permission = (name: string, code: string, more: Partial<PermissionEntry> = {}): PermissionEntry => ({
  name,
  code,
  title: name,
  service: 'pay',
  owner: 'o@example.org',
  risk: 'normal',
  stage: 'active',
  attributes: {},
  ...more,
})
const role = (name: string, grants: RoleEntry['grants'], more: Partial<RoleEntry> = {}): RoleEntry => ({
  name,
  title: name,
  bundle: 'pay',
  owner: 'o@example.org',
  assignable: 'any',
  grants,
  ...more,
})
const bundle = (parts: Partial<PolicyBundle>): PolicyBundle => ({ permissions: [], reserved: [], roles: [], constraints: [], ...parts })
const RUNS = { numRuns: 500 }

describe('a diff', () => {
  it('of a bundle with itself is empty', () => {
    fc.assert(
      fc.property(randomBundle, (one) => isEmptyDiff(diffPolicies(one, structuredClone(one)))),
      RUNS,
    )
  })

  it('is empty exactly when both have one revision', () => {
    fc.assert(
      fc.property(randomBundle, randomBundle, (one, other) => {
        expect(isEmptyDiff(diffPolicies(one, other))).toBe(canonicalJson(one) === canonicalJson(other))
      }),
      RUNS,
    )
  })

  it('sees each single part that differs', () => {
    const mixed = fc.tuple(randomBundle, randomBundle, fc.constantFrom('permissions', 'reserved', 'roles', 'constraints'))
    fc.assert(
      fc.property(mixed, ([one, other, part]) => {
        const changed = { ...one, [part]: other[part as keyof PolicyBundle] }
        expect(isEmptyDiff(diffPolicies(one, changed))).toBe(canonicalJson(one) === canonicalJson(changed))
      }),
      RUNS,
    )
  })

  it('the other way round has gained what it lost, and the other way round', () => {
    fc.assert(
      fc.property(randomBundle, randomBundle, (one, other) => {
        const there = diffPolicies(one, other)
        const back = diffPolicies(other, one)
        expect(back.permissions.added).toEqual(there.permissions.removed)
        expect(back.permissions.removed).toEqual(there.permissions.added)
        expect(back.reserved).toEqual({ added: there.reserved.removed, removed: there.reserved.added })
        expect(back.roles.added).toEqual(there.roles.removed)
        expect(back.constraints.added).toEqual(there.constraints.removed)
        const nameBefore = new Map(there.permissions.renamed.map(({ before, after }) => [after.name, before.name]))
        const changes = (list: readonly { readonly permission: string; readonly before: unknown; readonly after: unknown }[]) =>
          list
            .map((change) => ({
              permission: nameBefore.get(change.permission) ?? change.permission,
              before: change.after,
              after: change.before,
            }))
            .sort((a, b) => compareText(a.permission, b.permission))
        expect(back.roles.changed).toEqual(
          there.roles.changed.map((change) => ({
            name: change.name,
            fields: change.fields.map(({ field, before, after }) => ({ field, before: after, after: before })),
            gained: change.lost,
            lost: change.gained,
            changed: changes(change.changed),
            reasons: changes(change.reasons),
          })),
        )
      }),
      RUNS,
    )
  })

  it('of two bundles says what each role gains and loses, and under which conditions it holds the rest', () => {
    const permissions = ['a', 'b', 'c'].map((name) => permission(`pay.${name}`, `p.${name}`, { attributes: { amount: 'number' } }))
    const before = bundle({
      permissions,
      roles: [role('clerk', [{ permission: 'pay.a' }, { permission: 'pay.b', when: { amount: { $lte: 1 } }, reason: 'small ones' }])],
    })
    const after = bundle({
      permissions,
      roles: [role('clerk', [{ permission: 'pay.b' }, { permission: 'pay.c' }], { assignable: 'temporary', maxGrantMs: 43_200_000 })],
    })
    expect(diffPolicies(before, after).roles.changed).toEqual([
      {
        name: 'clerk',
        fields: [
          { field: 'assignable', before: 'any', after: 'temporary' },
          { field: 'maxGrant', before: 'none', after: '12 hours' },
        ],
        gained: [{ permission: 'pay.c' }],
        lost: [{ permission: 'pay.a' }],
        changed: [{ permission: 'pay.b', before: [{ amount: { $lte: 1 } }], after: 'always' }],
        reasons: [],
      },
    ])
  })

  it('knows a permission again by its code, and roles that hold it have not changed', () => {
    const before = bundle({ permissions: [permission('pay.a', 'p.a')], roles: [role('clerk', [{ permission: 'pay.a' }])] })
    const after = bundle({ permissions: [permission('pay.z', 'p.a', { title: 'Z' })], roles: [role('clerk', [{ permission: 'pay.z' }])] })
    expect(diffPolicies(before, after)).toEqual({
      permissions: {
        added: [],
        removed: [],
        changed: [{ name: 'pay.z', code: 'p.a', fields: [{ field: 'title', before: 'pay.a', after: 'Z' }] }],
        renamed: [{ before: { name: 'pay.a', code: 'p.a' }, after: { name: 'pay.z', code: 'p.a' } }],
      },
      reserved: { added: [], removed: [] },
      roles: { added: [], removed: [], changed: [] },
      constraints: { added: [], removed: [], changed: [] },
    })
  })

  it('knows a permission by its name first: two that swap their codes are two other codes, not two renames', () => {
    const before = bundle({ permissions: [permission('pay.a', 'p.a'), permission('pay.b', 'p.b')] })
    const after = bundle({ permissions: [permission('pay.a', 'p.b', { title: 'pay.a' }), permission('pay.b', 'p.a')] })
    expect(diffPolicies(before, after).permissions.renamed).toEqual([
      { before: { name: 'pay.a', code: 'p.a' }, after: { name: 'pay.a', code: 'p.b' } },
      { before: { name: 'pay.b', code: 'p.b' }, after: { name: 'pay.b', code: 'p.a' } },
    ])
  })

  it('says which of several conditions has another reason', () => {
    const [one, two] = [{ amount: { $lte: 1 } }, { amount: { $gte: 9 } }]
    const grants = (reason: string) => [
      { permission: 'pay.a', when: one, reason: 'small' },
      { permission: 'pay.a', when: two, reason },
    ]
    const { changed } = diffPolicies(
      bundle({ roles: [role('clerk', grants('large'))] }),
      bundle({ roles: [role('clerk', grants('huge'))] }),
    ).roles
    expect(changed[0]?.changed).toEqual([])
    expect(changed[0]?.reasons).toEqual([
      { permission: 'pay.a', before: 'when amount at least 9: large', after: 'when amount at least 9: huge' },
    ])
  })
})
