/** Rows of the audit trail as they are read, also those that nothing of ours can have written: one of them must not hide all the others. Floor 2. */
import type { AuditRecord } from '../model/records.ts'
import { isSound } from './audit-chain.ts'
import { msOf } from './value-types.ts'

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

/** SQL for a bigint as near as a number holds it. `least` and `greatest` pass nulls by. */
export function nearestNumber(column: string): string {
  return `case when ${column} is not null then greatest(least(${column}, ${Number.MAX_SAFE_INTEGER}), ${Number.MIN_SAFE_INTEGER}) end`
}

/** SQL for an instant as near as the wires can say it: years 1 to 9999, whole milliseconds. */
export function nearestInstant(column: string): string {
  return `date_trunc('milliseconds', greatest(least(${column}, timestamptz '9999-12-31 23:59:59.999Z'), timestamptz '0001-01-01 00:00:00Z'))`
}

/** Of `audit_event`; to order by the id, say `audit_event.id`, or no index serves. */
export const AUDIT_COLUMNS_SQL = `${nearestNumber('id')} as id, ${nearestInstant('at')} as at, coalesce(action, '') as action,
  coalesce(result, '') as result, coalesce(actor, '') as actor, coalesce(actor_name, '') as actor_name, tenant_id, user_id, target, reason,
  before, after, ${nearestNumber('position')} as position, request_id`

/** SQL for `name value` where what is read is not what is there; null when all is. */
export function otherThanRead(columns: Readonly<Record<string, string>>): string {
  const faults = Object.entries(columns).map(
    ([column, read]) => `case when ${read} is distinct from ${column} then concat('${column} ', coalesce(${column}::text, 'null')) end`,
  )
  return `nullif(concat_ws(', ', ${faults.join(', ')}), '')`
}

/** The same for a whole row; a JSON null would be read as none at all. */
export const AUDIT_IMPOSSIBLE_COLUMNS = {
  id: nearestNumber('id'),
  at: nearestInstant('at'),
  action: `coalesce(action, '')`,
  result: `coalesce(result, '')`,
  actor: `coalesce(actor, '')`,
  actor_name: `coalesce(actor_name, '')`,
  before: `nullif(before, 'null')`,
  after: `nullif(after, 'null')`,
  position: nearestNumber('position'),
} as const

/** Names of the columns whose JSON is left out of the record, because nobody could write it down again. */
export function unsoundColumns({ before, after }: Pick<AuditRow, 'before' | 'after'>): readonly string[] {
  return [isSound(before) ? '' : 'before', isSound(after) ? '' : 'after'].filter((name) => name !== '')
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
    before: isSound(row.before) ? row.before : null,
    after: isSound(row.after) ? row.after : null,
    position: row.position,
    requestId: row.request_id,
  }
}
