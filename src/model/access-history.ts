/** Questions of an auditor: who could what at some time, what ends soon, which permissions nobody uses, what was decided. Floor 1. */
import type { PageInput } from './administration.ts'
import type { Caller } from './caller.ts'
import type { HolderList, HoldersQuestion, PermissionList } from './decision.ts'
import type { DecisionFilter, DecisionRecord } from './decision-record.ts'
import type { AssignmentRecord, Page } from './records.ts'

/**
 * Each call is guarded inside: scope `audit` or `administer`, and the tenant. `atMs` is on the database's clock. In the past it is what the
 * service answered then: assignments and states as they were recorded by that time, under the policy in force then. In the future it is what a
 * check will answer if nothing changes: windows that begin and end, and activations that wait for their time.
 */
export interface AccessHistory {
  /** @throws NotFoundError for a time before the first policy took force */
  listPermissionsAt(caller: Caller, user: string, tenant: string, atMs: number): Promise<PermissionList>
  /** @throws NotFoundError as above, and for a permission that was in no catalogue */
  listUsersAt(caller: Caller, question: HoldersQuestion, atMs: number): Promise<HolderList>
  /** Not revoked, in force or to come, and over within this time from now; soonest first. `tenant` absent: all that the caller may see. */
  listExpiring(
    caller: Caller,
    filter: { readonly tenant?: string; readonly withinMs: number },
    page: PageInput,
  ): Promise<Page<AssignmentRecord>>
  /** Scope `audit`. @throws NotFoundError for a role that is not in the policy, or where no decision log is kept in the database */
  reportRoleUse(caller: Caller, question: RoleUseQuestion): Promise<RoleUse>
}

export interface RoleUseQuestion {
  readonly role: string
  /** Absent: all. */
  readonly tenant?: string
  readonly days: number
}

/** Which permissions of a role its holders used, and what this rests on. */
export interface RoleUse {
  readonly role: string
  readonly tenant?: string
  readonly policyRevision: string
  /** Begin of a day of UTC, at least as many days ago as were asked for. */
  readonly fromMs: number
  readonly untilMs: number
  /** Since when the log counts, when it is later than `fromMs`: before it nothing is known. */
  readonly knownFromMs?: number
  /** The smallest share of allowed decisions that a replica kept in that time, 0 where none said: below 1 an unused permission may be a used one. */
  readonly sampled: number
  /** Decisions that the log lost in that time, in all tenants, for nobody knows in which. */
  readonly lost: number
  /** Every permission of the role, sorted. */
  readonly permissions: readonly {
    readonly permission: string
    readonly code: string
    /** Decisions that this role allowed. */
    readonly uses: number
    readonly lastUsedMs?: number
  }[]
}

/** The decision log in the database. Scope `audit`; a caller that is limited to tenants sees those. */
export interface DecisionLogReader {
  /** Newest first. @throws NotFoundError where no decision log is kept in the database */
  list(caller: Caller, filter: DecisionFilter, page: PageInput): Promise<Page<DecisionRecord>>
  /** @throws NotFoundError also for one of another tenant */
  get(caller: Caller, decisionId: string): Promise<DecisionRecord>
}
