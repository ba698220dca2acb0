/** What a record of the audit trail is in its chain: which chain, and its hash over content and place. Reads and writes nothing. Floor 2. */
import { createHash } from 'node:crypto'
import { isWritableJson, plainJson, stableJson } from '../ground/canonical-json.ts'
import type { AuditLink, UnchainedRecords } from '../model/audit-trail.ts'
import { AUDIT_EVENT_CHAINS, AUDIT_JSON_LEVELS_MAX } from '../model/observation-limits.ts'
import type { AuditRecord } from '../model/records.ts'

/** Before it is written: its place comes with its turn at the head of the chain. */
export type AuditContent = Omit<AuditRecord, 'id' | 'atMs'>

/** Of what takes a feed position: those transactions wait for each other anyway. */
export const POSITION_CHAIN = 0
/** `previousHash` of the first record of a chain. */
export const NO_HASH = '0'.repeat(64)

/** Where no record stands outside of the chains. */
export const NO_UNCHAINED: UnchainedRecords = { count: 0, lastId: 0, hash: NO_HASH }

/** One chain for a whole transaction, so that nobody holds two heads. Events of one person are in one chain. */
export function chainOf(first: AuditContent, tookPosition: boolean): number {
  if (tookPosition) return POSITION_CHAIN
  const [byte = 0] = createHash('sha256')
    .update(first.user ?? first.tenant ?? first.actor)
    .digest()
  return 1 + (byte % AUDIT_EVENT_CHAINS)
}

/** As the database gives it back: it stores neither half of a surrogate pair nor what JSON leaves out. What is hashed is what is stored. */
export function storable(record: AuditContent): AuditContent {
  return {
    action: record.action,
    result: record.result,
    actor: record.actor.toWellFormed(),
    actorName: record.actorName.toWellFormed(),
    tenant: record.tenant?.toWellFormed() ?? null,
    user: record.user?.toWellFormed() ?? null,
    target: record.target?.toWellFormed() ?? null,
    reason: record.reason?.toWellFormed() ?? null,
    before: plainJson(record.before),
    after: plainJson(record.after),
    position: record.position,
    requestId: record.requestId?.toWellFormed() ?? null,
  }
}

/**
 * SHA-256 over the canonical JSON of all columns, 64 hex digits. Numbers count as JavaScript reads them: 1000000000000000.01 in `before` or `after` is
 * 1000000000000000, there as everywhere in the house.
 * @throws RangeError for a number that JavaScript does not hold, and a record that nests deeper than the stack: what is written has neither
 */
export function hashOfRecord(record: AuditRecord, { chain, sequence, previousHash }: Omit<AuditLink, 'hash'>): string {
  if (!isSound(record.before) || !isSound(record.after))
    throw new RangeError('An audit record holds JSON that cannot be written as it was read')
  return sha256({ ...hashedOf(record), chain, sequence, previousHash })
}

/** Whether JSON of a row is such as a process of ours can have written. */
export function isSound(json: unknown): boolean {
  return isWritableJson(json, AUDIT_JSON_LEVELS_MAX)
}

/** The same over records that stand in no chain, one after the other; their JSON is sound. */
export function hashOfUnchained(record: AuditRecord, previousHash: string): string {
  return sha256({ ...hashedOf(record), previousHash })
}

function hashedOf({ atMs, ...columns }: AuditRecord) {
  return { ...columns, at: instantText(atMs) }
}

function sha256(value: object): string {
  return createHash('sha256').update(stableJson(value), 'utf8').digest('hex')
}

/** What somebody put into a row may be no instant of ours; it is then not what was hashed either. */
function instantText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'none'
}
