/** Policies on their way into force: published, planned, activated, rolled back; and who answers by which. Floor 1. */
import type { ChangeContext, Changed, PageInput } from './administration.ts'
import type { Caller } from './caller.ts'
import type { PolicyBundle } from './policy.ts'
import type { PlanEvent } from './policy-plan.ts'
import type { Page, RevisionRecord } from './records.ts'

/** One policy file as its author wrote it: faults of a candidate name its lines. */
export interface PolicySourceFile {
  /** Path below the folder of the policy, with slashes. */
  readonly name: string
  readonly text: string
}

/** Who wrote a revision, why, and from which commit: free text, kept with it for ever. */
export interface RevisionOrigin {
  readonly author?: string
  readonly message?: string
  readonly sourceCommit?: string
}

export interface PublishInput extends RevisionOrigin {
  readonly files: readonly PolicySourceFile[]
}

/** What a plan is made of: files that nobody has published yet, or a stored revision. */
export type Candidate = { readonly files: readonly PolicySourceFile[] } | { readonly revision: string }

/** One line each, as `castellan policy validate` prints them. */
export interface Published extends Changed<RevisionRecord> {
  readonly warnings: readonly string[]
}

export interface ActivateInput {
  /** Whole, or a prefix of REVISION_PREFIX_CHARACTERS_MIN digits or more that only one stored revision has. */
  readonly revision: string
  /** Absent or not in the future: now. */
  readonly atMs?: number
}

export interface RollbackInput {
  readonly to?: string
  /** What is to end: when another one is in force, somebody was faster, and nothing is done. */
  readonly from?: string
}

/** An activation to come, or what became of it. */
export interface ScheduledActivation {
  readonly id: string
  readonly revision: string
  readonly activateAtMs: number
  /**
   * `missed`: nobody could carry it out in time, or somebody put another revision in force after its time: it would only surprise.
   * `refused`: its revision gives names or codes a second meaning by then.
   */
  readonly state: 'waiting' | 'done' | 'cancelled' | 'missed' | 'refused'
  readonly reason: string | null
  readonly createdBy: string
  readonly createdAtMs: number
}

/** Of the activations that wait: those whose time is there on the database's clock, soonest first, and in how many milliseconds the next one's is. */
export interface DueActivations {
  readonly waiting: number
  readonly due: readonly ScheduledActivation[]
  readonly nextInMs?: number
}

/** One line of the history: this revision was in force from then until the next line. */
export interface ActivationRecord {
  /** Grows with each activation. */
  readonly id: number
  readonly revision: string
  readonly activatedAtMs: number
  /** Id of the caller, or `system`. */
  readonly actor: string
}

export interface Activation {
  /** In force since `position`; for a time to come, what will be. */
  readonly revision: string
  /** In force until then; absent: none was, or nothing changed. */
  readonly previousRevision?: string
  readonly changed: boolean
  readonly position: number
  /** True: every replica answers by it, or by a later one. Always false for a time to come. */
  readonly effective: boolean
  /** The new row, when it is for a time to come. */
  readonly scheduled?: ScheduledActivation
  /** All activations that still wait, soonest first: one of them may end what was just begun. */
  readonly waiting: readonly ScheduledActivation[]
}

/** What one replica answers by. */
export interface ReplicaState {
  readonly id: string
  readonly startedAtMs: number
  readonly seenAtMs: number
  /** `null`: none yet. */
  readonly position: number | null
  readonly revision: string | null
  /** When this replica began to answer by `revision`, on the database's clock. */
  readonly revisionSinceMs: number | null
  readonly preparedRevision: string | null
}

/** How large the permission claim of an access token is, and in which form it travels. */
export interface ClaimSize {
  readonly permissions: number
  readonly form: 'codes' | 'bits' | 'overage'
  /** Of the claim; 0 for `overage`. */
  readonly characters: number
  /** Of the codes, whether or not they travel. */
  readonly codeCharacters: number
}

export interface PolicyBudget {
  readonly revision: string
  /** Longest claim that travels, in characters. */
  readonly charactersMax: number
  /** Distinct sets of roles that somebody holds now; at BUDGET_COMBINATIONS_COUNTED_MAX: at least so many. All else is exact however many there are. */
  readonly combinations: number
  /** Pairs of user and tenant by form. */
  readonly pairs: { readonly codes: number; readonly bits: number; readonly overage: number }
  /** The largest by codes, of equal ones the first by user and tenant; absent: nobody holds anything. */
  readonly worst?: ClaimSize & {
    /** Absent for callers that may not see people. */
    readonly user?: string
    readonly tenant: string
    readonly roles: readonly string[]
    readonly holders: number
  }
}

/** Each call is guarded by scope inside, as in `Administration`. Changes need `publish`; readers one of POLICY_READERS; people named in a plan need `administer` or `audit`. */
export interface PolicyReleases {
  /**
   * Validates, runs the candidate's own tests, holds names and codes against all that were ever in force, keeps it. Puts nothing in force.
   * The same content again changes nothing, whatever its origin says.
   * @throws PolicyError `policy_invalid` with every fault
   */
  publish(context: ChangeContext, input: PublishInput): Promise<Published>
  /** @throws NotFoundError; RequestError for an ambiguous prefix; ServiceError `conflict` where the policy folder rules; PolicyError when a name or code would get a second meaning */
  activate(context: ChangeContext, input: ActivateInput): Promise<Activation>
  /**
   * A new activation of the revision in force before the present one, or of `to`. Rolling back again goes back further, never forth.
   * @throws as `activate`; ServiceError `conflict` when there is none before, or `from` is not in force
   */
  rollback(context: ChangeContext, input: RollbackInput): Promise<Activation>
  /** @throws NotFoundError; ServiceError `conflict` when it is done or was cancelled */
  cancel(context: ChangeContext, scheduledId: string): Promise<ScheduledActivation>
  listActivations(caller: Caller, page: PageInput): Promise<Page<ActivationRecord>>
  listScheduled(caller: Caller): Promise<readonly ScheduledActivation[]>
  /** @param revision whole or a prefix, or `active` */
  getRevision(caller: Caller, revision: string): Promise<RevisionRecord & { readonly bundle: PolicyBundle }>
  listReplicas(caller: Caller): Promise<readonly ReplicaState[]>
  /** Every role that a row in force or to come names, also those of no policy; sorted. */
  listLiveRoles(caller: Caller): Promise<readonly string[]>
  /** By bit. */
  listIndex(caller: Caller): Promise<readonly { readonly bit: number; readonly name: string; readonly code: string }[]>
  budget(caller: Caller, signal: AbortSignal): Promise<PolicyBudget>
  /** One at a time a process: a further one is `overloaded`. Ends early with the signal. @param people whether to name users and tenants */
  plan(caller: Caller, candidate: Candidate, people: boolean, signal: AbortSignal): AsyncIterable<PlanEvent>
}
