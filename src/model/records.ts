/** Rows as administration sees them. Times are the database's, in milliseconds since the epoch. Floor 1. */
import type { Assignment } from './access-state.ts'
import type { Attributes } from './condition.ts'

export interface TenantRecord {
  readonly id: string
  readonly displayName: string | null
  readonly state: 'active' | 'suspended'
  readonly attributes: Attributes
  readonly createdAtMs: number
}

export interface UserRecord {
  readonly id: string
  readonly email: string | null
  readonly displayName: string | null
  readonly attributes: Attributes
  /** `invited`: has not logged in yet. Only an active account may do anything. */
  readonly state: 'active' | 'deactivated' | 'invited'
  /** Raised by deactivation and by reactivation: nothing issued before is ever revived (identity, "States"). */
  readonly epoch: number
  readonly stateReason: string | null
  /** When the state last changed; for a new row, when it was created. */
  readonly stateChangedAtMs: number
  readonly createdAtMs: number
}

export interface AssignmentRecord extends Assignment {
  readonly tenant: string
  readonly user: string
  readonly reason: string | null
  readonly createdAtMs: number
  readonly createdBy: string
  readonly revokedAtMs: number | null
  readonly revokedBy: string | null
}

export const AUDIT_ACTIONS = [
  'tenant.put',
  'tenant.suspend',
  'tenant.resume',
  'user.put',
  'user.deactivate',
  'user.reactivate',
  'assignment.grant',
  'assignment.revoke',
  'caller.create',
  'caller.revoke',
  'caller.rotate',
  'user.invite',
  'user.sign-up',
  'user.log-out',
  'login.succeed',
  'login.refuse',
  'session.refresh',
  'session.end',
  'session.exchange',
  'token.issue',
  'client.put',
  'client.revoke',
  'key.create',
  'key.activate',
  'key.retire',
  'key.reseal',
  'policy.publish',
  'policy.schedule',
  'policy.cancel',
  'policy.activate',
] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

export interface AuditRecord {
  /** Grows with each record; a page token, not a proof of order. */
  readonly id: number
  readonly atMs: number
  readonly action: AuditAction
  /** `noop`: the state was already so. `refused`: somebody tried, and it was not done. */
  readonly result: 'applied' | 'noop' | 'refused'
  /** Id of the caller, or `system`. */
  readonly actor: string
  readonly actorName: string
  readonly tenant: string | null
  readonly user: string | null
  /** Id of the assignment, caller or revision, where there is one. */
  readonly target: string | null
  readonly reason: string | null
  readonly before: unknown
  readonly after: unknown
  readonly position: number | null
  readonly requestId: string | null
}

export interface RevisionRecord {
  readonly revision: string
  readonly createdAtMs: number
  /** The folder it was read from, or `published`. */
  readonly source: string
  /** What its publisher said; `null` for one that came from a folder. */
  readonly author: string | null
  readonly message: string | null
  readonly sourceCommit: string | null
  /** Id of the caller. */
  readonly publishedBy: string | null
  /** Latest activation, if any. */
  readonly activatedAtMs: number | null
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextPageToken?: string
}
