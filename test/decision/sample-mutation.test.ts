/** The sample policies: every change of one cell is noticed, and each test line answers for exactly its cells. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { measureCoverage } from '../../src/decision/policy-coverage.ts'
import { type MutationScore, measureMutation } from '../../src/decision/policy-mutation.ts'
import { prepareTests, runPolicyTests, runPreparedTest } from '../../src/decision/policy-test.ts'
import { packageRoot } from '../../src/ground/package-root.ts'
import type { PolicyBundle, RoleGrant } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { type PolicyFile, parsePolicy } from '../../src/policy/parse-policy.ts'
import type { PolicyTest } from '../../src/policy/policy-test.ts'
import { readPolicyDirectory } from '../../src/policy/read-directory.ts'

const { files } = await readPolicyDirectory(join(packageRoot(), 'policies'))

function read(given: readonly PolicyFile[]) {
  const { bundle, tests, faults } = parsePolicy(given)
  if (bundle === undefined) throw new Error(JSON.stringify(faults))
  return { bundle, tests, policy: compilePolicy(bundle) }
}

function survivorsOf({ survivors }: MutationScore): string[] {
  return survivors
    .flatMap(({ role, ...kinds }) =>
      (['dropped', 'opened', 'added'] as const).flatMap((kind) => kinds[kind].map((permission) => `${role} ${kind} ${permission}`)),
    )
    .sort()
}

/** One thing that a test asks, as a test of its own. */
function linesOf(groups: readonly PolicyTest[]): { readonly id: string; readonly group: PolicyTest }[] {
  return groups.flatMap((group) =>
    group.tests.flatMap((test) => {
      const { exactly, breaks, roles: _roles, cases, ...rest } = test
      const alone = (id: string, asked: object) => ({
        id: `${group.name}/${test.name}/${id}`,
        group: { ...group, tests: [{ ...rest, cases: [], ...asked }] },
      })
      return [
        ...(exactly === undefined ? [] : [alone('exactly', { exactly })]),
        ...(breaks === undefined ? [] : [alone('breaks', { breaks })]),
        // Somebody who breaks a constraint must be allowed to, whatever else is asked.
        ...cases.map((item) => alone(`line ${item.line}`, { cases: [item], ...(breaks === undefined ? {} : { breaks }) })),
      ]
    }),
  )
}

/** By changing the bundle and compiling it again: which lines notice each mutant. */
function killers(bundle: PolicyBundle, lines: readonly { readonly id: string; readonly group: PolicyTest }[]): Map<string, string[]> {
  const killedBy = new Map<string, string[]>()
  for (const role of bundle.roles)
    for (const { name, stage } of bundle.permissions) {
      if (stage === 'disabled') continue
      const ways = role.grants.filter((grant) => grant.permission === name)
      const others = role.grants.filter((grant) => grant.permission !== name)
      const mutants: [string, readonly RoleGrant[]][] =
        ways.length === 0 ? [['added', [...others, { permission: name }]]] : [['dropped', others]]
      if (ways.some((way) => way.when !== undefined)) mutants.push(['opened', [...others, { permission: name }]])
      for (const [kind, grants] of mutants) {
        const roles = bundle.roles.map((one) => (one === role ? { ...role, grants } : one))
        const refused = bundle.constraints.some(
          (one) =>
            one.type === 'separation-of-duty' &&
            one.tenants === undefined &&
            one.permissions.filter((permission) => grants.some((grant) => grant.permission === permission)).length > one.max,
        )
        const policy = compilePolicy({ ...bundle, roles })
        const by = lines.filter(({ group }) => !runPolicyTests(policy, [group]).every((result) => result.passed)).map(({ id }) => id)
        killedBy.set(`${role.name} ${kind} ${name}`, refused ? [...by, 'validation'] : by)
      }
    }
  return killedBy
}

describe('the sample policies', () => {
  const { bundle, tests, policy } = read(files)

  it('have a mutation score of 100 %, and every cell asked about', () => {
    const prepared = prepareTests(tests)
    const score = measureMutation(policy, prepared, () => undefined)
    expect(survivorsOf(score)).toEqual([])
    expect(score.killed).toBe(score.all)
    const coverage = measureCoverage(
      policy,
      prepared,
      prepared.map((test) => runPreparedTest(policy, test)),
    )
    expect(coverage.uncovered).toEqual([])
    expect(coverage.others.covered).toBe(coverage.others.all)
  })

  it('without any one line of their tests show exactly the cells that only it covers', () => {
    const lines = linesOf(tests)
    const killedBy = killers(bundle, lines)
    let alone = 0
    for (const removed of lines) {
      const expected = [...killedBy].filter(([, by]) => by.length === 1 && by[0] === removed.id).map(([mutant]) => mutant)
      const left = lines.filter((line) => line !== removed).map(({ group }) => group)
      const found = survivorsOf(measureMutation(policy, prepareTests(left), () => undefined))
      expect([removed.id, found]).toEqual([removed.id, expected.sort()])
      if (found.length > 0) alone++
    }
    // Most lists of what a role holds are the only ones that say so.
    expect(alone).toBeGreaterThanOrEqual(10)
  })

  it('without any one test, cut out of its file, show exactly the cells that only it covers', () => {
    const killedBy = killers(
      bundle,
      tests.flatMap((group) => group.tests.map((test) => ({ id: `${group.file}:${test.line}`, group: { ...group, tests: [test] } }))),
    )
    for (const group of tests)
      group.tests.forEach((test, index) => {
        const next = group.tests[index + 1]?.line
        const cut = files.map((file) => (file.name === group.file ? { ...file, text: withoutLines(file.text, test.line, next) } : file))
        const less = read(cut)
        expect(less.tests.flatMap((one) => one.tests)).toHaveLength(tests.flatMap((one) => one.tests).length - 1)
        const expected = [...killedBy]
          .filter(([, by]) => by.length === 1 && by[0] === `${group.file}:${test.line}`)
          .map(([mutant]) => mutant)
        expect(survivorsOf(measureMutation(less.policy, prepareTests(less.tests), () => undefined))).toEqual(expected.sort())
      })
  })
})

function withoutLines(text: string, from: number, until: number | undefined): string {
  const lines = text.split('\n')
  return [...lines.slice(0, from - 1), ...(until === undefined ? [] : lines.slice(until - 1)), ''].join('\n')
}
