/** The audit trail: appended in the transaction of its change, listed newest first, never altered (a trigger refuses). Floor 2. */
import type { Knex } from 'knex'
import type { AuditFilter, PageInput } from '../model/administration.ts'
import type { AuditRecord, Page } from '../model/records.ts'
import { decodeNumberPageToken, readPage } from './page.ts'
import { msOf, timestampOf } from './value-types.ts'

const COLUMNS = [
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

interface Row {
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

export async function appendAudit(db: Knex, record: Omit<AuditRecord, 'id' | 'atMs'>): Promise<void> {
  await db('audit_event').insert({
    action: record.action,
    result: record.result,
    actor: record.actor,
    actor_name: record.actorName,
    tenant_id: record.tenant,
    user_id: record.user,
    target: record.target,
    reason: record.reason,
    before: jsonOf(record.before),
    after: jsonOf(record.after),
    position: record.position,
    request_id: record.requestId,
  })
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
      const query: Knex.QueryBuilder<Row, Row[]> = db<Row>('audit_event')
        .select<Row[]>(...COLUMNS)
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
      return (await query).map(toRecord)
    },
  )
}

/** A JSON null would read back as nothing anyway, so nothing is stored for it. */
function jsonOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}

function toRecord(row: Row): AuditRecord {
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
