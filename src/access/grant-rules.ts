/** Which grants a policy allows: the rules alone, on what is held and what is wanted. Changes nothing. Pure. Floor 3. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { ConstraintError, RequestError } from '../model/error-code.ts'
import { ASSIGNMENTS_PER_PAIR_MAX } from '../model/limits.ts'
import type { RoleEntry } from '../model/policy.ts'
import { findNewBreach, type RoleWindow } from './constraints.ts'

/** @throws RequestError for a window that is empty or over */
export function requireWindow(wanted: RoleWindow, nowMs: number): void {
  if (wanted.expiresAtMs === null) return
  if (wanted.expiresAtMs <= wanted.validFromMs) {
    throw new RequestError([{ field: 'expiresAt', message: 'must be later than validFrom' }])
  }
  if (wanted.expiresAtMs <= nowMs) {
    throw new RequestError([
      { field: 'expiresAt', message: `must lie in the future; the database's clock says ${new Date(nowMs).toISOString()}` },
    ])
  }
}

/**
 * @param live what the same user holds in the tenant, in force or to come
 * @throws RequestError for a role in no bundle
 * @throws ConstraintError when the policy forbids it, naming the constraint and what collides
 */
export function requireAllowedByPolicy(
  policy: CompiledPolicy,
  tenant: string,
  live: readonly RoleWindow[],
  wanted: RoleWindow,
  nowMs: number,
): void {
  const role = policy.findRole(wanted.role)
  if (role === undefined) throw unknownRole(policy, wanted.role)
  requireTemporary(role, wanted)
  if (live.length >= ASSIGNMENTS_PER_PAIR_MAX) {
    throw new ConstraintError('assignments-per-pair', `A user holds at most ${ASSIGNMENTS_PER_PAIR_MAX} assignments in one tenant.`)
  }
  const breach = findNewBreach(policy, tenant, live, wanted, Math.max(nowMs, wanted.validFromMs))
  if (breach === undefined) return
  throw new ConstraintError(
    breach.constraint,
    `Constraint "${breach.constraint}": ${breach.message}, from ${new Date(breach.atMs).toISOString()}.`,
    'Revoke one of them first, or choose windows that do not overlap.',
  )
}

function requireTemporary(role: RoleEntry, wanted: RoleWindow): void {
  if (role.assignable !== 'temporary') return
  if (wanted.expiresAtMs === null) {
    throw new ConstraintError('temporary-only', `The role "${role.name}" is given only for a time: expiresAt is required.`)
  }
  if (role.maxGrantMs === undefined || wanted.expiresAtMs - wanted.validFromMs <= role.maxGrantMs) return
  throw new ConstraintError(
    'temporary-only',
    `The role "${role.name}" is given for at most ${role.maxGrantMs / 60_000} minutes at a time.`,
    `The latest expiresAt for this validFrom is ${new Date(wanted.validFromMs + role.maxGrantMs).toISOString()}.`,
  )
}

export function unknownRole(policy: CompiledPolicy, role: string): RequestError {
  const near = policy.suggestRole(role)
  const message = 'is no role of the policy in force'
  return new RequestError([{ field: 'role', message: near === undefined ? message : `${message}; did you mean "${near}"?` }])
}
