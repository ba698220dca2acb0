/** The lists: what a user may do, who may do a thing. The same rule as a check, read the other way round. Pure. Floor 5. */
import { type AccessState, inForce } from '../model/access-state.ts'
import type { CompiledPolicy, RoleSet } from '../model/compiled-policy.ts'
import type { ConditionContext } from '../model/condition.ts'
import type { HeldPermission, PermissionHolder, PermissionList } from '../model/decision.ts'
import type { PermissionEntry } from '../model/policy.ts'
import { closedReason, contextOf } from './decide.ts'

export function heldPermissions(
  policy: CompiledPolicy,
  user: string,
  tenant: string,
  state: AccessState,
): Pick<PermissionList, 'permissions' | 'denied'> {
  const denied = closedReason(state)
  if (denied !== undefined) return { permissions: [], denied }
  const roles = policy.roleSet(
    state.assignments.filter((assignment) => inForce(assignment, state.readAtMs)).map((assignment) => assignment.role),
  )
  const context = contextOf({ user, tenant }, state)
  const permissions: HeldPermission[] = []
  for (const name of roles.permissions) {
    const entry = policy.findPermission(name)
    const held = entry === undefined ? undefined : holding(roles, entry, context)
    if (entry !== undefined && held !== undefined) permissions.push({ permission: name, code: entry.code, ...held })
  }
  return { permissions }
}

/** How somebody with these roles holds a permission: without a condition, only on some resources, or (`undefined`) never. */
export function holding(roles: RoleSet, entry: PermissionEntry, context: ConditionContext): Omit<PermissionHolder, 'user'> | undefined {
  if (entry.stage === 'disabled') return undefined
  const ways = roles.waysTo(entry.name)
  const open = ways.filter((way) => !way.conditional)
  const counted = open.length > 0 ? open : ways.filter((way) => way.variablesSet(context))
  if (counted.length === 0) return undefined
  return { conditional: open.length === 0, via: [...new Set(counted.map((way) => way.role))].sort() }
}
