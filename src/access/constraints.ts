/** Would these assignments, held together, break a constraint? Overlapping windows are counted instant by instant. Pure. Floor 3. */
import { type Assignment, inForce } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { Constraint } from '../model/policy.ts'

type Window = Pick<Assignment, 'role' | 'validFromMs' | 'expiresAtMs'>

export interface Breach {
  readonly constraint: string
  /** For a person, naming what collides. */
  readonly message: string
  /** First instant at which it would be broken, milliseconds since the epoch. */
  readonly atMs: number
}

/**
 * The first breach by all `assignments` together at or after `fromMs`, or `undefined`.
 * What is held changes only where a window begins or ends, so only those instants are looked at.
 */
export function findBreach(policy: CompiledPolicy, tenant: string, assignments: readonly Window[], fromMs: number): Breach | undefined {
  const constraints = policy.constraintsFor(tenant)
  if (constraints.length === 0) return undefined
  const instants = new Set([fromMs, ...assignments.map((assignment) => Math.max(fromMs, assignment.validFromMs))])
  for (const atMs of [...instants].sort((a, b) => a - b)) {
    const held = assignments.filter((assignment) => inForce({ id: '', ...assignment }, atMs))
    const roles = [...new Set(held.map((assignment) => assignment.role))].sort()
    for (const constraint of constraints) {
      const message = breachMessage(policy, constraint, roles)
      if (message !== undefined) return { constraint: constraint.id, message, atMs }
    }
  }
  return undefined
}

function breachMessage(policy: CompiledPolicy, constraint: Constraint, roles: readonly string[]): string | undefined {
  if (constraint.type === 'max-roles-per-tenant') {
    if (roles.length <= constraint.max) return undefined
    return `${roles.join(' and ')} would be held together; at most ${constraint.max} role(s) a tenant`
  }
  const set = policy.roleSet(roles)
  const held = constraint.permissions.filter((permission) => set.waysTo(permission).length > 0)
  if (held.length <= constraint.max) return undefined
  const parts = held.map((permission) => {
    const by = [...new Set(set.waysTo(permission).map((way) => way.role))]
    return `${permission} (by ${by.join(', ')})`
  })
  return `${parts.join(' and ')} would be held together; at most ${constraint.max} of them`
}
