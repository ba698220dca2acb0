/** The mutation score by its quick way is what one gets by changing the files, reading them again and running all tests. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { measureMutation } from '../../src/decision/policy-mutation.ts'
import { writeSkeletons } from '../../src/decision/policy-skeletons.ts'
import { prepareTests, runPolicyTests } from '../../src/decision/policy-test.ts'
import { packageRoot } from '../../src/ground/package-root.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { type PolicyReading, parsePolicy } from '../../src/policy/parse-policy.ts'
import { readPolicyDirectory } from '../../src/policy/read-directory.ts'
import { type Grant, makePass, type RandomPolicy, type RandomTests, randomPolicy, randomTests, readPolicy } from './random-policy.ts'

const nameOf = (grant: Grant) => (typeof grant === 'string' ? grant : grant.permission)

/** Survivors as `role kind permission`, and how many mutants there are. */
function quickly(policy: RandomPolicy, tests: RandomTests) {
  const { bundle, tests: groups } = readPolicy(policy, tests)
  if (bundle === undefined) throw new Error('refused')
  const score = measureMutation(compilePolicy(bundle), prepareTests(groups), () => undefined)
  const alive = score.survivors.flatMap(({ role, dropped, opened, added }) => [
    ...dropped.map((one) => `${role} dropped ${one}`),
    ...opened.map((one) => `${role} opened ${one}`),
    ...added.map((one) => `${role} added ${one}`),
  ])
  expect(score.all - score.killed).toBe(alive.length)
  return { all: score.all, alive: alive.sort() }
}

function slowly(policy: RandomPolicy, tests: RandomTests) {
  const { bundle } = readPolicy(policy)
  if (bundle === undefined) throw new Error('refused')
  const alive: string[] = []
  let all = 0
  for (const [name, role] of Object.entries(policy.roles))
    for (const { name: permission, stage } of bundle.permissions) {
      if (stage === 'disabled') continue
      const others = role.permissions.filter((grant) => nameOf(grant) !== permission)
      const granted = others.length < role.permissions.length
      const conditional = granted && !role.permissions.includes(permission)
      const mutants: [string, readonly Grant[]][] = granted ? [['dropped', others]] : [['added', [...others, permission]]]
      if (conditional) mutants.push(['opened', [...others, permission]])
      for (const [kind, permissions] of mutants) {
        all++
        const mutated = { ...policy, roles: { ...policy.roles, [name]: { ...role, permissions } } }
        const reading = readPolicy(mutated, tests)
        // Refused files kill a mutant, too.
        if (reading.bundle === undefined) continue
        if (runPolicyTests(compilePolicy(reading.bundle), reading.tests).every((result) => result.passed))
          alive.push(`${name} ${kind} ${permission}`)
      }
    }
  return { all, alive: alive.sort() }
}

function scoreOf({ bundle, tests }: PolicyReading) {
  if (bundle === undefined) throw new Error('refused')
  return measureMutation(compilePolicy(bundle), prepareTests(tests), () => undefined)
}

function skeletonsOf(reading: PolicyReading): string | undefined {
  const taken = new Set(reading.tests.map((group) => group.name))
  if (reading.bundle === undefined) throw new Error(reading.faults.map(formatFault).join('\n'))
  return writeSkeletons(compilePolicy(reading.bundle), scoreOf(reading).survivors, taken)
}

const greenWorld = randomPolicy
  .filter((policy) => readPolicy(policy).bundle !== undefined)
  .chain((policy) => fc.tuple(fc.constant(policy), randomTests(policy)))
  .map(([policy, tests]) => ({ policy, tests: makePass(policy, tests) }))

describe('the mutation score', () => {
  it('finds exactly the survivors that are found by changing the files and running every test', () => {
    let killed = 0
    let survived = 0
    fc.assert(
      fc.property(greenWorld, ({ policy, tests }) => {
        const { bundle, tests: groups, faults } = readPolicy(policy, tests)
        if (bundle === undefined) throw new Error(JSON.stringify(faults))
        expect(runPolicyTests(compilePolicy(bundle), groups).filter((result) => !result.passed)).toEqual([])
        const slow = slowly(policy, tests)
        expect(quickly(policy, tests)).toEqual(slow)
        killed += slow.all - slow.alive.length
        survived += slow.alive.length
      }),
      { numRuns: 50 },
    )
    // A property about nothing would hold as well.
    expect(Math.min(killed, survived)).toBeGreaterThan(50)
  })
})

describe('skeletons', () => {
  it('kill all that survived, pass as they are, and survive being pasted beside other skeletons', () => {
    fc.assert(
      fc.property(greenWorld, ({ policy, tests }) => {
        const pasted = skeletonsOf(readPolicy(policy, tests))
        const { bundle, tests: groups, faults } = readPolicy(policy, tests, pasted)
        if (bundle === undefined) throw new Error(`${pasted}\n${JSON.stringify(faults)}`)
        expect(runPolicyTests(compilePolicy(bundle), groups).filter((result) => !result.passed)).toEqual([])
        expect(skeletonsOf(readPolicy(policy, tests, pasted))).toBeUndefined()
        if (pasted === undefined) return
        const again = writeSkeletons(
          compilePolicy(bundle),
          scoreOf(readPolicy(policy)).survivors,
          new Set(groups.map((group) => group.name)),
        )
        expect(readPolicy(policy, tests, `${pasted}---\n${again}`).bundle).toBeDefined()
      }),
      { numRuns: 50 },
    )
  })

  it('kill what was dropped also where no list can show it, for a variable has to be text and a number at once', () => {
    const when = (attribute: string) => ({ [attribute]: { $eq: { $var: 'user.attributes.one' } } })
    const permissions = {
      'a.x': { code: 'a.1', title: 'X', attributes: { by: 'string' } },
      'a.y': { code: 'a.2', title: 'Y', attributes: { n: 'number' } },
    }
    const policy: RandomPolicy = {
      catalogue: { apiVersion: 'castellan/v1', kind: 'PermissionCatalogue', metadata: { service: 's', owner: 'o' }, permissions },
      roles: {
        r: {
          title: 'R',
          permissions: [
            { permission: 'a.x', when: when('by') },
            { permission: 'a.y', when: when('n') },
          ],
        },
      },
      constraints: [],
    }
    // Notices an opened condition, and no dropped one.
    const cases = ['a.x', 'a.y'].map((permission) => ({ permission, expect: 'deny' }))
    const tests: RandomTests = { tenants: {}, people: { ann: { roles: ['r'] } }, tests: [{ name: 't', person: 'ann', cases }] }
    expect(quickly(policy, tests).alive).toEqual(['r dropped a.x', 'r dropped a.y'])
    const pasted = skeletonsOf(readPolicy(policy, tests))
    expect(scoreOf(readPolicy(policy, tests, pasted)).survivors).toEqual([])
  })

  it('of the samples make any of their tests dispensable', async () => {
    const { files } = await readPolicyDirectory(join(packageRoot(), 'policies'))
    const { bundle, tests } = parsePolicy(files)
    if (bundle === undefined) throw new Error('the samples are broken')
    const policy = compilePolicy(bundle)
    const all = tests.flatMap((group) => group.tests.map((test) => ({ group, test })))
    fc.assert(
      fc.property(fc.subarray(all), (kept) => {
        const left = tests.map((group) => ({ ...group, tests: group.tests.filter((test) => kept.some((one) => one.test === test)) }))
        const score = measureMutation(policy, prepareTests(left), () => undefined)
        const text = writeSkeletons(policy, score.survivors, new Set(tests.map((group) => group.name)))
        const pasted = text === undefined ? [] : parsePolicy([...files, { name: 'skeletons.test.yaml', text }]).tests.slice(-1)
        const after = [...left, ...pasted]
        expect(runPolicyTests(policy, after).filter((result) => !result.passed)).toEqual([])
        expect(measureMutation(policy, prepareTests(after), () => undefined).survivors).toEqual([])
      }),
      { numRuns: 20 },
    )
  })
})
