/** What the rest of the house asks of storage. Every fault of the database surfaces as StoreError; driver texts stay inside. Floor 2. */
import type { AccessState, Assignment } from '../model/access-state.ts'
import type { AuditFilter, PageInput } from '../model/administration.ts'
import type { CallerRecord } from '../model/caller.ts'
import type { Attributes } from '../model/condition.ts'
import type { AssignmentRecord, AuditRecord, Page, RevisionRecord, TenantRecord, UserRecord } from '../model/records.ts'

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
  /** By SHA-256 of the key; only callers that are neither revoked nor expired on the database's clock. */
  findCallerByKeyHash(keyHash: Uint8Array): Promise<CallerRecord | undefined>
  listCallers(page: PageInput): Promise<Page<CallerRecord>>
  /** `tenants`: only records of these tenants (a limited caller); `null`: all. */
  listAudit(filter: AuditFilter, tenants: readonly string[] | null, page: PageInput): Promise<Page<AuditRecord>>
  listRevisions(page: PageInput): Promise<Page<RevisionRecord>>
  /** Canonical JSON of the revision that was activated last. */
  findActiveRevision(): Promise<{ readonly revision: string; readonly content: string } | undefined>
}

export type FeedChange =
  | { readonly kind: 'assignment'; readonly tenant: string; readonly user: string }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'caller'; readonly caller: string }
  | { readonly kind: 'policy' }

/** What happens inside one transaction. Lock order: tenant, user, feed head; the feed head last (freshness, "The feed"). */
export interface ChangeTransaction {
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
  findAssignment(id: string): Promise<AssignmentRecord | undefined>
  insertAssignment(
    row: Assignment & { readonly tenant: string; readonly user: string; readonly reason: string | null; readonly createdBy: string },
  ): Promise<AssignmentRecord>
  /** Marks rows as revoked; history is kept. Returns them as they are then. */
  revokeAssignments(ids: readonly string[], revokedBy: string): Promise<readonly AssignmentRecord[]>
  insertCaller(row: Omit<CallerRecord, 'createdAtMs' | 'revokedAtMs'>, keyHash: Uint8Array): Promise<CallerRecord>
  findCaller(id: string): Promise<CallerRecord | undefined>
  revokeCaller(id: string): Promise<CallerRecord | undefined>
  /** Unless it is there already (revisions are immutable). */
  insertRevision(revision: string, content: string, source: string): Promise<void>
  /** Records that `revision` is in force from now. */
  activateRevision(revision: string, actor: string): Promise<void>
  findActiveRevisionName(): Promise<string | undefined>
  /** Takes the next feed position and writes the feed rows. Once per transaction, after all other locks. */
  appendFeed(changes: readonly FeedChange[]): Promise<number>
  /** The head without taking a new position: what a `noop` answers with. */
  readPosition(): Promise<number>
  appendAudit(record: Omit<AuditRecord, 'id' | 'atMs'>): Promise<void>
}

export interface Store {
  readonly access: AccessReader
  readonly records: RecordReader
  /** Runs `work` in one transaction; all of it or nothing. Deadlocks and serialization failures are retried a few times. */
  change<T>(work: (transaction: ChangeTransaction) => Promise<T>): Promise<T>
  /** @throws StoreError when the database does not answer within its deadline */
  ping(): Promise<void>
  close(): Promise<void>
}
