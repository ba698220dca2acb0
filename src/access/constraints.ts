/** Would these assignments, held together, break a constraint? Overlapping windows are counted instant by instant. Pure. Floor 3. */
import { type Assignment, inForce } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { Constraint } from '../model/policy.ts'

export type RoleWindow = Pick<Assignment, 'role' | 'validFromMs' | 'expiresAtMs'>

export interface Breach {
  readonly constraint: string
  /** For a person, naming what collides. */
  readonly message: string
  /** First instant at which it would be broken, milliseconds since the epoch. */
  readonly atMs: number
}

/**
 * The first breach at or after `fromMs` that `wanted` brings about beside `held`, or `undefined`.
 * What was broken before (a constraint can be younger than the grants) does not stop a grant that makes it no worse.
 */
export function findNewBreach(
  policy: CompiledPolicy,
  tenant: string,
  held: readonly RoleWindow[],
  wanted: RoleWindow,
  fromMs: number,
): Breach | undefined {
  return search(policy, tenant, [...held, wanted], fromMs, (constraint, atMs, size) => {
    const before = collision(policy, constraint, rolesAt(held, atMs))
    return size > before.length
  })
}

/** The first breach at or after `fromMs` of all these together, or `undefined`. */
export function findBreach(policy: CompiledPolicy, tenant: string, held: readonly RoleWindow[], fromMs: number): Breach | undefined {
  return search(policy, tenant, held, fromMs, () => true)
}

/** Every constraint that these break together at `atMs`, in the policy's order. */
export function findBreaches(policy: CompiledPolicy, tenant: string, held: readonly RoleWindow[], atMs: number): readonly Breach[] {
  const roles = rolesAt(held, atMs)
  return policy.constraintsFor(tenant).flatMap((constraint) => breachOf(policy, constraint, roles, atMs) ?? [])
}

/** What is held changes only where a window begins or ends, and grows only where one begins: those instants are looked at. */
function search(
  policy: CompiledPolicy,
  tenant: string,
  held: readonly RoleWindow[],
  fromMs: number,
  counts: (constraint: Constraint, atMs: number, size: number) => boolean,
): Breach | undefined {
  const constraints = policy.constraintsFor(tenant)
  if (constraints.length === 0) return undefined
  const instants = new Set([fromMs, ...held.map((window) => Math.max(fromMs, window.validFromMs))])
  for (const atMs of [...instants].sort((a, b) => a - b)) {
    const roles = rolesAt(held, atMs)
    for (const constraint of constraints) {
      const breach = breachOf(policy, constraint, roles, atMs, (size) => counts(constraint, atMs, size))
      if (breach !== undefined) return breach
    }
  }
  return undefined
}

function breachOf(
  policy: CompiledPolicy,
  constraint: Constraint,
  roles: readonly string[],
  atMs: number,
  counts: (size: number) => boolean = () => true,
): Breach | undefined {
  const parts = collision(policy, constraint, roles)
  if (parts.length <= constraint.max || !counts(parts.length)) return undefined
  return { constraint: constraint.id, message: breachMessage(constraint, parts), atMs }
}

/** @param parts what is held together, in words */
export function breachMessage(constraint: Constraint, parts: readonly string[]): string {
  const bound = constraint.type === 'max-roles-per-tenant' ? `${constraint.max} role(s) a tenant` : `${constraint.max} of them`
  return `${parts.join(' and ')} would be held together; at most ${bound}`
}

function rolesAt(held: readonly RoleWindow[], atMs: number): readonly string[] {
  return [...new Set(held.filter((window) => inForce(window, atMs)).map((window) => window.role))].sort()
}

/** What of a constraint these roles hold, in words: one part each. */
function collision(policy: CompiledPolicy, constraint: Constraint, roles: readonly string[]): readonly string[] {
  if (constraint.type === 'max-roles-per-tenant') return roles
  const set = policy.roleSet(roles)
  return constraint.permissions.flatMap((permission) => {
    const by = [...new Set(set.waysTo(permission).map((way) => way.role))]
    return by.length === 0 ? [] : [`${permission} (by ${by.join(', ')})`]
  })
}
