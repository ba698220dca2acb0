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

export interface AccessState {
  /** Feed position read in the same statement as the rows below. */
  readonly position: number
  /** The database's time of the read. */
  readonly readAtMs: number
  readonly tenant: { readonly suspended: boolean; readonly attributes: Attributes } | undefined
  readonly user: { readonly deactivated: boolean; readonly attributes: Attributes; readonly epoch: number } | undefined
  /** Not revoked: all in force or to come, and the latest expired ones. Sorted by id. */
  readonly assignments: readonly Assignment[]
}

export function inForce(assignment: Pick<Assignment, 'validFromMs' | 'expiresAtMs'>, nowMs: number): boolean {
  return assignment.validFromMs <= nowMs && (assignment.expiresAtMs === null || nowMs < assignment.expiresAtMs)
}
