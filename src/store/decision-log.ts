/** Writes the decision log: rows of decisions, what was used by day, partitions of days, how many were lost and what share was kept. Reads none of it. Floor 2. */
import type { Knex } from 'knex'
import { DECISION_USE_DAYS_KEPT } from '../model/observation-limits.ts'
import type { Database } from './database.ts'
import type { DecisionLogWriter } from './decision-log-ports.ts'
import { asStoreWork, sqlState } from './fault.ts'

/**
 * The same record may come twice: a write whose answer was lost is made again. So only rows that were not there are counted, in the same statement.
 * Counted is each role that allowed, for the permission, or for each of those asked at once that was allowed; in one order, so that replicas
 * that count the same never wait for each other in a circle. One parameter, as the text is JSON already.
 */
const INSERT_SQL = `with written as (
    insert into decision_log (at, id, tenant_id, user_id, caller_id, permission, allowed, reason, record)
    select (record->>'at')::timestamptz, record->>'id', record->>'tenant', record->>'user', record->'caller'->>'id', record->>'permission',
      (record->>'allowed')::boolean, record->>'reason', record
    from jsonb_array_elements($1::jsonb) as record
    on conflict do nothing
    returning at, tenant_id, permission, allowed, record
  ), used as (
    select via.role, written.tenant_id, named.permission, (written.at at time zone 'utc')::date as day, written.at
    from written
    cross join lateral jsonb_array_elements_text(written.record->'via') via(role)
    cross join lateral (
      select written.permission where written.permission is not null and written.allowed
      union all
      select distinct one.permission
      from jsonb_to_recordset(case when written.permission is null then written.record->'permissions' end) one(permission text, allowed boolean)
      where one.allowed
    ) named
  )
  insert into decision_use (role, tenant_id, permission, day, uses, last_used)
  select role, coalesce(tenant_id, ''), permission, day, count(*), max(at) from used
  group by grouping sets ((role, tenant_id, permission, day), (role, permission, day))
  having grouping(tenant_id) = 1 or tenant_id is not null
  order by 1, 2, 3, 4
  on conflict (role, tenant_id, permission, day) do update
    set uses = decision_use.uses + excluded.uses, last_used = greatest(decision_use.last_used, excluded.last_used)`

/** Of all replicas of a database, one at a time changes partitions. Any number; only it must be no other lock's. */
const PARTITIONS_LOCK = 7_310_246_001
/** Milliseconds for which dropping waits for readers of an old day: who waits for that lock makes writers wait. */
const DROP_LOCK_TIMEOUT_MS = 200
const DAY = /^\d{4}-\d{2}-\d{2}$/

export function openDecisionLogWriter(database: Database): DecisionLogWriter {
  const db = database.knex
  return {
    async insert(records) {
      try {
        await database.queryPrepared('decision_log_insert', INSERT_SQL, [`[${records.join(',')}]`])
        return 'written'
      } catch (fault) {
        const state = sqlState(fault)
        if (state === CHECK_VIOLATION && isNoPartition(fault)) return 'no-partition'
        // Data that no column takes, or a rule of the table: the same rows would be refused again.
        if (state !== undefined && (state.startsWith('22') || state.startsWith('23'))) return 'refused'
        throw fault
      }
    },
    createDays: (days) => asStoreWork(() => db.transaction((transaction) => createDays(transaction, days))),
    dropDaysBefore: (days) => asStoreWork(() => db.transaction((transaction) => dropDaysBefore(transaction, days))),
    insertLoss: (replica, lost) =>
      asStoreWork(async () => {
        await db.raw('insert into decision_log_loss (replica, lost) values (:replica, :lost)', { replica, lost })
      }),
    insertTerms: (replica, sampled) =>
      asStoreWork(async () => {
        await db.raw('insert into decision_log_terms (replica, sampled) values (:replica, :sampled)', { replica, sampled })
      }),
  }
}

const CHECK_VIOLATION = '23514'

/** PostgreSQL gives no code of its own to a row without a partition, and names no constraint then. */
function isNoPartition(fault: unknown): boolean {
  for (let at = fault; at instanceof Object; at = (at as { cause?: unknown }).cause)
    if ('constraint' in at && typeof at.constraint === 'string' && at.constraint !== '') return false
  return true
}

/** Made beside the table and attached then: attaching lets others read and write meanwhile, making a partition in place does not. */
async function createDays(transaction: Knex.Transaction, days: readonly string[]): Promise<void> {
  await lockPartitions(transaction)
  for (const day of days) {
    const name = partitionOf(day)
    const found: { rows: readonly unknown[] } = await transaction.raw(`select from pg_class where oid = to_regclass(:name)`, { name })
    if (found.rows.length > 0) continue
    await transaction.raw(`create table ${name} (like decision_log including defaults including constraints)`)
    await transaction.raw(
      `alter table decision_log attach partition ${name} for values from ('${day} 00:00:00+00') to ('${nextDay(day)} 00:00:00+00')`,
    )
  }
}

/** On the database's clock. A day goes when its last record is older. */
async function dropDaysBefore(transaction: Knex.Transaction, days: number): Promise<readonly string[]> {
  await lockPartitions(transaction)
  await transaction.raw(`set local lock_timeout = ${DROP_LOCK_TIMEOUT_MS}`)
  const found: { rows: readonly { readonly name: string }[] } = await transaction.raw(
    `select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
      where inhparent = 'decision_log'::regclass and child.relname ~ '^decision_log_[0-9]{8}$'
        and to_date(right(child.relname, 8), 'YYYYMMDD') + 1 <= ((now() - make_interval(days => :days::integer)) at time zone 'utc')::date
      order by 1`,
    { days },
  )
  for (const { name } of found.rows) await transaction.raw(`drop table ${name}`)
  // What a report about unused permissions rests on is kept for as long as it looks back.
  const kept = { days: DECISION_USE_DAYS_KEPT }
  await transaction.raw(
    `delete from decision_use where day < ((now() - make_interval(days => :days::integer)) at time zone 'utc')::date`,
    kept,
  )
  for (const table of ['decision_log_loss', 'decision_log_terms'])
    await transaction.raw(`delete from ${table} where at < now() - make_interval(days => :days::integer)`, kept)
  return found.rows.map(({ name }) => name.slice(-8).replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3'))
}

async function lockPartitions(transaction: Knex.Transaction): Promise<void> {
  await transaction.raw('select pg_advisory_xact_lock(:lock)', { lock: PARTITIONS_LOCK })
}

/** Becomes part of a statement, which takes no parameters there. */
function partitionOf(day: string): string {
  if (!DAY.test(day)) throw new Error('A partition is of a day')
  return `decision_log_${day.replaceAll('-', '')}`
}

function nextDay(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
}
