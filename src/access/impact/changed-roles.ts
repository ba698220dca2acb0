/** Which roles mean something else under a candidate: only their holders can be touched by it. Pure. Floor 3. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { PolicyDiff } from '../../model/policy-diff.ts'
import { compareText } from '../../policy/faults.ts'
import { type RoleMeanings, sameGrant } from './role-meaning.ts'

export interface World {
  readonly policy: CompiledPolicy
  readonly meanings: RoleMeanings
}

/**
 * Of both bundles, and of those that a constraint newly concerns. Sorted.
 * @param liveRoles of all rows, also roles of no bundle: a constraint on their number concerns each of them
 */
export function listChangedRoles(before: World, after: World, diff: PolicyDiff, liveRoles: readonly string[]): readonly string[] {
  const changed = new Set(rolesUnderNewConstraints(before.policy, after.policy, diff, liveRoles))
  for (const { name } of [...before.policy.bundle.roles, ...after.policy.bundle.roles])
    if (!changed.has(name) && meansAnother(before, after, name)) changed.add(name)
  return [...changed].sort(compareText)
}

/** Permissions that this role grants otherwise after than before: none, or under other conditions. */
export function listChangedGrants(before: World, after: World, role: string): readonly string[] {
  const [was, is] = [before.meanings.of(role), after.meanings.of(role)]
  return [...new Set([...was.keys(), ...is.keys()])].filter((permission) => !sameGrant(was.get(permission), is.get(permission)))
}

function meansAnother(before: World, after: World, role: string): boolean {
  const [was, is] = [before.policy.findRole(role), after.policy.findRole(role)]
  if (was === undefined || is === undefined) return true
  if (was.assignable !== is.assignable || was.maxGrantMs !== is.maxGrantMs) return true
  if (listChangedGrants(before, after, role).length > 0) return true
  // A separation of duty counts what is granted, disabled or not.
  const [granted, grants] = [namesOf(was.grants), namesOf(is.grants)]
  if (granted.size !== grants.size || [...granted].some((name) => !grants.has(name))) return true
  // Tokens carry codes.
  return [...granted].some((name) => before.policy.findPermission(name)?.code !== after.policy.findPermission(name)?.code)
}

function namesOf(grants: readonly { readonly permission: string }[]): ReadonlySet<string> {
  return new Set(grants.map((grant) => grant.permission))
}

function rolesUnderNewConstraints(
  before: CompiledPolicy,
  after: CompiledPolicy,
  diff: PolicyDiff,
  liveRoles: readonly string[],
): readonly string[] {
  const constraints = [...diff.constraints.added, ...diff.constraints.changed.map((changed) => changed.after)]
  return constraints.flatMap((constraint) =>
    constraint.type === 'max-roles-per-tenant'
      ? liveRoles
      : constraint.permissions.flatMap((permission) => [...before.rolesGranting(permission), ...after.rolesGranting(permission)]),
  )
}
