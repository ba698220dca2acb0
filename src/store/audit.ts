/** The audit trail: appended at the end of the transaction of its change, listed newest first, never altered (a trigger refuses). Floor 2. */
import type { Knex } from 'knex'
import type { AuditFilter, PageInput } from '../model/administration.ts'
import type { AuditLink } from '../model/audit-trail.ts'
import { AUDIT_ROWS_WRITTEN_AT_ONCE_MAX } from '../model/observation-limits.ts'
import type { AuditRecord, Page } from '../model/records.ts'
import { type AuditContent, chainOf, hashOfRecord, storable } from './audit-chain.ts'
import { decodeNumberPageToken, readPage } from './page.ts'
import { CLOCK_SQL, msOf, msSql, timestampOf } from './value-types.ts'

export const AUDIT_COLUMNS = [
  'id',
  'at',
  'action',
  'result',
  'actor',
  'actor_name',
  'tenant_id',
  'user_id',
  'target',
  'reason',
  'before',
  'after',
  'position',
  'request_id',
] as const

export interface AuditRow {
  readonly id: number
  readonly at: Date
  readonly action: AuditRecord['action']
  readonly result: AuditRecord['result']
  readonly actor: string
  readonly actor_name: string
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly target: string | null
  readonly reason: string | null
  readonly before: unknown
  readonly after: unknown
  readonly position: number | null
  readonly request_id: string | null
}

/** The records of one transaction: collected while it works, written once as its very last lock, so that nobody waits at a head for somebody's work. */
export class AuditEntries {
  readonly #records: AuditContent[] = []

  append(record: AuditContent): void {
    this.#records.push(storable(record))
  }

  /** @param tookPosition whether the transaction took a feed position */
  async write(db: Knex.Transaction, tookPosition: boolean): Promise<void> {
    const [first] = this.#records
    if (first === undefined) return
    const chain = chainOf(first, tookPosition)
    const head = await takeTurn(db, chain, this.#records.length)
    let previousHash = head.hash
    const rows = this.#records.map((record, index) => {
      const place = { chain, sequence: head.sequence - this.#records.length + index + 1, previousHash }
      const link = { ...place, hash: hashOfRecord({ ...record, atMs: head.at_ms }, place) }
      previousHash = link.hash
      return rowOf(record, link)
    })
    for (let from = 0; from < rows.length; from += AUDIT_ROWS_WRITTEN_AT_ONCE_MAX) {
      const slice = rows.slice(from, from + AUDIT_ROWS_WRITTEN_AT_ONCE_MAX)
      await db.raw(WRITE_SQL, { rows: JSON.stringify(slice), chain, at: timestampOf(head.at_ms), head: slice.at(-1)?.hash ?? head.hash })
    }
  }
}

/** One statement for rows and head, because others wait for the head. Identities are given in the order of the rows. */
const WRITE_SQL = `with written as (
    insert into audit_event (at, action, result, actor, actor_name, tenant_id, user_id, target, reason, before, after, position, request_id,
      chain, sequence, previous_hash, hash)
    select :at::timestamptz, action, result, actor, actor_name, tenant_id, user_id, target, reason, before, after, position, request_id,
      :chain::smallint, sequence, decode(previous_hash, 'hex'), decode(hash, 'hex')
    from json_to_recordset(:rows::json) as row (action text, result text, actor text, actor_name text, tenant_id text, user_id text,
      target text, reason text, before jsonb, after jsonb, position bigint, request_id text, sequence bigint, previous_hash text, hash text)
    order by sequence
  )
  update audit_head set hash = decode(:head, 'hex') where chain = :chain::smallint`

/**
 * Locks the head until the end of the transaction; the hash is still that of the record before. Within a chain time does not run backwards,
 * whatever the database's clock does.
 */
async function takeTurn(
  db: Knex.Transaction,
  chain: number,
  records: number,
): Promise<{ readonly sequence: number; readonly hash: string; readonly at_ms: number }> {
  const answer: { rows: readonly { readonly sequence: number; readonly hash: string; readonly at_ms: number }[] } = await db.raw(
    `update audit_head set sequence = sequence + :records::bigint, at = greatest(at, ${CLOCK_SQL}) where chain = :chain::smallint
      returning sequence, encode(hash, 'hex') as hash, ${msSql('at')} as at_ms`,
    { records, chain },
  )
  const [head] = answer.rows
  if (head === undefined) throw new Error(`The audit has no head of chain ${chain}`)
  return head
}

function rowOf(record: AuditContent, { sequence, previousHash, hash }: AuditLink) {
  return {
    action: record.action,
    result: record.result,
    actor: record.actor,
    actor_name: record.actorName,
    tenant_id: record.tenant,
    user_id: record.user,
    target: record.target,
    reason: record.reason,
    before: record.before,
    after: record.after,
    position: record.position,
    request_id: record.requestId,
    sequence,
    previous_hash: previousHash,
    hash,
  }
}

export async function listAudit(
  db: Knex,
  filter: AuditFilter,
  tenants: readonly string[] | null,
  page: PageInput,
): Promise<Page<AuditRecord>> {
  const before = decodeNumberPageToken(page.pageToken)
  return await readPage(
    page,
    (record) => String(record.id),
    async (limit) => {
      const query: Knex.QueryBuilder<AuditRow, AuditRow[]> = db<AuditRow>('audit_event')
        .select<AuditRow[]>(...AUDIT_COLUMNS)
        .orderBy('id', 'desc')
        .limit(limit)
      if (filter.tenant !== undefined) query.where('tenant_id', filter.tenant)
      if (filter.user !== undefined) query.where('user_id', filter.user)
      if (filter.actor !== undefined) query.where('actor', filter.actor)
      if (filter.action !== undefined) query.where('action', filter.action)
      if (filter.sinceMs !== undefined) query.where('at', '>=', timestampOf(filter.sinceMs))
      if (filter.untilMs !== undefined) query.where('at', '<', timestampOf(filter.untilMs))
      if (tenants !== null) query.whereIn('tenant_id', [...tenants])
      if (before !== undefined) query.where('id', '<', before)
      return (await query).map(auditRecordOf)
    },
  )
}

export function auditRecordOf(row: AuditRow): AuditRecord {
  return {
    id: row.id,
    atMs: msOf(row.at),
    action: row.action,
    result: row.result,
    actor: row.actor,
    actorName: row.actor_name,
    tenant: row.tenant_id,
    user: row.user_id,
    target: row.target,
    reason: row.reason,
    before: row.before,
    after: row.after,
    position: row.position,
    requestId: row.request_id,
  }
}
