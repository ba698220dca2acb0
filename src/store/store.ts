/** The store as the rest of the house sees it: its ports over one open database. Floor 2. */
import { systemRandom } from '../ground/random.ts'
import { CHANGE_WAIT_MS_MAX } from '../model/limits.ts'
import { openHistoryReader } from './access-history.ts'
import { listAssignments } from './assignments.ts'
import { listAudit } from './audit.ts'
import { openAuditTrailStore } from './audit-trail.ts'
import { findCallerByKeyHash, listCallers } from './callers.ts'
import { type Backoff, jitteredBackoff, runChange } from './change.ts'
import { ChangeTurns } from './change-turns.ts'
import type { Database } from './database.ts'
import { openDecisionLogWriter } from './decision-log.ts'
import { openDecisionLogTable } from './decision-log-reader.ts'
import { asStoreWork } from './fault.ts'
import { pruneFeed } from './feed.ts'
import { openIdentityReader } from './identity.ts'
import { openImpactReader } from './impact.ts'
import { listDue, listScheduled } from './policy-schedule.ts'
import type { RecordReader, Store } from './ports.ts'
import { openReplicaRegistry } from './replicas.ts'
import { openAccessReader } from './resolution.ts'
import { findRevision, findRevisionsByPrefix, listActivations, listRevisions } from './revisions.ts'
import { findTenant, listTenants } from './tenants.ts'
import { findUser, listUsers } from './users.ts'

/**
 * Closing the store closes the database.
 * @param backoff how long a change waits before it is tried again
 */
export function openStore(database: Database, backoff: Backoff = jitteredBackoff(systemRandom)): Store {
  const turns = new ChangeTurns(database.changesAtOnceMax, CHANGE_WAIT_MS_MAX)
  return {
    access: openAccessReader(database),
    records: openRecordReader(database),
    impact: openImpactReader(database),
    replicas: openReplicaRegistry(database),
    identity: openIdentityReader(database, turns),
    history: openHistoryReader(database),
    decisionLog: openDecisionLogTable(database),
    decisionLogWriter: openDecisionLogWriter(database),
    auditTrail: openAuditTrailStore(database, turns),
    pruneFeed: (keptMs) => turns.run(() => asStoreWork(() => database.knex.transaction((transaction) => pruneFeed(transaction, keptMs)))),
    change: (work) => turns.run(() => runChange(database, backoff, work)),
    ping: async () => {
      await database.queryPrepared(undefined, 'select 1', [])
    },
    close: () => asStoreWork(() => database.close()),
  }
}

function openRecordReader(database: Database): RecordReader {
  const db = database.knex
  return {
    findTenant: (tenant) => asStoreWork(() => findTenant(db, tenant)),
    listTenants: (tenants, page) => asStoreWork(() => listTenants(db, tenants, page)),
    findUser: (user) => asStoreWork(() => findUser(db, user)),
    listUsers: (page) => asStoreWork(() => listUsers(db, page)),
    listAssignments: (tenant, user, history, page) => asStoreWork(() => listAssignments(db, tenant, user, history, page)),
    findCallerByKeyHash: (keyHash) => asStoreWork(() => findCallerByKeyHash(database, keyHash)),
    listCallers: (page) => asStoreWork(() => listCallers(db, page)),
    listAudit: (filter, tenants, page) => asStoreWork(() => listAudit(db, filter, tenants, page)),
    listRevisions: (page) => asStoreWork(() => listRevisions(db, page)),
    findRevision: (revision) => asStoreWork(() => findRevision(db, revision)),
    findRevisionsByPrefix: (prefix) => asStoreWork(() => findRevisionsByPrefix(db, prefix)),
    listActivations: (page) => asStoreWork(() => listActivations(db, page)),
    listScheduled: () => asStoreWork(() => listScheduled(db)),
    listDue: () => asStoreWork(() => listDue(db)),
  }
}
