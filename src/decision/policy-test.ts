/** Runs policy tests with the very rule that decides for callers, and says in words what came out differently. Pure. Floor 5. */
import { findBreach, findBreaches } from '../access/constraints.ts'
import { AppError } from '../ground/errors.ts'
import { type AccessState, inForce } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { Attributes } from '../model/condition.ts'
import { compareText } from '../policy/faults.ts'
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

/** One test with all that its answers rest on, worked out once: a mutation run asks it thousands of times. */
export interface PreparedTest {
  readonly group: string
  readonly file: string
  readonly test: TestOfPerson
  /** Absent: the test names nobody of its file. */
  readonly state: AccessState | undefined
  /** In force at the moment of the test. */
  readonly rolesInForce: readonly string[]
}

/** In the order of the files. */
export function prepareTests(groups: readonly PolicyTest[]): readonly PreparedTest[] {
  return groups.flatMap((group) =>
    group.tests.map((test) => {
      const person = group.people.get(test.person)
      const state = person === undefined ? undefined : stateOf(person, group.tenants.get(test.tenant) ?? {}, test.nowMs)
      return { group: group.name, file: group.file, test, state, rolesInForce: state === undefined ? [] : rolesInForceOf(state) }
    }),
  )
}

/** In the order of the files. */
export function runPolicyTests(policy: CompiledPolicy, groups: readonly PolicyTest[]): readonly PolicyTestResult[] {
  return prepareTests(groups).map((prepared) => runPreparedTest(policy, prepared))
}

export function runPreparedTest(policy: CompiledPolicy, prepared: PreparedTest): PolicyTestResult {
  const { group, file, test } = prepared
  const differences = differencesOf(policy, prepared)
  return { group, name: test.name, file, line: test.line, passed: differences.length === 0, differences }
}

function differencesOf(policy: CompiledPolicy, { test, state, rolesInForce }: PreparedTest): readonly string[] {
  if (state === undefined) return [`"${test.person}" is none of the people of the file`]
  return [
    ...compareConstraints(policy, test, state),
    ...(test.roles === undefined ? [] : compareLists('role', test.roles, rolesInForce)),
    ...(test.exactly === undefined ? [] : compareLists('permission', test.exactly, heldBy(policy, test, state))),
    ...test.cases.flatMap((item) => compareCase(policy, test, item, state)),
  ]
}

/** What the test says of constraints; without a word of them, that an administrator could give these roles. */
export function compareConstraints(policy: CompiledPolicy, test: TestOfPerson, state: AccessState): readonly string[] {
  if (test.breaks !== undefined) {
    const breaches = findBreaches(policy, test.tenant, state.assignments, test.nowMs)
    const { missing, extra } = differ(
      test.breaks,
      breaches.map((breach) => breach.constraint),
    )
    return [
      ...missing.map((id) => `constraint ${id} is expected to be broken and is not`),
      ...extra.map((id) => `constraint ${id} is broken and not expected: ${breaches.find((one) => one.constraint === id)?.message}`),
    ]
  }
  // Somebody whom no administrator could make proves nothing.
  const breach = findBreach(policy, test.tenant, state.assignments, test.nowMs)
  return breach === undefined ? [] : [`${test.person} cannot hold these roles, constraint ${breach.constraint}: ${breach.message}`]
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

function rolesInForceOf(state: AccessState): readonly string[] {
  return state.assignments.filter((assignment) => inForce(assignment, state.readAtMs)).map((assignment) => assignment.role)
}

function heldBy(policy: CompiledPolicy, test: TestOfPerson, state: AccessState): readonly string[] {
  return heldPermissions(policy, test.person, test.tenant, state).permissions.map((held) => held.permission)
}

function compareLists(what: string, expected: readonly string[], actual: readonly string[]): readonly string[] {
  const { missing, extra } = differ(expected, actual)
  return [
    ...missing.map((name) => `${what} ${name} is expected and not held`),
    ...extra.map((name) => `${what} ${name} is held and not expected`),
  ]
}

function differ(expected: readonly string[], actual: readonly string[]) {
  const wanted = new Set(expected)
  const found = new Set(actual)
  return {
    missing: [...wanted].filter((name) => !found.has(name)).sort(compareText),
    extra: [...found].filter((name) => !wanted.has(name)).sort(compareText),
  }
}

export function compareCase(policy: CompiledPolicy, test: TestOfPerson, item: TestCase, state: AccessState): readonly string[] {
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
