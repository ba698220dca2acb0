/** What one statement reads about [user, tenant]: all a decision needs beside the policy. Floor 1. */
import type { Attributes } from './condition.ts'

export interface Assignment {
  readonly id: string
  readonly role: string
  /** Database clock, milliseconds since the epoch; in force from this instant … */
  readonly validFromMs: number
  /** … until just before this one (half-open); `null` is without end. */
  readonly expiresAtMs: number | null
}

/** Where what a decision was made from was found. */
export type Level = 'memory' | 'redis' | 'store'

export interface AccessState {
  /** Feed position read in the same statement as the rows below: they are as of this one (`asOf` in the freshness design). */
  readonly position: number
  /** Feed position at which the policy in force at that moment was activated; 0 before the first one. */
  readonly policyPosition: number
  /** The database's time of the read: not before the commit of anything that was read. */
  readonly readAtMs: number
  readonly tenant: { readonly suspended: boolean; readonly attributes: Attributes } | undefined
  readonly user: { readonly deactivated: boolean; readonly attributes: Attributes; readonly epoch: number } | undefined
  /** Not revoked: all in force or to come, and the latest expired ones. Sorted by id. */
  readonly assignments: readonly Assignment[]
}

/** The next instant, on the database's clock, at which a window begins or ends: until then the state holds as it was read. */
export function nextEdgeMs(state: AccessState): number {
  let edgeMs = Number.POSITIVE_INFINITY
  for (const { validFromMs, expiresAtMs } of state.assignments) {
    if (validFromMs > state.readAtMs) edgeMs = Math.min(edgeMs, validFromMs)
    else if (expiresAtMs !== null && expiresAtMs > state.readAtMs) edgeMs = Math.min(edgeMs, expiresAtMs)
  }
  return edgeMs
}

export function inForce(assignment: Pick<Assignment, 'validFromMs' | 'expiresAtMs'>, nowMs: number): boolean {
  return assignment.validFromMs <= nowMs && (assignment.expiresAtMs === null || nowMs < assignment.expiresAtMs)
}
