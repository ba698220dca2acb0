/** Changes to who may do what, as the wires see them. Every change is audited in its own transaction. Floor 1. */
import type { Caller, CallerRecord, Scope } from './caller.ts'
import type { Attributes } from './condition.ts'
import type { AssignmentRecord, AuditAction, AuditRecord, Page, RevisionRecord, TenantRecord, UserRecord } from './records.ts'

/** Who changes, and why. */
export interface ChangeContext {
  readonly caller: Caller
  readonly reason?: string
  readonly requestId?: string
  /** False: answered at its commit, without waiting until every replica has learned of it; absent: it waits (freshness, F1). */
  readonly wait?: boolean
}

/** `changed: false`: it was so already; the call was audited as `noop`. */
export interface Changed<T> {
  readonly record: T
  readonly changed: boolean
  readonly position: number
}

/** A change as it is answered. */
export interface Acknowledged<T> extends Changed<T> {
  /** True: no check that starts from now on is answered from before this change, on any replica (freshness, F1). */
  readonly effective: boolean
}

export interface TenantInput {
  readonly tenant: string
  /** A field left out keeps its value; on a new row it is empty. */
  readonly displayName?: string
  readonly attributes?: Attributes
}
export interface UserInput {
  readonly user: string
  readonly email?: string
  readonly displayName?: string
  readonly attributes?: Attributes
}
export interface GrantInput {
  readonly tenant: string
  readonly user: string
  readonly role: string
  /** Absent: from now, on the database's clock. */
  readonly validFromMs?: number
  readonly expiresAtMs?: number
}
export interface CallerInput {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Absent: all tenants. */
  readonly tenants?: readonly string[]
  readonly expiresAtMs?: number
}
export interface CallerRotation {
  readonly callerId: string
  /** How long the present key is good beside the new one; absent: CALLER_KEY_OVERLAP_MS. */
  readonly overlapMs?: number
}
export interface PageInput {
  readonly pageSize: number
  readonly pageToken?: string
}
export interface AuditFilter {
  readonly tenant?: string
  readonly user?: string
  readonly actor?: string
  readonly action?: AuditAction
  readonly sinceMs?: number
  readonly untilMs?: number
}

/** What reactivation found: the roles are as they were. */
export interface Reactivated extends Acknowledged<UserRecord> {
  /** Grants that ended while the account was deactivated. */
  readonly expiredMeanwhile: readonly AssignmentRecord[]
  /** Constraints of the policy that the roles in force now break, in any tenant: it can be younger than the grants. */
  readonly brokenConstraints: readonly string[]
}

export interface PolicyStatus {
  readonly revision: string
  readonly loadedAtMs: number
  readonly source: 'directory' | 'stored'
  readonly permissions: number
  readonly roles: number
  /** Faults of the files on disk, when they are newer than the revision in force and were refused. */
  readonly faults: readonly string[]
}

/** Each call is guarded by scope and tenant inside (access/guard.ts): the wires cannot forget it. */
export interface Administration {
  putTenant(context: ChangeContext, input: TenantInput): Promise<Acknowledged<TenantRecord>>
  getTenant(caller: Caller, tenant: string): Promise<TenantRecord>
  listTenants(caller: Caller, page: PageInput): Promise<Page<TenantRecord>>
  suspendTenant(context: ChangeContext, tenant: string): Promise<Acknowledged<TenantRecord>>
  resumeTenant(context: ChangeContext, tenant: string): Promise<Acknowledged<TenantRecord>>
  putUser(context: ChangeContext, input: UserInput): Promise<Acknowledged<UserRecord>>
  getUser(caller: Caller, user: string): Promise<UserRecord>
  listUsers(caller: Caller, page: PageInput): Promise<Page<UserRecord>>
  /** @throws RequestError without a reason */
  deactivateUser(context: ChangeContext, user: string): Promise<Acknowledged<UserRecord>>
  /** @throws RequestError without a reason */
  reactivateUser(context: ChangeContext, user: string): Promise<Reactivated>
  /** @throws ConstraintError when a constraint of the policy forbids it */
  grant(context: ChangeContext, input: GrantInput): Promise<Acknowledged<AssignmentRecord>>
  /** @throws NotFoundError when [tenant, user] never had an assignment of this id */
  revoke(context: ChangeContext, tenant: string, user: string, assignmentId: string): Promise<Acknowledged<AssignmentRecord>>
  /** All rows of a role that are not revoked and not over; none left: `noop`. */
  revokeRole(context: ChangeContext, tenant: string, user: string, role: string): Promise<Acknowledged<readonly AssignmentRecord[]>>
  listAssignments(caller: Caller, tenant: string, user: string, history: boolean, page: PageInput): Promise<Page<AssignmentRecord>>
  /** The key is returned once and stored only as a hash. A caller can hand out no more than it has. */
  createCaller(context: ChangeContext, input: CallerInput): Promise<Acknowledged<CallerRecord> & { readonly key: string }>
  /** As createCaller: the new key is returned once. The present one is good until `previousKeyUntilMs`. */
  rotateCaller(
    context: ChangeContext,
    input: CallerRotation,
  ): Promise<Acknowledged<CallerRecord> & { readonly key: string; readonly previousKeyUntilMs: number }>
  revokeCaller(context: ChangeContext, callerId: string): Promise<Acknowledged<CallerRecord>>
  listCallers(caller: Caller, page: PageInput): Promise<Page<CallerRecord>>
  listAudit(caller: Caller, filter: AuditFilter, page: PageInput): Promise<Page<AuditRecord>>
  policyStatus(caller: Caller): PolicyStatus
  listRevisions(caller: Caller, page: PageInput): Promise<Page<RevisionRecord>>
}
