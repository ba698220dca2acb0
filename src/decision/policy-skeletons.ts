/** Tests that would kill the mutants that survived, as YAML to paste beside the policy: each says what the policy does today. Judges nothing. Pure. Floor 5. */
import { findBreaches } from '../access/constraints.ts'
import type { AccessState } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { RoleEntry } from '../model/policy.ts'
import { SKELETON_WINDOW_MS } from '../model/policy-limits.ts'
import { exampleAttributes } from '../policy/example-attributes.ts'
import { grantingOf } from '../policy/mutant.ts'
import { TENANT_DEFAULT } from '../policy/policy-test.ts'
import { flow, quoted } from '../policy/write-yaml.ts'
import { decide } from './decide.ts'
import { heldPermissions } from './list.ts'
import type { RoleSurvivors } from './policy-mutation.ts'

/** Any moment will do: what the person holds is made to be in force then. */
const NOW = '2026-01-05T09:00:00Z'
const NOW_MS = Date.parse(NOW)

/**
 * One document: for each role with a survivor a person who holds it and a test. `exactly` kills what was dropped or added; a case without a
 * resource kills an opened condition, for what is allowed without one is allowed there.
 * @param taken names of the groups of tests that are there
 * @returns `undefined` when nothing survived
 */
export function writeSkeletons(
  policy: CompiledPolicy,
  survivors: readonly RoleSurvivors[],
  taken: ReadonlySet<string>,
): string | undefined {
  if (survivors.length === 0) return undefined
  const subjects = survivors.flatMap((survivor) => {
    const role = policy.findRole(survivor.role)
    return role === undefined ? [] : [{ role, survivor, ...exampleAttributes(policy, role) }]
  })
  // One tenant for all: it has what any of the conditions reads of it.
  const tenant = Object.assign({}, ...subjects.map((subject) => subject.tenant).reverse())
  const people = subjects.map(({ role, user }) => {
    const attributes = Object.keys(user).length === 0 ? '' : `, attributes: ${flow(user)}`
    return `  ${personOf(role)}: { ${holding(role)}${attributes} }`
  })
  const tests = subjects.flatMap(({ role, survivor, user }) => testLines(policy, role, survivor, stateOf(role, user, tenant)))
  return [
    '# Each test says what the policy does today. Is it what it should do? Keep it then, under a name of your own.',
    'apiVersion: castellan/v1',
    'kind: PolicyTest',
    `metadata: { name: ${freeName(taken)} }`,
    `now: ${NOW}`,
    ...(Object.keys(tenant).length === 0 ? [] : ['tenants:', `  ${TENANT_DEFAULT}: { attributes: ${flow(tenant)} }`]),
    'people:',
    ...people,
    'tests:',
    ...tests,
    '',
  ].join('\n')
}

function personOf(role: RoleEntry): string {
  return quoted(`holder-of-${role.name}`)
}

function holding(role: RoleEntry): string {
  if (role.assignable === 'any') return `roles: [${quoted(role.name)}]`
  return `grants: [{ role: ${quoted(role.name)}, from: ${NOW}, until: ${new Date(endMs(role)).toISOString()} }]`
}

function endMs(role: RoleEntry): number {
  return NOW_MS + Math.min(role.maxGrantMs ?? SKELETON_WINDOW_MS, SKELETON_WINDOW_MS)
}

function stateOf(role: RoleEntry, user: Readonly<Record<string, unknown>>, tenant: Readonly<Record<string, unknown>>): AccessState {
  return {
    position: 0,
    policyPosition: 0,
    readAtMs: NOW_MS,
    tenant: { suspended: false, attributes: tenant },
    user: { deactivated: false, attributes: user, epoch: 0 },
    assignments: [{ id: '0', role: role.name, validFromMs: NOW_MS, expiresAtMs: role.assignable === 'any' ? null : endMs(role) }],
  }
}

function testLines(policy: CompiledPolicy, role: RoleEntry, survivor: RoleSurvivors, state: AccessState): readonly string[] {
  const user = `holder-of-${role.name}`
  const held = heldPermissions(policy, user, TENANT_DEFAULT, state).permissions.map((one) => one.permission)
  const breaks = findBreaches(policy, TENANT_DEFAULT, state.assignments, state.readAtMs).map((breach) => breach.constraint)
  const exact = survivor.dropped.length + survivor.added.length + survivor.addedUnlisted > 0
  // Held only where a variable is set that could not be set here: no list shows it, the reason of a deny does.
  const unseen = survivor.dropped.filter((permission) => !held.includes(permission))
  const granting = grantingOf(role)
  const cases = [...new Set([...survivor.opened, ...unseen])].filter((permission) => granting.get(permission) === 'conditional').sort()
  return [
    `  - name: ${quoted(`${role.name} as it is`)}`,
    `    person: ${personOf(role)}`,
    ...(breaks.length === 0 ? [] : [`    breaks: [${breaks.map(quoted).join(', ')}]`]),
    ...(!exact
      ? []
      : held.length === 0
        ? ['    exactly: []']
        : ['    exactly:', ...held.map((permission) => `      - ${quoted(permission)}`)]),
    ...(cases.length === 0 ? [] : ['    cases:']),
    ...cases.map((permission) => {
      const { allowed, reason } = decide(policy, { user, tenant: TENANT_DEFAULT, permission }, state)
      return `      - { permission: ${quoted(permission)}, expect: ${allowed ? 'allow' : 'deny'}, reason: ${reason} }`
    }),
  ]
}

function freeName(taken: ReadonlySet<string>): string {
  let name = 'skeletons'
  for (let number = 2; taken.has(name); number++) name = `skeletons-${number}`
  return name
}
