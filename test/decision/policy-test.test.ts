/** Policy tests are run by the rule that decides for callers, and a failing one says what came out differently. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { runPolicyTests } from '../../src/decision/policy-test.ts'
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
    expect(run(yaml)['t']).toEqual(["line 12: p.a is expected to be allow and is deny (CONDITION_FAILED): not one's own"])
  })

  it('fails a case that is right about the answer and wrong about the reason', () => {
    const yaml = '  - { name: t, person: ann, cases: [{ permission: pay.approve, expect: deny, reason: RESOURCE_REQUIRED }] }'
    expect(run(yaml)['t']).toEqual(['line 12: pay.approve is expected to be deny (RESOURCE_REQUIRED) and is deny (ROLE_LACKS_PERMISSION)'])
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

  it('tells a resource that no caller could send apart from a deny', () => {
    const yaml = '  - { name: t, person: eve, cases: [{ permission: pay.approve, resource: { createdBy: 7 }, expect: deny }] }'
    expect(run(yaml)['t']?.[0]).toContain('resource.createdBy: must be a string')
  })
})
