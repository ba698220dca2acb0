/** People who log in, as the rest of the house sees their rows: the ports of identity-ports.ts over one database. Floor 2. */
import type { Knex } from 'knex'
import { findCallerById, rotateCallerKey } from './callers.ts'
import * as challenges from './challenges.ts'
import type { ChangeTurns } from './change-turns.ts'
import * as clients from './clients.ts'
import type { Database } from './database.ts'
import { asStoreWork } from './fault.ts'
import type { IdentityReader, IdentityTransaction } from './identity-ports.ts'
import { pruneIdentity } from './identity-tidy.ts'
import * as outbox from './outbox.ts'
import * as permissionIndex from './permission-index.ts'
import * as revocations from './revocations.ts'
import * as sessions from './sessions.ts'
import * as keys from './signing-keys.ts'
import { listTenantsOf } from './tenants.ts'
import { listUsersByEmail } from './users.ts'

/** @param turns of changes: pruning writes as they do */
export function openIdentityReader(database: Database, turns: ChangeTurns): IdentityReader {
  const db = database.knex
  return {
    findSession: (id) => sessions.findSession(database, id),
    findKeys: () => keys.findKeys(database),
    findCallerById: (id) => findCallerById(database, id),
    listSealedKeys: () => asStoreWork(() => keys.listSealedKeys(db)),
    listSessions: (user, page) => asStoreWork(() => sessions.listSessions(db, user, page)),
    findClient: (id) => asStoreWork(() => clients.findClient(db, id)),
    listClients: (page) => asStoreWork(() => clients.listClients(db, page)),
    findChallenge: (id) => asStoreWork(() => challenges.findChallenge(db, id)),
    findChallengeByToken: (tokenHash) => asStoreWork(() => challenges.findChallengeByToken(db, tokenHash)),
    listUsersByEmail: (email) => asStoreWork(() => listUsersByEmail(db, email)),
    listTenantsOf: (user) => asStoreWork(() => listTenantsOf(db, user)),
    listRevocations: (since, limit) => asStoreWork(() => revocations.listRevocations(db, since, limit)),
    listPermissionIndex: () => asStoreWork(() => permissionIndex.listPermissionIndex(db)),
    listDueMail: (limit) => asStoreWork(() => outbox.listDueMail(db, limit)),
    mailBacklog: () => asStoreWork(() => outbox.mailBacklog(db)),
    prune: () => turns.run(() => asStoreWork(() => pruneIdentity(db))),
  }
}

/** @param run watches the faults of a change's statements */
export function openIdentityTransaction(db: Knex.Transaction, run: <T>(work: () => Promise<T>) => Promise<T>): IdentityTransaction {
  return {
    insertChallenge: (row) => run(() => challenges.insertChallenge(db, row)),
    lockChallenge: (id) => run(() => challenges.lockChallenge(db, id)),
    takeDueMail: (id, leaseMs) => run(() => outbox.takeDueMail(db, id, leaseMs)),
    prepareMail: (id, secrets) => run(() => outbox.prepareMail(db, id, secrets)),
    endMail: (id, state) => run(() => outbox.endMail(db, id, state)),
    postponeMail: (id, afterMs) => run(() => outbox.postponeMail(db, id, afterMs)),
    replaceChallenges: (by) => run(() => challenges.replaceChallenges(db, by)),
    supersedeChallenges: (by) => run(() => challenges.supersedeChallenges(db, by)),
    killChallenges: (user) => run(() => challenges.killChallenges(db, user)),
    raiseTries: (id) => run(() => challenges.raiseTries(db, id)),
    returnTry: (id) => run(() => challenges.returnTry(db, id)),
    killChallenge: (id, reason) => run(() => challenges.killChallenge(db, id, reason)),
    consumeChallenge: (id, consumedBy, sessionId) => run(() => challenges.consumeChallenge(db, id, consumedBy, sessionId)),
    insertSession: (row) => run(() => sessions.insertSession(db, row)),
    lockSession: (id) => run(() => sessions.lockSession(db, id)),
    rotateSession: (id, agentHash, idleMs) => run(() => sessions.rotateSession(db, id, agentHash, idleMs)),
    revokeSessions: (which, reason) => run(() => sessions.revokeSessions(db, which, reason)),
    revokeOldestSessions: (user, kept, reason) => run(() => sessions.revokeOldestSessions(db, user, kept, reason)),
    listUsersByEmail: (email) => run(() => listUsersByEmail(db, email)),
    insertClient: (row) => run(() => clients.insertClient(db, row)),
    ensureClient: (row) => run(() => clients.ensureClient(db, row)),
    findClient: (id) => run(() => clients.lockClient(db, id)),
    holdClient: (id) => run(() => clients.holdClient(db, id)),
    updateClient: (row) => run(() => clients.updateClient(db, row)),
    revokeClient: (id) => run(() => clients.revokeClient(db, id)),
    rotateCallerKey: (id, keyHash, keptMs) => run(() => rotateCallerKey(db, id, keyHash, keptMs)),
    lockKeys: () => run(() => keys.lockKeys(db)),
    listSealedKeys: () => run(() => keys.listSealedKeys(db)),
    insertKey: (row) => run(() => keys.insertKey(db, row)),
    setKeyState: (kid, state, retiresInMs) => run(() => keys.setKeyState(db, kid, state, retiresInMs)),
    resealKey: (kid, sealed, sealedBy) => run(() => keys.resealKey(db, kid, sealed, sealedBy)),
    extendPermissionIndex: (entries) => run(() => permissionIndex.extendPermissionIndex(db, entries)),
    insertRevocations: (position, rows) => run(() => revocations.insertRevocations(db, position, rows)),
  }
}
