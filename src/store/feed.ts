/** The feed of access changes: positions without gaps, in commit order (freshness, "The feed"). Does not say what a change means. Floor 2. */
import type { Knex } from 'knex'
import { FEED_ROWS_PRUNED_AT_ONCE_MAX } from '../model/limits.ts'
import type { FeedChange } from './ports.ts'

/**
 * One statement, so that the head is locked for one exchange less; every other change waits for it.
 * The row stays locked until the transaction ends: so positions are taken in the order of the commits.
 */
const APPEND_SQL = `with head as (
    update access_head set position = position + 1,
      policy_revision = coalesce(:policy::text, policy_revision),
      policy_position = case when :policy::text is null then policy_position else position + 1 end
    returning position
  ), written as (
    insert into access_changes (position, ordinal, kind, tenant_id, user_id, caller_id, revision)
    select head.position, change.number - 1, change.kind, change.tenant_id, change.user_id, change.caller_id, change.revision
    from head, unnest(:kinds::text[], :tenants::text[], :users::text[], :callers::text[], :revisions::text[])
      with ordinality as change(kind, tenant_id, user_id, caller_id, revision, number)
  )
  select position from head`

/** Takes the next position. */
export async function appendFeed(db: Knex, changes: readonly FeedChange[]): Promise<number> {
  const answer: { rows: readonly { readonly position: number }[] } = await db.raw(APPEND_SQL, {
    policy: changes.findLast((change) => change.kind === 'policy')?.revision ?? null,
    kinds: changes.map((change) => change.kind),
    tenants: changes.map((change) => ('tenant' in change ? change.tenant : null)),
    users: changes.map((change) => ('user' in change ? change.user : null)),
    callers: changes.map((change) => ('caller' in change ? change.caller : null)),
    revisions: changes.map((change) => ('revision' in change ? change.revision : null)),
  })
  return theRow(answer.rows).position
}

export async function readPosition(db: Knex): Promise<number> {
  const rows: readonly { readonly position: number }[] = await db('access_head').select('position')
  return theRow(rows).position
}

/**
 * The first position that stays: of the oldest rows, the first one that is young enough, or the last one read, which may not be all there;
 * at the latest the newest of all. A position with more rows than are removed at once goes alone and whole.
 * Nothing is read but one row while the oldest is young enough.
 */
const FIRST_KEPT_SQL = `with due as (select clock_timestamp() - make_interval(secs => :keptMs::float8 / 1000) as before),
  oldest as (
    select position, at from access_changes
    where (select at from access_changes order by position, ordinal limit 1) < (select before from due)
    order by position, ordinal limit :rows::integer + 1
  ),
  bound as (
    select min(position) filter (where at >= (select before from due)) as young,
      case when count(*) > :rows::integer then greatest(max(position), min(position) + 1) end as cut
    from oldest
  )
  select least(young, cut, newest) as first_kept, coalesce(cut <= least(young, newest), false) as more
  from bound, (select max(position) as newest from access_changes) last
  where exists (select from oldest)`

/** Within a transaction of its own. The head is locked last, and not at all when nothing is old. @returns whether there may be more */
export async function pruneFeed(db: Knex.Transaction, keptMs: number): Promise<boolean> {
  const found: { rows: readonly { readonly first_kept: number; readonly more: boolean }[] } = await db.raw(FIRST_KEPT_SQL, {
    keptMs,
    rows: FEED_ROWS_PRUNED_AT_ONCE_MAX,
  })
  const [bound] = found.rows
  if (bound === undefined) return false
  const removed: { rows: readonly { readonly through: number | null }[] } = await db.raw(
    'with gone as (delete from access_changes where position < ? returning position) select max(position) as through from gone',
    [bound.first_kept],
  )
  const { through } = theRow(removed.rows)
  if (through === null) return false
  await db.raw('update access_head set pruned_through = greatest(pruned_through, ?)', [through])
  return bound.more
}

function theRow<R>(rows: readonly R[]): R {
  const [row] = rows
  if (row === undefined) throw new Error('The feed has no head')
  return row
}
