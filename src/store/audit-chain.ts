/** What a record of the audit trail is in its chain: which chain, and its hash over content and place. Reads and writes nothing. Floor 2. */
import { createHash } from 'node:crypto'
import { plainJson, stableJson } from '../ground/canonical-json.ts'
import type { AuditLink } from '../model/audit-trail.ts'
import { AUDIT_EVENT_CHAINS } from '../model/observation-limits.ts'
import type { AuditRecord } from '../model/records.ts'

/** Before it is written: its place comes with its turn at the head of the chain. */
export type AuditContent = Omit<AuditRecord, 'id' | 'atMs'>

/** Of what takes a feed position: those transactions wait for each other anyway. */
export const POSITION_CHAIN = 0
/** `previousHash` of the first record of a chain. */
export const NO_HASH = '0'.repeat(64)

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
 * SHA-256 over the canonical JSON of all columns but the id, 64 hex digits.
 * @throws RangeError for a record that nests deeper than the stack; ours do not
 */
export function hashOfRecord(record: Omit<AuditRecord, 'id'>, { chain, sequence, previousHash }: Omit<AuditLink, 'hash'>): string {
  const { atMs, ...content } = record
  const text = stableJson({ ...storable(content), chain, sequence, previousHash, at: instantText(atMs) })
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

/** What somebody put into a row may be no instant of ours; it is then not what was hashed either. */
function instantText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'none'
}
