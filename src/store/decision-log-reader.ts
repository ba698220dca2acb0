/** Reads the table of the decision log: pages, one record, uses of a role. Each call one statement that looks at a bounded number of rows, or at what was counted by day. Writes nothing. Floor 2. */
import type { PageInput } from '../model/administration.ts'
import type { DecisionFilter, DecisionRecord } from '../model/decision-record.ts'
import { DECISIONS_LOOKED_AT_MAX } from '../model/observation-limits.ts'
import type { Page } from '../model/records.ts'
import type { Database } from './database.ts'
import type { DecisionLogTable, RoleUses } from './history-ports.ts'
import { decodeTimedPageToken, encodePageToken, pageSizeOf, timedKey } from './page.ts'
import { msSql, timestampOf } from './value-types.ts'

interface PageRow {
  readonly looked_at: number
  /** Of the oldest that was looked at. */
  readonly last_ms: number | null
  readonly last_id: string | null
  readonly found: readonly { readonly atMs: number; readonly record: DecisionRecord }[]
}
interface UsesRow {
  readonly from_ms: number
  readonly now_ms: number
  readonly since_ms: number | null
  readonly sampled: number | null
  readonly lost: number
  readonly uses: RoleUses['uses']
}

/**
 * $1 role, $2 permissions, $3 days, $4 tenants or null: then the rows that count all of them. Terms are told at least daily, so those of the day
 * before say what was in force at the begin.
 */
export const COUNT_ROLE_USES_SQL = `with asked as materialized (
    select clock_timestamp() as now, (clock_timestamp() at time zone 'utc')::date - $3::integer as first_day
  ), span as materialized (select now, first_day, first_day::timestamp at time zone 'utc' as since from asked)
  select ${msSql('span.since')} as from_ms, ${msSql('span.now')} as now_ms,
    (select ${msSql(`greatest(min(day)::timestamp at time zone 'utc', (select min(at) from decision_log_terms))`)} from decision_use
      having min(day) is not null) as since_ms,
    (select min(sampled) from decision_log_terms where at >= span.since - interval '1 day') as sampled,
    (select coalesce(sum(lost), 0)::bigint from decision_log_loss where at >= span.since) as lost,
    (select coalesce(json_agg(json_build_object('permission', permission, 'uses', uses, 'lastUsedMs', ${msSql('last_used')})), '[]')
      from (
        select permission, sum(uses)::bigint as uses, max(last_used) as last_used from decision_use
        where role = $1 and tenant_id = any(coalesce($4::text[], array[''])) and permission = any($2::text[]) and day >= span.first_day
        group by permission
      ) each_permission) as uses
  from span`

export function openDecisionLogTable(database: Database): DecisionLogTable {
  // Unnamed, as all of these: planned for these very values.
  const ask = <R>(sql: string, values: readonly unknown[]) => database.queryPrepared<R>(undefined, sql, values)
  return {
    async list(filter, tenants, page): Promise<Page<DecisionRecord>> {
      const size = pageSizeOf(page)
      const { sql, values } = listDecisionsSql(filter, tenants, page, size + 1)
      const [row] = await ask<PageRow>(sql, values)
      if (row === undefined) return { items: [] }
      const found = row.found.slice(0, size)
      const items = found.map(({ record }) => record)
      const last = found.at(-1)
      if (row.found.length > size && last !== undefined)
        return { items, nextPageToken: encodePageToken(timedKey(last.atMs, last.record.id)) }
      if (row.looked_at < DECISIONS_LOOKED_AT_MAX || row.last_ms === null || row.last_id === null) return { items }
      return { items, nextPageToken: encodePageToken(timedKey(row.last_ms, row.last_id)) }
    },

    async find(id) {
      const [row] = await ask<{ readonly record: DecisionRecord }>('select record from decision_log where id = $1 limit 1', [id])
      return row?.record
    },

    async countRoleUses(role, permissions, tenants, days): Promise<RoleUses> {
      const [row] = await ask<UsesRow>(COUNT_ROLE_USES_SQL, [role, [...permissions], days, tenants === null ? null : [...tenants]])
      if (row === undefined) throw new Error('The database did not say its time')
      return {
        fromMs: row.from_ms,
        nowMs: row.now_ms,
        ...(row.since_ms === null ? {} : { sinceMs: row.since_ms }),
        ...(row.sampled === null ? {} : { sampled: row.sampled }),
        lost: row.lost,
        uses: row.uses,
      }
    },
  }
}

/**
 * The innermost rows by time and by one more thing that an index has; what else was asked is held against those. So a page costs the same whatever
 * is rare in it.
 * @param limit records to find
 */
export function listDecisionsSql(
  filter: DecisionFilter,
  tenants: readonly string[] | null,
  { pageToken }: PageInput,
  limit: number,
): { readonly sql: string; readonly values: readonly unknown[] } {
  const values: unknown[] = []
  const place = (value: unknown) => `$${values.push(value)}`
  const range: string[] = []
  const before = decodeTimedPageToken(pageToken)
  if (before !== undefined)
    range.push(`(entry.at, entry.id) < (${place(timestampOf(before.atMs))}::timestamptz, ${place(before.id)}::text)`)
  if (filter.sinceMs !== undefined) range.push(`entry.at >= ${place(timestampOf(filter.sinceMs))}::timestamptz`)
  if (filter.untilMs !== undefined) range.push(`entry.at < ${place(timestampOf(filter.untilMs))}::timestamptz`)
  const rest: string[] = []
  const equal = (column: string, value: unknown) => {
    if (value !== undefined) rest.push(`entry.${column} = ${place(value)}`)
  }
  equal('caller_id', filter.caller)
  equal('allowed', filter.allowed)
  equal('reason', filter.reason)
  const named = filter.permission === undefined ? undefined : place(filter.permission)
  if (named !== undefined) rest.push(`(entry.permission = ${named} or entry.permission is null and entry.allowed is not null)`)
  const wanted = filter.tenant === undefined ? tenants : [filter.tenant]
  const ofTenants = wanted === null ? undefined : `${place([...wanted])}::text[]`
  const newest = (...more: readonly string[]) => newestSql([...range, ...more], named)
  const ofAll = () => {
    if (ofTenants !== undefined) rest.push(`entry.tenant_id = any(${ofTenants})`)
  }
  let source: string
  if (filter.user !== undefined) {
    ofAll()
    source = newest(`entry.user_id = ${place(filter.user)}`)
  } else if (named !== undefined) {
    ofAll()
    source = newestOf(`(${newest(`entry.permission = ${named}`)}) union all (${newest('entry.permission is null')})`)
  } else if (ofTenants === undefined) {
    source = newest()
  } else {
    // From each tenant as many as from all: the newest of all of them are among these.
    source = newestOf(`select one.* from (select distinct asked collate "C" as id from unnest(${ofTenants}) asked) tenants
      cross join lateral (${newest('entry.tenant_id = tenants.id')}) one`)
  }
  const sql = `with looked_at as materialized (${source}),
    found as materialized (
      select entry.at, entry.id from looked_at entry${rest.length === 0 ? '' : ` where ${rest.join(' and ')}`}
      order by entry.at desc, entry.id desc limit ${place(limit)})
    select (select count(*) from looked_at) as looked_at, ${msSql('last.at')} as last_ms, last.id as last_id,
      (select coalesce(json_agg(json_build_object('atMs', ${msSql('found.at')}, 'record', whole.record) order by found.at desc, found.id desc), '[]')
        from found cross join lateral (select record from decision_log where at = found.at and id = found.id) whole) as found
    from (values (1)) one left join lateral (select at, id from looked_at order by at, id limit 1) last on true`
  return { sql, values }
}

/** @param named place of the permission that is asked for: of many names asked at once its own outcome counts, and it may be none of them (null) */
function newestSql(conditions: readonly string[], named: string | undefined): string {
  const allowed =
    named === undefined
      ? 'entry.allowed'
      : `case when entry.permission is not null then entry.allowed else (
          select one.allowed from jsonb_to_recordset(entry.record -> 'permissions') one(permission text, allowed boolean)
          where one.permission = ${named} limit 1) end as allowed`
  return `select entry.at, entry.id, entry.tenant_id, entry.caller_id, entry.permission, ${allowed}, entry.reason from decision_log entry
    ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')} `}order by entry.at desc, entry.id desc limit ${DECISIONS_LOOKED_AT_MAX}`
}

function newestOf(rows: string): string {
  return `select each_row.* from (${rows}) each_row order by each_row.at desc, each_row.id desc limit ${DECISIONS_LOOKED_AT_MAX}`
}
