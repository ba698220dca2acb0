/** What an application asks with, and what it hears: the same whichever wire, or none, is behind it. Types only. Floor 6. */

/** Attributes of the thing that is asked about, plus optional `id` and `type`; what JSON can carry. */
export type Resource = Readonly<Record<string, unknown>>

/** Whom it is about: by name, or by the access token that they presented. */
export type Subject =
  | { readonly user: string; readonly tenant: string; readonly accessToken?: never }
  /** `tenant` only beside a token that is for none. */
  | { readonly accessToken: string; readonly tenant?: string; readonly user?: never }

/** @typeParam Permission the names of the policy, as `castellan codegen` writes them; any text when it is not given */
export type Question<Permission extends string = string> = Subject & {
  readonly permission: Permission
  readonly resource?: Resource
}

export interface CallOptions {
  /** Ends the wait for this call: it fails as `UnavailableError` with the code `cancelled`. */
  readonly signal?: AbortSignal
  /** In place of the client's own. Milliseconds, for the whole call with its retries. */
  readonly deadlineMs?: number
  /** Answer from this position of the order of all changes or a later one, or fail: who passes the position of a change reads its own write. */
  readonly minPosition?: number
}

export interface Decision {
  readonly allowed: boolean
  /** Stable, upper snake case (README, "Reasons"); new ones may be added. */
  readonly reason: string
  /** Absent: decided in this process, so that the service has no record of it. */
  readonly decisionId?: string
  readonly policyRevision: string
  /** Of the order of all changes: what the answer was made from. */
  readonly position: number
  /** Roles that allow; empty on a deny. */
  readonly via: readonly string[]
  /** When the last allowing assignment ends; absent when one has no end, and on a deny. */
  readonly validUntil?: Date
  /** With ASSIGNMENT_EXPIRED. */
  readonly expiredAt?: Date
  /** With NOT_YET_VALID. */
  readonly validFrom?: Date
  /** For a person: "did you mean …", or the policy's words for a condition. */
  readonly hint?: string
}

export interface HeldPermission {
  readonly permission: string
  readonly code: string
  /** Depends on the resource: ask with it. */
  readonly conditional: boolean
  readonly via: readonly string[]
}

export interface PermissionList {
  readonly permissions: readonly HeldPermission[]
  /** Why nothing can be held, when the user, the account or the tenant alone decide it. */
  readonly denied?: string
  readonly policyRevision: string
  readonly position: number
}

/**
 * Every method rejects with a `CastellanError` when nothing was decided: an error is never a deny, and a deny is no error but of `enforce`.
 * Properties, not methods: of methods TypeScript takes a client that knows few names for one that takes any.
 */
export interface Client<Permission extends string = string> {
  readonly check: (question: Question<Permission>, options?: CallOptions) => Promise<Decision>
  /** As `check`, when only yes or no matters. */
  readonly can: (question: Question<Permission>, options?: CallOptions) => Promise<boolean>
  /** As `check`; a deny rejects with `DeniedError`. */
  readonly enforce: (question: Question<Permission>, options?: CallOptions) => Promise<Decision>
  /** In the order of the questions, any number of them. Rejects when one of them could not be decided. */
  readonly checkAll: (questions: readonly Question<Permission>[], options?: CallOptions) => Promise<readonly Decision[]>
  readonly listPermissions: (subject: { readonly user: string; readonly tenant: string }, options?: CallOptions) => Promise<PermissionList>
  /** The same questions about one subject. */
  readonly for: (subject: Subject) => BoundClient<Permission>
  /** Ends what is under way with `UnavailableError`, and everything asked later. Safe to call twice. */
  readonly close: () => Promise<void>
}

/** One of several permissions asked about one subject. */
export type Wanted<Permission extends string = string> = Permission | { readonly permission: Permission; readonly resource?: Resource }

export interface BoundClient<Permission extends string = string> {
  readonly subject: Subject
  readonly check: (permission: Permission, resource?: Resource, options?: CallOptions) => Promise<Decision>
  readonly can: (permission: Permission, resource?: Resource, options?: CallOptions) => Promise<boolean>
  readonly enforce: (permission: Permission, resource?: Resource, options?: CallOptions) => Promise<Decision>
  readonly checkAll: (wanted: readonly Wanted<Permission>[], options?: CallOptions) => Promise<readonly Decision[]>
  /** @throws InvalidRequestError for a subject that is a token: ask by user and tenant */
  readonly listPermissions: (options?: CallOptions) => Promise<PermissionList>
}
