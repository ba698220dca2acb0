/** The audit of a store under a verifier, and an attacker with every right on its database. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type AuditVerdict, verifyAudit } from '../../src/access/verify-audit.ts'
import { type AuditFinding, type CheckpointReport, verifyCheckpoints } from '../../src/access/verify-checkpoints.ts'
import type { AuditCheckpoint, AuditHead, ChainedRecord } from '../../src/model/audit-trail.ts'
import type { AuditContent } from '../../src/store/audit-chain.ts'
import type { Database } from '../../src/store/database.ts'
import type { Store } from '../../src/store/ports.ts'
import { type AuditPublicKey, readAuditPublicKeys } from '../../src/token/checkpoint-jws.ts'

export const auditRow = (fields: Partial<AuditContent> = {}): AuditContent => ({
  action: 'user.put',
  result: 'applied',
  actor: 'test',
  actorName: 'Test',
  tenant: null,
  user: null,
  target: null,
  reason: null,
  before: null,
  after: null,
  position: null,
  requestId: null,
  ...fields,
})

export async function* chainedOf(store: Store, pageSize = 7): AsyncGenerator<ChainedRecord> {
  let pageToken: string | undefined
  do {
    const page = await store.auditTrail.listChained({ pageSize, ...(pageToken === undefined ? {} : { pageToken }) })
    yield* page.items
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
}

async function* chainedSince(store: Store, since: readonly AuditHead[]): AsyncGenerator<ChainedRecord> {
  const begins = new Map(since.map(({ chain, sequence }) => [chain, sequence]))
  for await (const one of chainedOf(store)) if (one.link === undefined || one.link.sequence > (begins.get(one.link.chain) ?? 0)) yield one
}

export async function checkpointsOf(store: Store): Promise<readonly AuditCheckpoint[]> {
  return (await store.auditTrail.listCheckpoints({ pageSize: 1_000 })).items
}

export interface Verified extends AuditVerdict {
  readonly checkpoints: CheckpointReport
  /** Of checkpoints too. */
  readonly all: readonly AuditFinding[]
}

export async function verifyStore(
  store: Store,
  evidence: {
    readonly kept?: readonly string[]
    readonly keys?: readonly AuditPublicKey[]
    readonly since?: readonly AuditHead[]
    readonly upgradedThrough?: number
  } = {},
): Promise<Verified> {
  const checkpoints = await verifyCheckpoints({ stored: await checkpointsOf(store), kept: evidence.kept ?? [], keys: evidence.keys })
  const verdict = await verifyAudit({
    heads: await store.auditTrail.listHeads(),
    records: evidence.since === undefined ? chainedOf(store) : chainedSince(store, evidence.since),
    unchained: checkpoints.unchained,
    ...(evidence.since === undefined ? {} : { since: evidence.since }),
    ...(evidence.upgradedThrough === undefined ? {} : { upgradedThrough: evidence.upgradedThrough }),
    finalHeads: () => store.auditTrail.listHeads(),
    claims: checkpoints.claims,
  })
  return { ...verdict, checkpoints, all: [...checkpoints.findings, ...verdict.findings] }
}

const TABLES = ['audit_event', 'audit_head', 'audit_checkpoint'] as const

/** Does what an owner of the database can; everything is as it was when it resolves. */
export async function tampering<T>(database: Database, work: (database: Database) => Promise<T>): Promise<T> {
  const { knex } = database
  for (const table of TABLES) {
    await knex.raw(`alter table ${table} disable trigger user`)
    await knex.raw(`create table before_${table} as select * from ${table}`)
  }
  await knex.raw('drop index audit_event_in_chain')
  try {
    return await work(database)
  } finally {
    for (const table of TABLES) {
      await knex.raw(`truncate ${table}`)
      await knex.raw(`insert into ${table} overriding system value select * from before_${table}`)
      await knex.raw(`drop table before_${table}`)
      await knex.raw(`alter table ${table} enable trigger user`)
    }
    await knex.raw('create unique index audit_event_in_chain on audit_event (chain, sequence)')
  }
}

export async function newAuditKey(): Promise<{ readonly key: KeyObject; readonly pem: string; readonly keys: readonly AuditPublicKey[] }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  return { key: privateKey, pem, keys: await readAuditPublicKeys(pem) }
}
