/** The audit trail: appended at the end of the transaction of its change, listed newest first, never altered (a trigger refuses). Floor 2. */
import type { Knex } from 'knex'
import type { AuditFilter, PageInput } from '../model/administration.ts'
import type { AuditLink } from '../model/audit-trail.ts'
import { AUDIT_ROWS_WRITTEN_AT_ONCE_MAX } from '../model/observation-limits.ts'
import type { AuditRecord, Page } from '../model/records.ts'
import { type AuditContent, chainOf, hashOfRecord, storable } from './audit-chain.ts'
import { AUDIT_COLUMNS_SQL, type AuditRow, auditRecordOf } from './audit-row.ts'
import { decodePageToken, pageTokenError, readPage } from './page.ts'
import { CLOCK_SQL, msSql, timestampOf } from './value-types.ts'

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
      const id = head.ids[index]
      if (id === undefined) throw new Error('The database gave fewer ids than there are records')
      const link = { ...place, hash: hashOfRecord({ ...record, id, atMs: head.at_ms }, place) }
      previousHash = link.hash
      return { id, ...rowOf(record, link) }
    })
    for (let from = 0; from < rows.length; from += AUDIT_ROWS_WRITTEN_AT_ONCE_MAX) {
      const slice = rows.slice(from, from + AUDIT_ROWS_WRITTEN_AT_ONCE_MAX)
      await db.raw(WRITE_SQL, { rows: JSON.stringify(slice), chain, at: timestampOf(head.at_ms), head: slice.at(-1)?.hash ?? head.hash })
    }
  }
}

/** One statement for rows and head, because others wait for the head. */
const WRITE_SQL = `with written as (
    insert into audit_event (id, at, action, result, actor, actor_name, tenant_id, user_id, target, reason, before, after, position, request_id,
      chain, sequence, previous_hash, hash)
    overriding system value
    select id, :at::timestamptz, action, result, actor, actor_name, tenant_id, user_id, target, reason, before, after, position, request_id,
      :chain::smallint, sequence, decode(previous_hash, 'hex'), decode(hash, 'hex')
    from json_to_recordset(:rows::json) as row (id bigint, action text, result text, actor text, actor_name text, tenant_id text, user_id text,
      target text, reason text, before jsonb, after jsonb, position bigint, request_id text, sequence bigint, previous_hash text, hash text)
  )
  update audit_head set hash = decode(:head, 'hex') where chain = :chain::smallint`

interface Turn {
  readonly sequence: number
  readonly hash: string
  readonly at_ms: number
  readonly ids: readonly number[]
}

/**
 * Locks the head until the end of the transaction; the hash is still that of the record before. Within a chain time does not run backwards,
 * whatever the database's clock does. Ids are drawn while the head is locked, so that they go up within a chain, and before the rows are
 * written, because they are hashed too.
 */
async function takeTurn(db: Knex.Transaction, chain: number, records: number): Promise<Turn> {
  const answer: { rows: readonly Turn[] } = await db.raw(TURN_SQL, { records, chain })
  const [head] = answer.rows
  if (head === undefined) throw new Error(`The audit has no head of chain ${chain}`)
  return head
}

/** What is returned is computed when the row is locked and changed. */
const TURN_SQL = `update audit_head set sequence = sequence + :records::bigint, at = greatest(at, ${CLOCK_SQL}) where chain = :chain::smallint
  returning sequence, encode(hash, 'hex') as hash, ${msSql('at')} as at_ms,
    array_to_json(array(select nextval('audit_event_id_seq') from generate_series(1, :records::bigint))) as ids`

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
  const before = idOfToken(page.pageToken)
  return await readPage(
    page,
    (record) => String(record.id),
    async (limit) => {
      const query: Knex.QueryBuilder<AuditRow, AuditRow[]> = db<AuditRow>('audit_event')
        .select<AuditRow[]>(db.raw(AUDIT_COLUMNS_SQL))
        .orderBy('audit_event.id', 'desc')
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

/** Somebody may have put in ids that no sequence gives, and the list goes on below them. */
function idOfToken(token: string | undefined): number | undefined {
  const key = decodePageToken(token)
  if (key === undefined) return undefined
  if (!/^-?\d{1,16}$/.test(key) || !Number.isSafeInteger(Number(key))) throw pageTokenError()
  return Number(key)
}
