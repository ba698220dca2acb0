/** Runs policy tests with the very rule that decides for callers, and says in words what came out differently. Pure. Floor 5. */
import { findBreach } from '../access/constraints.ts'
import { AppError } from '../ground/errors.ts'
import { type AccessState, inForce } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { Attributes } from '../model/condition.ts'
import type { PolicyTest, TestCase, TestOfPerson, TestPerson } from '../policy/policy-test.ts'
import { decide } from './decide.ts'
import { heldPermissions } from './list.ts'

export interface PolicyTestResult {
  /** `metadata.name` of the file's tests. */
  readonly group: string
  readonly name: string
  readonly file: string
  readonly line: number
  readonly passed: boolean
  /** One sentence a difference; empty when passed. */
  readonly differences: readonly string[]
}

/** In the order of the files. */
export function runPolicyTests(policy: CompiledPolicy, groups: readonly PolicyTest[]): readonly PolicyTestResult[] {
  return groups.flatMap((group) =>
    group.tests.map((test) => {
      const differences = differencesOf(policy, group, test)
      return { group: group.name, name: test.name, file: group.file, line: test.line, passed: differences.length === 0, differences }
    }),
  )
}

function differencesOf(policy: CompiledPolicy, group: PolicyTest, test: TestOfPerson): readonly string[] {
  const person = group.people.get(test.person)
  if (person === undefined) return [`"${test.person}" is none of the people of the file`]
  const state = stateOf(person, group.tenants.get(test.tenant) ?? {}, test.nowMs)
  const breach = findBreach(policy, test.tenant, state.assignments, test.nowMs)
  return [
    // Somebody whom no administrator could make proves nothing.
    ...(breach === undefined ? [] : [`${test.person} cannot hold these roles, constraint ${breach.constraint}: ${breach.message}`]),
    ...(test.roles === undefined ? [] : compareLists('role', test.roles, rolesInForce(state))),
    ...(test.exactly === undefined ? [] : compareLists('permission', test.exactly, heldBy(policy, test, state))),
    ...test.cases.flatMap((item) => compareCase(policy, test, item, state)),
  ]
}

function stateOf(person: TestPerson, tenant: Attributes, nowMs: number): AccessState {
  return {
    position: 0,
    policyPosition: 0,
    readAtMs: nowMs,
    tenant: { suspended: false, attributes: tenant },
    user: { deactivated: false, attributes: person.attributes, epoch: 0 },
    assignments: person.holds.map(({ role, fromMs, untilMs }, index) => ({
      id: String(index),
      role,
      validFromMs: fromMs,
      expiresAtMs: untilMs,
    })),
  }
}

function rolesInForce(state: AccessState): readonly string[] {
  return state.assignments.filter((assignment) => inForce(assignment, state.readAtMs)).map((assignment) => assignment.role)
}

function heldBy(policy: CompiledPolicy, test: TestOfPerson, state: AccessState): readonly string[] {
  return heldPermissions(policy, test.person, test.tenant, state).permissions.map((held) => held.permission)
}

function compareLists(what: string, expected: readonly string[], actual: readonly string[]): readonly string[] {
  const missing = [...new Set(expected)].filter((name) => !actual.includes(name)).sort()
  const extra = [...new Set(actual)].filter((name) => !expected.includes(name)).sort()
  return [
    ...missing.map((name) => `${what} ${name} is expected and not held`),
    ...extra.map((name) => `${what} ${name} is held and not expected`),
  ]
}

function compareCase(policy: CompiledPolicy, test: TestOfPerson, item: TestCase, state: AccessState): readonly string[] {
  const { permission, resource, expect, reason, line } = item
  const question = { user: test.person, tenant: test.tenant, permission, ...(resource === undefined ? {} : { resource }) }
  const wanted = reason === undefined ? expect : `${expect} (${reason})`
  try {
    const verdict = decide(policy, question, state)
    const allows = verdict.allowed ? 'allow' : 'deny'
    if (allows === expect && (reason === undefined || reason === verdict.reason)) return []
    const hint = verdict.hint === undefined ? '' : `: ${verdict.hint}`
    return [`line ${line}: ${permission} is expected to be ${wanted} and is ${allows} (${verdict.reason})${hint}`]
  } catch (fault) {
    if (!(fault instanceof AppError)) throw fault
    return [`line ${line}: ${permission} is expected to be ${wanted} and cannot be asked so: ${fault.message}`]
  }
}
