/** One change as one transaction: all of it or nothing, tried again when PostgreSQL chose it as the victim. Knows no rule of the product. Floor 2. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Random } from '../ground/random.ts'
import { StoreError } from '../model/error-code.ts'
import { CHANGE_ATTEMPTS_MAX } from '../model/limits.ts'
import * as assignments from './assignments.ts'
import { AuditEntries } from './audit.ts'
import * as callers from './callers.ts'
import type { Database } from './database.ts'
import { isConnectionLost, isRetryable, storeFault } from './fault.ts'
import { appendFeed, readPosition } from './feed.ts'
import { openIdentityTransaction } from './identity.ts'
import * as schedule from './policy-schedule.ts'
import type { ChangeTransaction, FeedChange } from './ports.ts'
import * as revisions from './revisions.ts'
import { readStanding } from './standing.ts'
import * as tenants from './tenants.ts'
import * as users from './users.ts'
import { msSql } from './value-types.ts'

/** Waits before attempt `attempt + 1`. */
export type Backoff = (attempt: number) => Promise<void>

/** Up to 20 ms per attempt made, by chance, so that two victims do not meet again. */
export function jitteredBackoff(random: Random): Backoff {
  return async (attempt) => {
    const [byte = 0] = random.bytes(1)
    await sleep(Math.ceil((attempt * 20 * (byte + 1)) / 256))
  }
}

/**
 * `work` may run more than once, each time in a new transaction: it must not act outside of it.
 * @throws what `work` throws
 * @throws StoreError
 */
export async function runChange<T>(database: Database, backoff: Backoff, work: (change: ChangeTransaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptChange(database, work)
    } catch (fault) {
      if (attempt >= CHANGE_ATTEMPTS_MAX || !isRetryable(fault)) throw fault
    }
    await backoff(attempt)
  }
}

async function attemptChange<T>(database: Database, work: (change: ChangeTransaction) => Promise<T>): Promise<T> {
  let ofWork: { readonly fault: unknown } | undefined
  let committing = false
  try {
    return await database.knex.transaction(async (transaction) => {
      const failed = new FirstFault()
      const feedTurn = new FeedTurn()
      try {
        const audit = new AuditEntries()
        const result = await work(openChangeTransaction(transaction, failed, feedTurn, audit))
        // PostgreSQL answers the COMMIT of a failed transaction by rolling back, without an error: a fault that `work` swallowed counts.
        failed.rethrow()
        await failed.watch(async () => feedTurn.end())
        await failed.watch(() => audit.write(transaction, feedTurn.taken))
        committing = true
        return result
      } catch (fault) {
        ofWork = { fault }
        throw fault
      }
    })
  } catch (fault) {
    if (ofWork !== undefined) throw ofWork.fault
    if (committing && isConnectionLost(fault)) {
      throw new StoreError(
        'The connection was lost at commit',
        fault,
        'It is not known whether the change was made; making it again is safe.',
      )
    }
    throw storeFault(fault)
  }
}

class FirstFault {
  #fault: Error | undefined

  /** Statements fail as errors of ours, and the first one is remembered. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (fault) {
      const error = storeFault(fault)
      this.#fault ??= error
      throw error
    }
  }

  rethrow(): void {
    if (this.#fault !== undefined) throw this.#fault
  }
}

/** One position a transaction. The history of activations and the feed say the same of the policy in force, so a transaction tells both or neither. */
class FeedTurn {
  #taken = false
  #activated: string | undefined

  activate(revision: string): void {
    if (this.#taken) throw new Error('A policy is activated before the feed position is taken')
    this.#activated = revision
  }

  get taken(): boolean {
    return this.#taken
  }

  take(changes: readonly FeedChange[]): void {
    if (this.#taken) throw new Error('A transaction takes one feed position, not two')
    this.#taken = true
    for (const change of changes)
      if (change.kind === 'policy' && change.revision !== this.#activated)
        throw new Error('The feed tells of a policy that was not activated')
    if (changes.some((change) => change.kind === 'policy')) this.#activated = undefined
  }

  end(): void {
    if (this.#activated !== undefined) throw new Error('A policy was activated that the feed does not tell of')
  }
}

function openChangeTransaction(db: Knex.Transaction, failed: FirstFault, feedTurn: FeedTurn, audit: AuditEntries): ChangeTransaction {
  const run = <T>(work: () => Promise<T>): Promise<T> => failed.watch(work)
  return {
    identity: openIdentityTransaction(db, run),
    nowMs: () =>
      run(async () => {
        const answer: { rows: readonly { now_ms: number }[] } = await db.raw(`select ${msSql('clock_timestamp()')} as now_ms`)
        const [row] = answer.rows
        if (row === undefined) throw new Error('The database did not say its time')
        return row.now_ms
      }),
    lockTenant: (tenant) => run(() => tenants.lockTenant(db, tenant)),
    lockUser: (user) => run(() => users.lockUser(db, user)),
    ensureTenant: (tenant) => run(() => tenants.ensureTenant(db, tenant)),
    ensureUser: (user) => run(() => users.ensureUser(db, user)),
    updateTenant: (record) => run(() => tenants.updateTenant(db, record)),
    updateUser: (record, stateReason) => run(() => users.updateUser(db, record, stateReason)),
    listLiveAssignments: (tenant, user, nowMs) => run(() => assignments.listLiveAssignments(db, tenant, user, nowMs)),
    listEndedAssignments: (user, fromMs, untilMs) => run(() => assignments.listEndedAssignments(db, user, fromMs, untilMs)),
    everHeld: (tenant, user, role) => run(() => assignments.everHeld(db, tenant, user, role)),
    listHolderIds: (tenant, roles, limit) => run(() => assignments.listHolderIds(db, tenant, roles, limit)),
    holdsRole: (tenant, user, roles) => run(() => assignments.holdsRole(db, tenant, user, roles)),
    findAssignment: (id) => run(() => assignments.findAssignment(db, id)),
    insertAssignment: (row) => run(() => assignments.insertAssignment(db, row)),
    revokeAssignments: (ids, revokedBy) => run(() => assignments.revokeAssignments(db, ids, revokedBy)),
    insertCaller: (row, keyHash) => run(() => callers.insertCaller(db, row, keyHash)),
    findCaller: (id) => run(() => callers.findCaller(db, id)),
    revokeCaller: (id) => run(() => callers.revokeCaller(db, id)),
    insertRevision: (revision, content, source, origin) => run(() => revisions.insertRevision(db, revision, content, source, origin)),
    findRevisionRecord: (revision) => run(() => revisions.findRevisionRecord(db, revision)),
    findRevision: (revision) => run(() => revisions.findRevision(db, revision)),
    wasActive: (revision) => run(() => revisions.wasActive(db, revision)),
    findPrevious: () => run(() => revisions.findPrevious(db)),
    listUnindexedRevisions: () => run(() => revisions.listUnindexedRevisions(db)),
    markIndexed: () => run(() => revisions.markIndexed(db)),
    wasActivatedSince: (ms) => run(() => revisions.wasActivatedSince(db, ms)),
    insertScheduled: (row) => run(() => schedule.insertScheduled(db, row)),
    lockScheduled: (id) => run(() => schedule.lockScheduled(db, id)),
    endScheduled: (id, state) => run(() => schedule.endScheduled(db, id, state)),
    countScheduled: () => run(() => schedule.countScheduled(db)),
    activateRevision: (revision, actor, restores) =>
      run(async () => {
        feedTurn.activate(revision)
        await revisions.activateRevision(db, revision, actor, restores)
      }),
    findActiveRevisionName: () => run(() => revisions.findActiveRevisionName(db)),
    appendFeed: (changes) =>
      run(async () => {
        feedTurn.take(changes)
        return await appendFeed(db, changes)
      }),
    readStanding: (callerId) => run(() => readStanding(db, callerId)),
    readPosition: () => run(() => readPosition(db)),
    appendAudit: (record) => run(async () => audit.append(record)),
  }
}
