/** Lint finds what is untidy in a sound policy, where it is, and nothing in a tidy one. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { packageRoot } from '../../src/ground/package-root.ts'
import type { RoleEntry } from '../../src/model/policy.ts'
import { ROLE_SETS_TOLD_MAX } from '../../src/model/policy-limits.ts'
import { excludedRoles } from '../../src/policy/excluded-roles.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { isPlaceholderOwner, lintPolicy } from '../../src/policy/lint.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'

function lint(text: string, today = '2026-11-22', liveRoles?: readonly string[]) {
  const { bundle, faults, names } = parsePolicy([{ name: 'pay.yaml', text }])
  if (bundle === undefined) throw new Error(faults.map(formatFault).join('\n'))
  return lintPolicy({ bundle, names, today, ...(liveRoles === undefined ? {} : { liveRoles }) })
}
const lines = (...args: Parameters<typeof lint>) =>
  lint(...args).findings.map(({ at, code, message, hint }) => `${at === undefined ? '-' : at.line} ${code} ${message} — ${hint}`)

const TIDY = `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: team@example.org }
permissions:
  pay.a: { code: p.a, title: A }
  pay.b: { code: p.b, title: B }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: desk, owner: team@example.org }
sets:
  all-of-it: [pay.a, pay.b]
roles:
  clerk: { title: Clerk, include: [all-of-it] }
`

describe('lint', () => {
  it('finds nothing in what is tidy', () => {
    expect(lines(TIDY)).toEqual([])
  })

  it('finds a permission that no role grants', () => {
    expect(lines(TIDY.replace('[pay.a, pay.b]', '[pay.a]'))).toEqual([
      '6 permission-in-no-role no role grants "pay.b" — add it to a role, or deprecate it',
    ])
  })

  it('lets a permission that is closed to everybody wait for its role', () => {
    expect(lines(TIDY.replace('[pay.a, pay.b]', '[pay.a]').replace('title: B', 'title: B, stage: disabled'))).toEqual([])
  })

  it('finds a set that no role includes', () => {
    expect(lines(TIDY.replace('include: [all-of-it]', 'permissions: [pay.a, pay.b]'))).toEqual([
      '12 set-in-no-role no role includes set "all-of-it" — include it, or remove it',
    ])
  })

  it('finds a deprecated permission that is still granted, and one whose day of removal is over', () => {
    const text = TIDY.replace('title: B }', 'title: B, deprecated: { since: 2026-01-01, removeAfter: 2026-11-21, replacedBy: pay.a } }')
    const inUse = '6 deprecated-in-use "pay.b" is deprecated since 2026-01-01, and clerk still grants it — grant "pay.a" in its place'
    expect(lines(text)).toEqual([
      inUse,
      '6 removal-overdue "pay.b" was to be removed after 2026-11-21 — remove it and write its name and code under "reserved"',
    ])
    expect(lines(text, '2026-11-21')).toEqual([inUse])
    expect(lines(text.replace('[pay.a, pay.b]', '[pay.a]'), '2026-11-21')).toEqual([])
  })

  it('finds roles and permissions of nobody, once for each bundle and service', () => {
    const more = TIDY.replace('  clerk:', '  boss: { title: Boss, include: [all-of-it] }\n  clerk:')
    expect(lines(more.replaceAll('team@example.org', 'TODO'))).toEqual([
      '5 owner-missing 2 permissions of service "pay" have no owner but "TODO" — write under "metadata" whom one asks, such as owner: team@example.org',
      '14 owner-missing 2 roles of bundle "desk" have no owner but "TODO" — write under "metadata" whom one asks, such as owner: team@example.org',
    ])
  })

  it.each(['todo', 'TBD', 'none', 'n-a', 'N/A', '?', '???', ' ', '-', 'unknown', 'Unknown.'])('takes "%s" for no owner', (owner) => {
    expect(isPlaceholderOwner(owner)).toBe(true)
  })

  it.each(['ann', 'team-sales@office.example', 'Nonette', 'it'])('takes "%s" for an owner', (owner) => {
    expect(isPlaceholderOwner(owner)).toBe(false)
  })

  it('finds roles of nobody and holders of no role only when it knows who holds what', () => {
    expect(lines(TIDY, '2026-11-22', ['clerk'])).toEqual([])
    expect(lines(TIDY, '2026-11-22', ['cleric'])).toEqual([
      '- assignment-of-unknown-role role "cleric" is held, and no bundle has it — its holders may do nothing by it: revoke it from them, or give the role back',
      '14 role-held-by-nobody nobody holds role "clerk", and nobody will — remove it, if it is not waiting for somebody',
    ])
  })

  it('finds nothing to tidy in the samples', async () => {
    const { bundle, names } = await loadPolicy(join(packageRoot(), 'policies'))
    if (bundle === undefined) throw new Error('the samples are broken')
    const report = lintPolicy({ bundle, names, today: '2026-11-22' })
    expect(report.findings).toEqual([])
    expect(report.excluded.map(({ constraint, sets, complete }) => [constraint.id, sets, complete])).toEqual([
      ['coding-four-eyes', [['coder', 'dim-physician']], true],
      ['hospital-two-roles', [], true],
      [
        'payout-four-eyes',
        [
          ['finance-approver', 'finance-clerk'],
          ['finance-approver', 'finance-cover'],
        ],
        true,
      ],
    ])
  })
})

describe('sets of roles that nobody may hold together', () => {
  const PERMISSIONS = ['p.a', 'p.b', 'p.c', 'p.d', 'p.e']
  const role = (name: string, held: readonly string[]): RoleEntry => ({
    name,
    title: name,
    bundle: 'b',
    owner: 'o',
    assignable: 'any',
    grants: held.map((permission) => ({ permission })),
  })
  const roles = fc.array(fc.subarray(PERMISSIONS), { maxLength: 7 }).map((lists) => lists.map((held, index) => role(`r${index}`, held)))

  it('are exactly the smallest ones that break the constraint', () => {
    fc.assert(
      fc.property(roles, fc.integer({ min: 1, max: 4 }), (all, max) => {
        const { sets, complete } = excludedRoles({ id: 'x', type: 'separation-of-duty', permissions: PERMISSIONS, max }, all)
        const breaks = (set: readonly RoleEntry[]) => new Set(set.flatMap((one) => one.grants.map((grant) => grant.permission))).size > max
        const every = Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_one, index) => (bits >> index) % 2 === 1))
        const minimal = every
          .filter((set) => breaks(set) && set.every((one) => !breaks(set.filter((other) => other !== one))))
          .map((set) => set.map(({ name }) => name).join('+'))
        const told = sets.map((set) => set.join('+'))
        expect(complete).toBe(minimal.length <= ROLE_SETS_TOLD_MAX)
        expect(told.length).toBe(Math.min(minimal.length, ROLE_SETS_TOLD_MAX))
        expect(minimal).toEqual(expect.arrayContaining(told))
        expect(new Set(told).size).toBe(told.length)
      }),
      { numRuns: 300 },
    )
  })

  it('are told in part when there are too many, and the search ends', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => role(`r${index}`, [PERMISSIONS[index % 2] ?? '']))
    const few = excludedRoles({ id: 'x', type: 'separation-of-duty', permissions: PERMISSIONS, max: 1 }, many)
    expect([few.sets.length, few.complete]).toEqual([ROLE_SETS_TOLD_MAX, false])
    const none = excludedRoles({ id: 'x', type: 'separation-of-duty', permissions: PERMISSIONS, max: 4 }, many)
    expect(none.sets).toEqual([])
  })
})
