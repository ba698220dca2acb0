/** What a run of chaos records and what really happened: the words in which judge.ts judges. */

/** What a change does to who may do what. Windows are on the database's clock. */
export type Effect =
  | {
      readonly kind: 'grant'
      readonly tenant: string
      readonly user: string
      readonly id: string
      readonly role: string
      readonly validFromMs: number
      readonly expiresAtMs: number | null
    }
  | { readonly kind: 'revoke'; readonly tenant: string; readonly user: string; readonly id: string }
  /** `epoch`: from then on; absent: as before. */
  | { readonly kind: 'account'; readonly user: string; readonly deactivated: boolean; readonly epoch?: number }
  | { readonly kind: 'tenant'; readonly tenant: string; readonly suspended: boolean }
  | { readonly kind: 'policy'; readonly revision: string }
  | { readonly kind: 'key'; readonly caller: string; readonly valid: boolean }
  /** A session of a person ended; that it began takes no position. */
  | { readonly kind: 'session-end'; readonly session: string }
  | { readonly kind: 'signing-key'; readonly kid: string; readonly published: boolean }

/** A change that was committed, at its place in the order of all changes. */
export interface Change {
  readonly position: number
  /** Monotonic; it was not committed before. */
  readonly startedAt: number
  readonly effects: readonly Effect[]
}

/** A change, or one that changed nothing, was answered: everything up to `position` is committed. */
export interface Acknowledgement {
  /** Monotonic; when the answer was in hand. */
  readonly at: number
  readonly position: number
  /** Whether it promised that no replica answers from before. */
  readonly effective: boolean
}

export interface Answer {
  readonly kind: 'answer'
  readonly allowed: boolean
  readonly reason: string
  readonly position: number
  readonly policyRevision: string
}

/** No decision was made. */
export interface Failure {
  readonly kind: 'failure'
  /** An error code of the service; `connection`: nothing came from it; `given-up`: the asker's own deadline. */
  readonly code: string
  /** Whether it said when to try again. */
  readonly retryAfter: boolean
}

/** Of an access token, all that it stands and falls with, beside its user. */
export interface TokenRoots {
  readonly session: string
  /** Of the account, when the session began. */
  readonly epoch: number
  /** Of the key that signed it. */
  readonly kid: string
}

/** `local`: a client with local checks, whoever decided in the end. */
export type Wire = 'grpc' | 'stream' | 'http' | 'local'

/** One question and what came of it. Times are of the asker's monotonic clock: taken before sending, and after the answer was in hand. */
export interface Check {
  readonly startedAt: number
  readonly endedAt: number
  readonly replica: string
  readonly wire: Wire
  /** Decided by the asker itself, from what may be this much older than an answer of a replica, in milliseconds. */
  readonly staleMs?: number
  /** When it did, as the clock that it decided by said last: it is held to its bound at this moment, not from when it was asked. */
  readonly decidedAt?: number
  readonly tenant: string
  readonly user: string
  readonly permission: string
  readonly minPosition?: number
  /** Whose key was presented, where that key comes and goes. */
  readonly caller?: string
  /** What the question named in place of the user: it was asked after the session had begun. */
  readonly token?: TokenRoots
  readonly outcome: Answer | Failure
}

/** The database's time is the monotonic time plus something between these two. */
export interface ClockOffset {
  readonly leastMs: number
  readonly mostMs: number
}

/** Nothing fresh could be known: not a single decision may be made. */
export interface Outage {
  readonly from: number
  readonly until: number
}

/** Permissions by role. */
export type Roles = ReadonlyMap<string, ReadonlySet<string>>

export interface History {
  /** Of the promises: the freshness bound, in milliseconds. */
  readonly boundMs: number
  readonly changes: readonly Change[]
  readonly acknowledgements: readonly Acknowledgement[]
  readonly checks: readonly Check[]
  readonly policies: ReadonlyMap<string, Roles>
  readonly offset: ClockOffset
  readonly outages: readonly Outage[]
}
