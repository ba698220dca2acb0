/** Policy tests are run by the rule that decides for callers, and a failing one says what came out differently. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { measureCoverage } from '../../src/decision/policy-coverage.ts'
import { prepareTests, runPolicyTests } from '../../src/decision/policy-test.ts'
import { packageRoot } from '../../src/ground/package-root.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'

const POLICY = `
apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: o@example.org }
permissions:
  pay.create: { code: p.c, title: Create }
  pay.approve: { code: p.a, title: Approve, attributes: { createdBy: string } }
  pay.read: { code: p.r, title: Read }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: pay, owner: o@example.org }
roles:
  maker: { title: Maker, permissions: [pay.create, pay.read] }
  checker:
    title: Checker
    permissions: [{ permission: pay.approve, when: { createdBy: { $exists: true, $ne: { $var: user.id } } }, reason: not one's own }]
  cover: { title: Cover, assignable: temporary, maxGrant: PT12H, permissions: [pay.read] }
---
apiVersion: castellan/v1
kind: Constraints
metadata: { name: pay, owner: o@example.org }
constraints:
  - { id: four-eyes, type: separation-of-duty, permissions: [pay.create, pay.approve], max: 1, enforce: reject }
`
const TESTS = `
apiVersion: castellan/v1
kind: PolicyTest
metadata: { name: pay }
now: 2026-11-21T09:00:00Z
people:
  ann: { roles: [maker] }
  eve: { roles: [checker] }
  sly: { roles: [maker, checker] }
  soon: { roles: [maker], grants: [{ role: checker, from: 2026-11-21T10:00:00Z }] }
  bob: { grants: [{ role: cover, from: 2026-11-20T22:00:00Z, until: 2026-11-21T09:00:00Z }] }
tests:
`

/** Differences of each test by its name. */
function run(tests: string): Record<string, readonly string[]> {
  const {
    bundle,
    tests: groups,
    faults,
  } = parsePolicy([
    { name: 'policy.yaml', text: POLICY },
    { name: 'pay.test.yaml', text: TESTS + tests },
  ])
  if (bundle === undefined) throw new Error(JSON.stringify(faults))
  return Object.fromEntries(runPolicyTests(compilePolicy(bundle), groups).map((result) => [result.name, result.differences]))
}

describe('the policy test runner', () => {
  it('passes all tests of the sample policies', async () => {
    const { bundle, tests } = await loadPolicy(join(packageRoot(), 'policies'))
    if (bundle === undefined) throw new Error('the samples are broken')
    const results = runPolicyTests(compilePolicy(bundle), tests)
    expect(results.filter((result) => !result.passed)).toEqual([])
    expect(results.length).toBeGreaterThan(15)
  })

  it('names what is missing and what is too much in an exact list', () => {
    expect(run('  - { name: t, person: ann, exactly: [pay.create, pay.approve] }')['t']).toEqual([
      'permission pay.approve is expected and not held',
      'permission pay.read is held and not expected',
    ])
  })

  it('says what a case answers instead, with the reason and the words of the policy', () => {
    const yaml = '  - { name: t, person: eve, cases: [{ permission: p.a, resource: { createdBy: eve }, expect: allow }] }'
    expect(run(yaml)['t']).toEqual(["line 13: p.a is expected to be allow and is deny (CONDITION_FAILED): not one's own"])
  })

  it('fails a case that is right about the answer and wrong about the reason', () => {
    const yaml = '  - { name: t, person: ann, cases: [{ permission: pay.approve, expect: deny, reason: RESOURCE_REQUIRED }] }'
    expect(run(yaml)['t']).toEqual(['line 13: pay.approve is expected to be deny (RESOURCE_REQUIRED) and is deny (ROLE_LACKS_PERMISSION)'])
  })

  it('takes the end of a window as exclusive, and the moment of the test before that of the file', () => {
    const yaml = `  - { name: over, person: bob, roles: [] }
  - { name: in force, person: bob, now: 2026-11-21T08:59:59.999Z, roles: [cover], exactly: [pay.read] }
  - { name: wrong, person: bob, roles: [cover] }`
    expect(run(yaml)).toEqual({ over: [], 'in force': [], wrong: ['role cover is expected and not held'] })
  })

  it('fails a test about somebody whom a constraint forbids', () => {
    const [difference] = run('  - { name: t, person: sly, roles: [maker, checker] }')['t'] ?? []
    expect(difference).toContain('constraint four-eyes: pay.create (by maker) and pay.approve (by checker)')
  })

  it('takes what breaks constraints where the test says so: all of them, and at that moment', () => {
    const yaml = `  - { name: right, person: sly, breaks: [four-eyes], roles: [maker, checker] }
  - { name: none, person: sly, breaks: [] }
  - { name: harmless, person: ann, breaks: [four-eyes] }
  - { name: alone, person: ann, breaks: [] }
  - { name: before, person: soon, breaks: [] }
  - { name: later, person: soon, now: 2026-11-21T10:00:00Z, breaks: [four-eyes] }
  - { name: unsaid, person: soon, roles: [maker] }`
    const collide = 'pay.create (by maker) and pay.approve (by checker) would be held together; at most 1 of them'
    expect(run(yaml)).toEqual({
      right: [],
      none: [`constraint four-eyes is broken and not expected: ${collide}`],
      harmless: ['constraint four-eyes is expected to be broken and is not'],
      alone: [],
      before: [],
      later: [],
      // Without a word of constraints nobody may come to break one, also not later.
      unsaid: [`soon cannot hold these roles, constraint four-eyes: ${collide}`],
    })
  })

  it('tells a resource that no caller could send apart from a deny', () => {
    const yaml = '  - { name: t, person: eve, cases: [{ permission: pay.approve, resource: { createdBy: 7 }, expect: deny }] }'
    expect(run(yaml)['t']?.[0]).toContain('resource.createdBy: must be a string')
  })
})

describe('coverage', () => {
  /** Covered of granted and of other cells, and what is granted and not asked about. */
  function cover(tests: string) {
    const { bundle, tests: groups } = parsePolicy([
      { name: 'policy.yaml', text: POLICY },
      { name: 'pay.test.yaml', text: TESTS + tests },
    ])
    if (bundle === undefined) throw new Error('refused')
    const policy = compilePolicy(bundle)
    const prepared = prepareTests(groups)
    const { granted, others, uncovered } = measureCoverage(policy, prepared, runPolicyTests(policy, groups))
    return [granted, others, Object.fromEntries(uncovered.map(({ role, permissions }) => [role, permissions]))]
  }
  const rest = { checker: ['pay.approve'], cover: ['pay.read'], maker: ['pay.create', 'pay.read'] }

  it('is nothing without a test', () => {
    expect(cover('  []')).toEqual([{ covered: 0, all: 4 }, { covered: 0, all: 5 }, rest])
  })

  it('of an exact list is all permissions, of a case one, by name or code', () => {
    expect(cover('  - { name: t, person: ann, exactly: [pay.create, pay.read] }')).toEqual([
      { covered: 2, all: 4 },
      { covered: 1, all: 5 },
      { checker: ['pay.approve'], cover: ['pay.read'] },
    ])
    const cases = '[{ permission: p.c, expect: allow }, { permission: pay.create, expect: allow }, { permission: p.a, expect: deny }]'
    expect(cover(`  - { name: t, person: ann, cases: ${cases} }`)).toEqual([
      { covered: 1, all: 4 },
      { covered: 1, all: 5 },
      { ...rest, maker: ['pay.read'] },
    ])
  })

  it('is nothing of a test that fails, and of a role that is not in force', () => {
    const failing = '  - { name: t, person: ann, exactly: [] }'
    const over = '  - { name: t, person: bob, exactly: [] }'
    expect(cover(failing)).toEqual(cover('  []'))
    expect(cover(over)).toEqual(cover('  []'))
    expect(cover('  - { name: t, person: bob, now: 2026-11-21T08:00:00Z, exactly: [pay.read] }')).toEqual([
      { covered: 1, all: 4 },
      { covered: 2, all: 5 },
      { checker: ['pay.approve'], maker: ['pay.create', 'pay.read'] },
    ])
  })
})
