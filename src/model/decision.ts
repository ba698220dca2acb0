/** Questions about access and their answers. Floor 1. */
import type { AccessState, Level } from './access-state.ts'
import type { Caller } from './caller.ts'
import type { CompiledPolicy } from './compiled-policy.ts'
import type { Attributes } from './condition.ts'

export type AllowReason = 'ROLE' | 'TEMPORARY_GRANT'
export type DenyReason =
  | 'UNKNOWN_PERMISSION'
  | 'UNKNOWN_TENANT'
  | 'UNKNOWN_USER'
  | 'TENANT_SUSPENDED'
  | 'ACCOUNT_DEACTIVATED'
  | TokenReason
  | 'PERMISSION_DISABLED'
  | 'NO_ASSIGNMENT'
  | 'ROLE_LACKS_PERMISSION'
  | 'ASSIGNMENT_EXPIRED'
  | 'NOT_YET_VALID'
  | 'RESOURCE_REQUIRED'
  | 'ATTRIBUTE_MISSING'
  | 'CONDITION_FAILED'
  | 'VARIABLE_UNSET'
/** What is wrong with an access token itself; TOKEN_REVOKED says that it was good, and its session or account is not any more. */
export type TokenRefusal = 'TOKEN_INVALID' | 'TOKEN_EXPIRED'
export type TokenReason = TokenRefusal | 'TOKEN_REVOKED'
export type Reason = AllowReason | DenyReason

/** All of them; a new one does not compile until it stands here. */
export const REASONS = Object.keys({
  ROLE: true,
  TEMPORARY_GRANT: true,
  UNKNOWN_PERMISSION: true,
  UNKNOWN_TENANT: true,
  UNKNOWN_USER: true,
  TENANT_SUSPENDED: true,
  ACCOUNT_DEACTIVATED: true,
  TOKEN_INVALID: true,
  TOKEN_EXPIRED: true,
  TOKEN_REVOKED: true,
  PERMISSION_DISABLED: true,
  NO_ASSIGNMENT: true,
  ROLE_LACKS_PERMISSION: true,
  ASSIGNMENT_EXPIRED: true,
  NOT_YET_VALID: true,
  RESOURCE_REQUIRED: true,
  ATTRIBUTE_MISSING: true,
  CONDITION_FAILED: true,
  VARIABLE_UNSET: true,
} satisfies Record<Reason, true>) as readonly Reason[]

export interface CheckQuestion {
  readonly user: string
  readonly tenant: string
  /** Full name or code. */
  readonly permission: string
  /** Attributes, plus optional `id` and `type`. */
  readonly resource?: Attributes
  /** Answer from a state at least this fresh, or fail (freshness, F3). */
  readonly minPosition?: number
}

/** In place of user and tenant: an access token says who asks, and for which tenant. */
export type ByToken<Question extends { readonly user: string; readonly tenant: string }> = Omit<Question, 'user' | 'tenant'> & {
  readonly accessToken: string
  /** Only beside a token that is for none. */
  readonly tenant?: string
  /** Whom the answer is for: a caller that is limited to tenants is so here too. */
  readonly heldTo: Pick<Caller, 'tenants'>
}
/** What an access token stood for when it was looked at. */
export interface TokenStanding {
  /** Of the account when the session began. */
  readonly epoch: number
  readonly sessionLive: boolean
}

/** The rule's answer, before it is stamped. */
export interface Verdict {
  readonly allowed: boolean
  readonly reason: Reason
  /** Roles that allow, sorted; empty on a deny. */
  readonly via: readonly string[]
  /** Allow only: the instant at which the last allowing assignment ends; absent when one of them has no end. */
  readonly validUntilMs?: number
  /** ASSIGNMENT_EXPIRED: when. */
  readonly expiredAtMs?: number
  /** NOT_YET_VALID: from when. */
  readonly validFromMs?: number
  /** For a person: "did you mean …", or the text a role gives with its condition. */
  readonly hint?: string
}

/** What a decision was made from, by reference: records are built from it after the answer. No wire carries it. */
export interface DecisionBasis {
  /** Whom the question named or the token proved; absent: a token that proves nobody. */
  readonly user?: string
  readonly tenant?: string
  /** As asked: full names or codes. */
  readonly permissions: readonly string[]
  readonly resource?: Attributes
  readonly policy: CompiledPolicy
  /** Absent with `user`. */
  readonly found?: { readonly value: AccessState; readonly level: Level }
}

export interface Decision extends Verdict {
  readonly decisionId: string
  readonly policyRevision: string
  /** Feed position the answer was made from. */
  readonly position: number
  readonly basis: DecisionBasis
}

export interface PermissionsQuestion {
  readonly user: string
  readonly tenant: string
  readonly permissions: readonly string[]
  readonly minPosition?: number
}
/** No resource can be given here, so a conditional permission is a deny: ask Check. */
export interface PermissionsAnswer {
  readonly allowed: readonly boolean[]
  /** Why nothing can be allowed, when the token, the account, the tenant or the user alone decide it. */
  readonly denied?: DenyReason
  readonly decisionId: string
  readonly policyRevision: string
  readonly position: number
  readonly basis: DecisionBasis
}

export interface HeldPermission {
  readonly permission: string
  readonly code: string
  /** True: depends on the resource; ask Check with it. */
  readonly conditional: boolean
  readonly via: readonly string[]
}
export interface PermissionList {
  readonly permissions: readonly HeldPermission[]
  /** Why nothing can be held, when account, tenant or user alone decide it. */
  readonly denied?: DenyReason
  readonly policyRevision: string
  readonly position: number
}

export interface PermissionHolder {
  readonly user: string
  readonly conditional: boolean
  readonly via: readonly string[]
}
export interface HolderList {
  readonly users: readonly PermissionHolder[]
  readonly nextPageToken?: string
  readonly policyRevision: string
  readonly position: number
}
export interface HoldersQuestion {
  readonly tenant: string
  readonly permission: string
  readonly pageSize: number
  readonly pageToken?: string
}

/** One assignment tried by Explain. */
export interface TriedGrant {
  readonly assignmentId: string
  readonly role: string
  readonly window: 'IN_FORCE' | 'EXPIRED' | 'NOT_YET_VALID'
  readonly validFromMs: number
  readonly expiresAtMs?: number
  readonly outcome:
    | 'GRANTS'
    | 'ROLE_UNKNOWN'
    | 'ROLE_LACKS_PERMISSION'
    | 'RESOURCE_REQUIRED'
    | 'ATTRIBUTE_MISSING'
    | 'CONDITION_FAILED'
    | 'VARIABLE_UNSET'
  /** First failing condition, such as `lastCoderId.$ne`. */
  readonly failedAt?: string
  /** The policy's own words for the condition. */
  readonly conditionReason?: string
}
export interface Explanation {
  readonly decision: Decision
  /** Full name, when the permission is known. */
  readonly permission?: string
  readonly code?: string
  readonly tenantState: 'UNKNOWN' | 'ACTIVE' | 'SUSPENDED'
  readonly accountState: 'UNKNOWN' | 'ACTIVE' | 'DEACTIVATED'
  readonly tried: readonly TriedGrant[]
  /** Roles that would allow with this resource; only for callers with scope `administer`. */
  readonly wouldAllowWith?: readonly string[]
}

/** The PDP as its wires see it. An access token where none is accepted is a RequestError. Signals abort waiting: the answer is then `cancelled` or `deadline_exceeded`, never a deny. */
export interface DecisionPoint {
  /**
   * `recall…`: the answer, where all that it needs lies in memory and holds at this moment; `undefined`: ask the question of the same name. Never
   * waits. @throws RequestError as that one
   */
  recallCheck(question: CheckQuestion): Decision | undefined
  /** All items or none. */
  recallBatch(questions: readonly CheckQuestion[]): readonly (Decision | Error)[] | undefined
  recallPermissions(question: PermissionsQuestion): PermissionsAnswer | undefined
  check(question: CheckQuestion | ByToken<CheckQuestion>, signal: AbortSignal): Promise<Decision>
  /** In order. One item's failure is that item's: an error stands where its decision would. */
  checkBatch(questions: readonly (CheckQuestion | ByToken<CheckQuestion>)[], signal: AbortSignal): Promise<readonly (Decision | Error)[]>
  checkPermissions(question: PermissionsQuestion | ByToken<PermissionsQuestion>, signal: AbortSignal): Promise<PermissionsAnswer>
  listPermissions(user: string, tenant: string, signal: AbortSignal): Promise<PermissionList>
  /** @throws NotFoundError for a permission that is in no catalogue (with "did you mean"). */
  listUsers(question: HoldersQuestion, signal: AbortSignal): Promise<HolderList>
  explain(question: CheckQuestion | ByToken<CheckQuestion>, privileged: boolean, signal: AbortSignal): Promise<Explanation>
}
