/** What the rest of the house asks of storage. Every fault of the database surfaces as StoreError; driver texts stay inside. Floor 2. */
import type { AccessState, Assignment } from '../model/access-state.ts'
import type { AuditFilter, PageInput } from '../model/administration.ts'
import type { CallerReading, CallerRecord } from '../model/caller.ts'
import type { Attributes } from '../model/condition.ts'
import type { ActivationRecord, DueActivations, RevisionOrigin, ScheduledActivation } from '../model/policy-release.ts'
import type { AssignmentRecord, AuditRecord, Page, RevisionRecord, TenantRecord, UserRecord } from '../model/records.ts'
import type { AuditTrailStore } from './audit-ports.ts'
import type { DecisionLogWriter } from './decision-log-ports.ts'
import type { DecisionLogTable, HistoryReader } from './history-ports.ts'
import type { IdentityReader, IdentityTransaction } from './identity-ports.ts'

/** The way of a check ends here. */
export interface AccessReader {
  /** All a decision on [tenant, user] needs, by ONE statement; `asOf` position and rows are of one snapshot. */
  resolve(tenant: string, user: string): Promise<AccessState>
  /**
   * Users with at least one assignment in force of one of `roles`, in byte order after `afterUser`; active accounts only.
   * `tenant` state and position come from the same statement. A suspended or unknown tenant has no holders.
   */
  listHolders(tenant: string, roles: readonly string[], afterUser: string | undefined, limit: number): Promise<Holders>
}
export interface Holders {
  readonly position: number
  readonly policyPosition: number
  readonly tenant: { readonly suspended: boolean; readonly attributes: Attributes } | undefined
  readonly holders: readonly Holder[]
}
export interface Holder {
  readonly user: string
  readonly attributes: Attributes
  /** Distinct, sorted; only roles that were asked for and are in force. */
  readonly roles: readonly string[]
}

/** Reads for administration; each a statement of its own. Pages go in byte order of the id, audit newest first. */
export interface RecordReader {
  findTenant(tenant: string): Promise<TenantRecord | undefined>
  /** `tenants`: only these (a limited caller); `null`: all. */
  listTenants(tenants: readonly string[] | null, page: PageInput): Promise<Page<TenantRecord>>
  findUser(user: string): Promise<UserRecord | undefined>
  listUsers(page: PageInput): Promise<Page<UserRecord>>
  /** Without `history`: not revoked and not over. */
  listAssignments(tenant: string, user: string, history: boolean, page: PageInput): Promise<Page<AssignmentRecord>>
  /** By SHA-256 of the key; only a caller that is neither revoked nor expired on the database's clock. Position and time as in AccessState. */
  findCallerByKeyHash(keyHash: Uint8Array): Promise<CallerReading>
  listCallers(page: PageInput): Promise<Page<CallerRecord>>
  /** `tenants`: only records of these tenants (a limited caller); `null`: all. */
  listAudit(filter: AuditFilter, tenants: readonly string[] | null, page: PageInput): Promise<Page<AuditRecord>>
  listRevisions(page: PageInput): Promise<Page<RevisionRecord>>
  /** Canonical JSON. */
  findRevision(revision: string): Promise<string | undefined>
  /** At most two: more than one means that the prefix does not say which. */
  findRevisionsByPrefix(prefix: string): Promise<readonly RevisionRecord[]>
  /** Newest first. */
  listActivations(page: PageInput): Promise<Page<ActivationRecord>>
  /** Those that wait, soonest first. */
  listScheduled(): Promise<readonly ScheduledActivation[]>
  listDue(): Promise<DueActivations>
}

/** One pair of user and tenant with everything it holds now or will hold; what a plan looks at. */
export interface LivePair {
  readonly tenant: string
  readonly user: string
  readonly tenantSuspended: boolean
  readonly tenantAttributes: Attributes
  /** Only an active account may do anything. */
  readonly userActive: boolean
  readonly userAttributes: Attributes
  /** Not revoked and not over; sorted by id. */
  readonly assignments: readonly Assignment[]
}
export interface LivePairs {
  readonly position: number
  /** The database's time of the read. */
  readonly readAtMs: number
  readonly pairs: readonly LivePair[]
}
/** All roles that an active account has in force in an active tenant; sorted, each once, at least one. */
export interface HeldSet {
  readonly user: string
  readonly tenant: string
  readonly roles: readonly string[]
}
export interface HeldSets {
  readonly sets: readonly HeldSet[]
  /** Where the next page begins; absent: this was the last one. A page can be empty and not the last. */
  readonly next: Pick<HeldSet, 'user' | 'tenant'> | undefined
}

/** Who holds what, read in bulk for plans and budgets; each call one statement that costs what it brings. */
export interface ImpactReader {
  /** Rows of `roles` that are not revoked and not over: at least the number of pairs to look at. */
  countLive(roles: readonly string[]): Promise<number>
  /** Every role that a live row names, also those of no policy; sorted. */
  listLiveRoles(): Promise<readonly string[]>
  /** Pairs with a live row of `role`, by tenant and user in byte order, after `after`; each with all its live rows. */
  listLivePairs(role: string, after: { readonly tenant: string; readonly user: string } | undefined, limit: number): Promise<LivePairs>
  /** By user and tenant in byte order, each pair once. @param rowsMax live rows to read, not pairs */
  listHeldSets(after: HeldSets['next'], rowsMax: number): Promise<HeldSets>
}

/** @typeParam Id by what users and tenants are named */
export type FeedChange<Id = string> =
  | { readonly kind: 'assignment'; readonly tenant: Id; readonly user: Id }
  | { readonly kind: 'user'; readonly user: Id }
  | { readonly kind: 'tenant'; readonly tenant: Id }
  | { readonly kind: 'caller'; readonly caller: string }
  /** A revision can be had from the store: replicas prepare it. Changes nobody's access. */
  | { readonly kind: 'revision'; readonly revision: string }
  /** A revision took force, at this very position. */
  | { readonly kind: 'policy'; readonly revision: string }

export type FeedEntry = FeedChange & {
  readonly position: number
  /** The database's time at which it was written, before its commit. */
  readonly atMs: number
}

/** What a replica has applied; written to its row by the very statement that reads the feed. */
export interface ReplicaReport {
  /** Absent: nothing yet. The reading then has the head and no changes. */
  readonly knownPosition?: number
  readonly policyRevision?: string
  readonly preparedRevision?: string
}

export interface FeedReading {
  /** False: this replica has no row (never had, or was taken for dead): nobody waits for it, so it must not answer from memory. */
  readonly registered: boolean
  /** Another one than before: the database was restored, and nothing learnt from it holds. */
  readonly incarnation: string
  readonly head: number
  /** Changes up to here may have been removed from the feed. */
  readonly prunedThrough: number
  /** The database's time, taken while the statement ran. */
  readonly atMs: number
  /** Tells what was written at the known position from what another timeline put there; absent when it is not in the feed (any more). */
  readonly mark?: string
  /** The mark at `through`: what the next reading should find. */
  readonly throughMark?: string
  /** All of the positions after the known one up to `through`, in order. A `policy` without a revision (of an older process) is left out: see `policy`. */
  readonly changes: readonly FeedEntry[]
  /** At most FEED_POSITIONS_READ_MAX after the known position; the head when all was read. */
  readonly through: number
  /** The policy in force at `head`. */
  readonly policy?: { readonly revision: string; readonly position: number }
  /** 32 bytes that all replicas share and Redis does not know; a new incarnation has new ones. */
  readonly cacheSecret: Uint8Array
}

/** The feed as one replica follows it. On PostgreSQL it has a connection of its own, so that it never queues behind checks. */
export interface FeedReader {
  /** Writes this replica's row; committed when it resolves. Again: the row is as new. */
  register(): Promise<void>
  /** ONE statement, of one snapshot. @throws StoreError, also when it took longer than FEED_READ_TIMEOUT_MS */
  read(report: ReplicaReport): Promise<FeedReading>
  /** The last position older than this on the database's clock, or `prunedThrough` when that is higher. */
  findPositionBefore(ageMs: number): Promise<number>
  /** Marks the database as restored, unless that was done already: a new incarnation and a new secret. */
  renewIncarnation(old: string): Promise<void>
  /** Removes this replica's row: nobody waits for it any more. */
  unregister(): Promise<void>
}

/** The row of a replica. */
export interface ReplicaRecord {
  readonly id: string
  /** Grows with every reading of the feed; one that stands still for long belongs to a dead replica. */
  readonly beat: number
  readonly knownPosition: number | null
  readonly policyRevision: string | null
  /** Since when the replica reports `policyRevision`. */
  readonly policySinceMs: number | null
  readonly preparedRevision: string | null
  readonly startedAtMs: number
  readonly seenAtMs: number
}

export interface ReplicaRegistry {
  /** By id. */
  list(): Promise<readonly ReplicaRecord[]>
  /** Removes the row unless its beat has moved on. */
  remove(id: string, beat: number): Promise<void>
}

/** Wakes followers of the feed early. Losing a ring costs only the wait for the next reading. */
export interface Doorbell {
  /** Never throws, never waits. */
  ring(): void
  /** Replaces the listener. */
  onRing(listener: () => void): void
}

/** What a change rests on, of one snapshot. */
export interface ChangeStanding {
  /** Not over, and not revoked but by this very transaction; true when no caller was named. */
  readonly callerInForce: boolean
  /** In force at the head; absent: none is. */
  readonly policy?: { readonly revision: string; readonly position: number }
}

/** What happens inside one transaction. Lock order: tenant, user, feed head (freshness, "The feed"), and after all others the head of an audit chain. */
export interface ChangeTransaction {
  /** People who log in. */
  readonly identity: IdentityTransaction
  /** The database's time at this moment, milliseconds: after a wait for a lock it is later than the transaction's start. */
  nowMs(): Promise<number>
  /** Locks the row against other changes until the end of the transaction; two changes of one row wait for each other. */
  lockTenant(tenant: string): Promise<TenantRecord | undefined>
  lockUser(user: string): Promise<UserRecord | undefined>
  /** Inserts the row unless it is there, then locks it. Twenty at once: all succeed, one inserts. */
  ensureTenant(tenant: string): Promise<{ readonly record: TenantRecord; readonly created: boolean }>
  ensureUser(user: string): Promise<{ readonly record: UserRecord; readonly created: boolean }>
  updateTenant(record: TenantRecord): Promise<void>
  updateUser(record: UserRecord, stateReason: string | null): Promise<void>
  /** Not revoked and not over at `nowMs`, of this pair, sorted by id. */
  listLiveAssignments(tenant: string, user: string, nowMs: number): Promise<readonly AssignmentRecord[]>
  /** Assignments of this user, in any tenant, not revoked, whose end lies in [fromMs, untilMs). */
  listEndedAssignments(user: string, fromMs: number, untilMs: number): Promise<readonly AssignmentRecord[]>
  /** Whether this pair has a row of the role, living, over or revoked. */
  everHeld(tenant: string, user: string, role: string): Promise<boolean>
  /** Active users with one of `roles` in force in this tenant, by id, at most `limit`. */
  listHolderIds(tenant: string, roles: readonly string[], limit: number): Promise<readonly string[]>
  /** Whether the user has one of `roles` in force in this tenant, and the tenant is active; locks nothing. */
  holdsRole(tenant: string, user: string, roles: readonly string[]): Promise<boolean>
  findAssignment(id: string): Promise<AssignmentRecord | undefined>
  insertAssignment(
    row: Assignment & { readonly tenant: string; readonly user: string; readonly reason: string | null; readonly createdBy: string },
  ): Promise<AssignmentRecord>
  /** Marks rows as revoked; history is kept. Returns them as they are then. */
  revokeAssignments(ids: readonly string[], revokedBy: string): Promise<readonly AssignmentRecord[]>
  insertCaller(row: Omit<CallerRecord, 'createdAtMs' | 'revokedAtMs'>, keyHash: Uint8Array): Promise<CallerRecord>
  findCaller(id: string): Promise<CallerRecord | undefined>
  revokeCaller(id: string): Promise<CallerRecord | undefined>
  /** Unless it is there already (revisions are immutable). @returns whether it was new */
  insertRevision(
    revision: string,
    content: string,
    source: string,
    origin?: RevisionOrigin & { readonly publishedBy: string },
  ): Promise<boolean>
  findRevisionRecord(revision: string): Promise<RevisionRecord | undefined>
  findRevision(revision: string): Promise<string | undefined>
  /** Whether it was ever activated. */
  wasActive(revision: string): Promise<boolean>
  /** What was in force before the present one took force first; `activation`: the one that going back to it restores. */
  findPrevious(): Promise<{ readonly revision: string; readonly activation: number } | undefined>
  /** Activated by older processes, which take nothing into the permission index; marked by `markIndexed`. */
  listUnindexedRevisions(): Promise<readonly string[]>
  markIndexed(): Promise<void>
  /** Whether somebody but the schedule has activated a revision since then. */
  wasActivatedSince(ms: number): Promise<boolean>
  insertScheduled(row: Omit<ScheduledActivation, 'state' | 'createdAtMs'>): Promise<ScheduledActivation>
  /** Locks the row. */
  lockScheduled(id: string): Promise<ScheduledActivation | undefined>
  endScheduled(id: string, state: Exclude<ScheduledActivation['state'], 'waiting'>): Promise<ScheduledActivation>
  countScheduled(): Promise<number>
  /** Records in the history that `revision` is in force from now; the feed has to tell it in the same transaction. */
  activateRevision(revision: string, actor: string, restores?: number): Promise<void>
  findActiveRevisionName(): Promise<string | undefined>
  /**
   * Takes the next feed position and writes the feed rows. Once per transaction, after all other locks.
   * A `policy` among them makes its revision the one in force.
   */
  appendFeed(changes: readonly FeedChange[]): Promise<number>
  /**
   * After `appendFeed` it is what stands at the position that was taken: revocations of callers and activations take positions too, and the
   * head is held until the end of the transaction. Only a caller's own end may still come.
   * @param callerId absent: no caller is looked for
   */
  readStanding(callerId: string | undefined): Promise<ChangeStanding>
  /** The head without taking a new position: what a `noop` answers with. */
  readPosition(): Promise<number>
  /** Written at the end of the transaction, in the order of the calls; when that fails, so does the change. */
  appendAudit(record: Omit<AuditRecord, 'id' | 'atMs'>): Promise<void>
}

export interface Store {
  readonly access: AccessReader
  readonly records: RecordReader
  readonly impact: ImpactReader
  readonly replicas: ReplicaRegistry
  readonly identity: IdentityReader
  readonly history: HistoryReader
  readonly decisionLog: DecisionLogTable
  readonly decisionLogWriter: DecisionLogWriter
  readonly auditTrail: AuditTrailStore
  /** Removes feed rows older than `keptMs`, a bounded number at once. @returns whether there may be more */
  pruneFeed(keptMs: number): Promise<boolean>
  /** Runs `work` in one transaction; all of it or nothing. Deadlocks and serialization failures are retried a few times. */
  change<T>(work: (transaction: ChangeTransaction) => Promise<T>): Promise<T>
  /** @throws StoreError when the database does not answer within its deadline */
  ping(): Promise<void>
  close(): Promise<void>
}
