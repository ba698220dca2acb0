/** Faults of meaning in policy tests: people, references, windows, moments. Runs none. Floor 2. */

import { didYouMean } from '../ground/nearest.ts'
import { idFault } from '../model/ids.ts'
import { POLICY_TEST_STEPS_MAX } from '../model/policy-limits.ts'
import { checkConstraintReference, checkPermissionReference, checkRoleReference, type Names, textItems } from './names.ts'
import { clip } from './parse.ts'
import { childOf, entriesOf, type FaultList, itemsOf, type Place, type SourceEntry, type SourceNode, textOf } from './source.ts'

export function checkPolicyTests(roots: readonly SourceNode[], names: Names, faults: FaultList): void {
  const seen = new Map<string, Place>()
  for (const root of roots) {
    const group = textOf(childOf(childOf(root, 'metadata'), 'name')) ?? ''
    for (const test of itemsOf(childOf(root, 'tests'))) {
      const nameNode = childOf(test, 'name')
      const name = textOf(nameNode)
      if (nameNode === undefined || name === undefined) continue
      const key = JSON.stringify([group, name])
      const first = seen.get(key)
      if (first !== undefined)
        faults.error(nameNode.at, 'duplicate-name', `test "${clip(name)}" is given a second time`, `first in ${first.file}:${first.line}`)
      else seen.set(key, nameNode.at)
    }
    checkFile(root, names, faults)
  }
}

function checkFile(root: SourceNode, names: Names, faults: FaultList): void {
  const people = entriesOf(childOf(root, 'people'))
  for (const { key, keyAt } of [...people, ...entriesOf(childOf(root, 'tenants'))]) {
    const fault = idFault(key)
    if (fault !== undefined) faults.error(keyAt, 'invalid-name', `the id ${fault}`)
  }
  for (const person of people) checkPerson(person, names, faults)
  const timeless = new Set(people.filter(({ value }) => itemsOf(childOf(value, 'grants')).length === 0).map(({ key }) => key))
  const hasNow = childOf(root, 'now') !== undefined
  const costs = new Map(people.map(({ key, value }) => [key, costOf(value, names)]))
  for (const test of itemsOf(childOf(root, 'tests'))) {
    const cost = costs.get(textOf(childOf(test, 'person')) ?? '')
    if (cost !== undefined) countSteps(test, cost, names, faults)
    checkTest(test, costs, hasNow ? undefined : timeless, names, faults)
  }
}

/** What it takes to ask one thing of a person. */
interface PersonCost {
  /** Roles given, each as often as it is. */
  readonly held: number
  /** What these grant. */
  readonly grants: number
  /** Constraints are counted at each instant at which a role begins. */
  readonly instants: number
}

function costOf(person: SourceNode, names: Names): PersonCost {
  const windows = itemsOf(childOf(person, 'grants'))
  const roles = [...textItems(childOf(person, 'roles')).map(({ text }) => text), ...windows.map((grant) => textOf(childOf(grant, 'role')))]
  const grants = roles.reduce((sum, role) => sum + (names.roles.get(role ?? '')?.permissions.size ?? 0), 0)
  return { held: roles.length, grants, instants: 1 + windows.length }
}

function countSteps(test: SourceNode, { held, grants, instants }: PersonCost, names: Names, faults: FaultList): void {
  const rules = names.constraints.size * (1 + held) + names.constraintPermissions.sum
  const exactly = childOf(test, 'exactly') === undefined ? 0 : grants + itemsOf(childOf(test, 'exactly')).length
  const steps = instants * (held + rules) + exactly + itemsOf(childOf(test, 'cases')).length * (1 + held)
  if (names.testSteps.add(steps))
    faults.error(
      test.at,
      'limit-exceeded',
      `the policy tests together take more than ${POLICY_TEST_STEPS_MAX} steps: permissions, roles and constraints looked at`,
      'fewer "exactly" of people who hold much, or fewer roles and windows a person',
    )
}

function checkPerson({ value: person }: SourceEntry, names: Names, faults: FaultList): void {
  for (const { text, at } of textItems(childOf(person, 'roles'))) {
    checkRoleReference(text, at, names, faults)
    if (names.roles.get(text)?.temporary === true)
      faults.error(at, 'temporary-without-end', `role "${text}" is only given for a time`, 'give it under "grants", with "until"')
  }
  for (const grant of itemsOf(childOf(person, 'grants'))) {
    const roleNode = childOf(grant, 'role')
    const roleName = textOf(roleNode)
    if (roleNode === undefined || roleName === undefined) continue
    checkRoleReference(roleName, roleNode.at, names, faults)
    const role = names.roles.get(roleName)
    const untilNode = childOf(grant, 'until')
    const from = instantOf(childOf(grant, 'from'))
    const until = instantOf(untilNode)
    if (role?.temporary === true && untilNode === undefined)
      faults.error(roleNode.at, 'temporary-without-end', `role "${roleName}" is only given for a time`, 'add "until"')
    if (untilNode === undefined || from === undefined || until === undefined) continue
    if (until <= from) faults.error(untilNode.at, 'window-empty', '"until" is not after "from"')
    else if (role?.maxGrantMs !== undefined && until - from > role.maxGrantMs)
      faults.error(untilNode.at, 'grant-too-long', `the window is longer than "maxGrant" of role "${roleName}"`)
  }
}

/** @param timeless people without windows, when the file names no moment; `undefined` when it does */
function checkTest(
  test: SourceNode,
  people: ReadonlyMap<string, unknown>,
  timeless: ReadonlySet<string> | undefined,
  names: Names,
  faults: FaultList,
): void {
  const personNode = childOf(test, 'person')
  const person = textOf(personNode)
  const known = person !== undefined && people.has(person)
  if (personNode !== undefined && person !== undefined && !known)
    faults.error(personNode.at, 'unknown-person', `"${clip(person)}" is none of the people above`, () => didYouMean(person, people.keys()))
  if (known && timeless?.has(person) === false && childOf(test, 'now') === undefined)
    faults.error(
      test.at,
      'now-missing',
      `"${clip(person)}" holds roles for a time, so the test needs a moment`,
      'add "now" to the file or the test',
    )
  if (['roles', 'exactly', 'breaks', 'cases'].every((key) => childOf(test, key) === undefined))
    faults.error(test.at, 'test-empty', 'the test asks nothing', 'add "exactly", "cases", "roles" or "breaks"')
  for (const { text, at } of textItems(childOf(test, 'roles'))) checkRoleReference(text, at, names, faults)
  for (const { text, at } of textItems(childOf(test, 'exactly'))) checkPermissionReference(text, at, names, faults)
  for (const { text, at } of textItems(childOf(test, 'breaks'))) checkConstraintReference(text, at, names, faults)
  for (const item of itemsOf(childOf(test, 'cases'))) checkCase(item, names, faults)
}

function checkCase(item: SourceNode, names: Names, faults: FaultList): void {
  const reasonNode = childOf(item, 'reason')
  const reason = textOf(reasonNode)
  const allows = reason === 'ROLE' || reason === 'TEMPORARY_GRANT'
  const expect = textOf(childOf(item, 'expect'))
  if (reasonNode !== undefined && reason !== undefined && (expect === 'allow' || expect === 'deny') && allows !== (expect === 'allow'))
    faults.error(reasonNode.at, 'invalid-value', `${clip(reason)} is no reason to ${expect}`)
  const node = childOf(item, 'permission')
  const permission = textOf(node)
  if (node !== undefined && permission !== undefined && reason !== 'UNKNOWN_PERMISSION' && !names.codes.has(permission))
    checkPermissionReference(permission, node.at, names, faults)
}

function instantOf(node: SourceNode | undefined): number | undefined {
  const ms = Date.parse(textOf(node) ?? '')
  return Number.isNaN(ms) ? undefined : ms
}
