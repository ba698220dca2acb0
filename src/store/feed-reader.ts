/** The feed as one replica follows it, and the bell that wakes followers. Applies nothing (see access/feed-follower.ts). Floor 2. */
import { StoreError } from '../model/error-code.ts'
import { FEED_POSITIONS_READ_MAX } from '../model/limits.ts'
import type { Database } from './database.ts'
import { FEED_CHANNEL, FeedConnection } from './feed-connection.ts'
import type { Doorbell, FeedEntry, FeedReader, FeedReading, ReplicaReport } from './ports.ts'
import { registerReplica, unregisterReplica } from './replicas.ts'
import { CLOCK_SQL, msSql } from './value-types.ts'

export interface Feed {
  readonly reader: FeedReader
  readonly doorbell: Doorbell
  /** Closes what the feed opened; the database stays open. The replica's row stays too (see FeedReader.unregister). */
  close(): Promise<void>
}

/** What was written first at a position: its time to the microsecond, and what it says. */
const MARK = `floor(extract(epoch from at) * 1000000)::bigint || concat_ws('|', '', kind, tenant_id, user_id, caller_id, revision)`
/** $2 is absent at the start: then all is read, up to the head. */
const THROUGH = `least(head.position, $2::bigint + ${FEED_POSITIONS_READ_MAX})`

/**
 * The incarnation as written, and what a restore or a failover changes although it brings the row back as it was: the file of the table (a dump
 * that is read back makes another one) and PostgreSQL's timeline (each recovery and each promotion begins one).
 */
const INCARNATION = `head.incarnation::text || '.' || pg_relation_filenode('access_head') || '.' || left(pg_walfile_name(pg_current_wal_lsn()), 8)`

/**
 * $1 replica, $2 known position, $3 policy revision, $4 prepared revision. What is read is of one snapshot; the report joins it in one exchange.
 * The row is never made here: a replica must notice that somebody took it for dead.
 *
 * A beat that a crash forgets costs nothing, so it does not wait for the disk. That is said for this statement alone: a pooler may give its
 * session to a change afterwards, whose commit has to wait. A known position above the head is of a timeline that is gone; it must not
 * count for a change that takes that position anew.
 */
export const FEED_READ_SQL = `with quick as (select set_config('synchronous_commit', 'off', true) as value),
  report as (
    update replica set beat = beat + 1, known_position = (select case when $2::bigint <= position then $2::bigint end from access_head where only_row),
      policy_revision = $3::text,
      policy_since = case when policy_revision is distinct from $3::text then ${CLOCK_SQL} else policy_since end, prepared_revision = $4::text, seen_at = ${CLOCK_SQL}
    from quick where id = $1 and quick.value is not null returning id
  )
  select exists (select from report) as registered, ${INCARNATION} as incarnation, head.position as head, head.pruned_through,
    ${msSql('clock_timestamp()')} as at_ms, head.policy_revision, head.policy_position, head.cache_secret, ${THROUGH} as through,
    (select ${MARK} from access_changes where position = $2::bigint and ordinal = 0) as mark,
    (select ${MARK} from access_changes where position = ${THROUGH} and ordinal = 0) as through_mark,
    (select coalesce(json_agg(json_build_object('position', position, 'atMs', ${msSql('at')}, 'kind', kind, 'tenant', tenant_id,
        'user', user_id, 'caller', caller_id, 'revision', revision) order by position, ordinal), '[]')
      from access_changes where position > $2::bigint and position <= $2::bigint + ${FEED_POSITIONS_READ_MAX}) as changes
  from access_head head where head.only_row`

/** By time, then by position: one look-up in each index. */
const POSITION_BEFORE_SQL = `select greatest(head.pruned_through, (
    select position from access_changes where at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
    order by at desc, position desc limit 1
  )) as position from access_head head where head.only_row`

const RENEW_SQL = `update access_head set incarnation = default, cache_secret = default where incarnation = split_part($1, '.', 1)::uuid`

interface Row {
  readonly registered: boolean
  readonly incarnation: string
  readonly head: number
  readonly pruned_through: number
  readonly at_ms: number
  readonly policy_revision: string | null
  readonly policy_position: number
  readonly cache_secret: Uint8Array
  readonly through: number
  readonly mark: string | null
  readonly through_mark: string | null
  readonly changes: readonly ChangeColumns[]
}

interface ChangeColumns {
  readonly position: number
  readonly atMs: number
  readonly kind: string
  readonly tenant: string | null
  readonly user: string | null
  readonly caller: string | null
  readonly revision: string | null
}

/** How a statement reaches the database, and the bell that belongs to it. */
interface Line {
  ask(name: string, text: string, values: unknown[]): Promise<readonly Row[]>
  readonly doorbell: Doorbell
  close(): Promise<void>
}

/** Connects when it is first read. @param replicaId of this process alone */
export function openFeed(database: Database, replicaId: string): Feed {
  const line = openLine(database)
  return {
    reader: {
      register: () => registerReplica(database, replicaId),
      unregister: () => unregisterReplica(database, replicaId),
      read: async (report) => toReading(await line.ask('castellan_feed_2', FEED_READ_SQL, [replicaId, ...valuesOf(report)])),
      findPositionBefore: async (ageMs) => {
        const [row] = await database.queryPrepared<{ readonly position: number }>(undefined, POSITION_BEFORE_SQL, [ageMs])
        return theRow(row).position
      },
      renewIncarnation: async (old) => {
        await database.queryPrepared(undefined, RENEW_SQL, [old])
      },
    },
    doorbell: line.doorbell,
    close: () => line.close(),
  }
}

function openLine(database: Database): Line {
  const { createClient } = database
  if (createClient === undefined) return openLocalLine(database)
  const connection = new FeedConnection(() => createClient('castellan-feed'))
  let ringing = false
  let again = false
  const ring = (): void => {
    again = ringing
    if (ringing) return
    ringing = true
    const ended = () => {
      ringing = false
      if (again) ring()
    }
    // Through the pool: the feed's own connection may be waiting for an answer. A bell that does not ring costs nobody more than an interval.
    database.queryPrepared(undefined, 'select pg_notify($1, $2)', [FEED_CHANNEL, '']).then(ended, ended)
  }
  return {
    ask: (name, text, values) => connection.ask<Row>({ name, text, values }),
    doorbell: { ring, onRing: (listener) => connection.onNotification(listener) },
    close: () => connection.close(),
  }
}

/** One process has the database: who rings and who listens is the same. */
function openLocalLine(database: Database): Line {
  let hear: () => void = () => undefined
  let closed = false
  return {
    ask: async (name, text, values) => {
      if (closed) throw new StoreError('The feed is closed')
      return await database.queryPrepared<Row>(name, text, values)
    },
    doorbell: {
      ring: () => hear(),
      onRing: (listener) => {
        hear = listener
      },
    },
    close: async () => {
      closed = true
      hear = () => undefined
    },
  }
}

function valuesOf(report: ReplicaReport): unknown[] {
  return [report.knownPosition ?? null, report.policyRevision ?? null, report.preparedRevision ?? null]
}

function toReading(rows: readonly Row[]): FeedReading {
  const row = theRow(rows[0])
  return {
    registered: row.registered,
    incarnation: row.incarnation,
    head: row.head,
    prunedThrough: row.pruned_through,
    atMs: row.at_ms,
    ...(row.mark === null ? {} : { mark: row.mark }),
    ...(row.through_mark === null ? {} : { throughMark: row.through_mark }),
    changes: row.changes.flatMap(toEntries),
    through: row.through,
    ...(row.policy_revision === null ? {} : { policy: { revision: row.policy_revision, position: row.policy_position } }),
    cacheSecret: row.cache_secret,
  }
}

/** None for a `policy` without a revision: an older process wrote it, and it put nothing in force here. */
function toEntries({ position, atMs, kind, tenant, user, caller, revision }: ChangeColumns): FeedEntry[] {
  if (kind === 'assignment' && tenant !== null && user !== null) return [{ kind, tenant, user, position, atMs }]
  if (kind === 'user' && user !== null) return [{ kind, user, position, atMs }]
  if (kind === 'tenant' && tenant !== null) return [{ kind, tenant, position, atMs }]
  if (kind === 'caller' && caller !== null) return [{ kind, caller, position, atMs }]
  if (kind === 'policy' && revision === null) return []
  if ((kind === 'revision' || kind === 'policy') && revision !== null) return [{ kind, revision, position, atMs }]
  // What it touches cannot be known, so nothing after it can be trusted.
  throw new StoreError(`The feed has a change of kind ${kind}, which this build does not know`)
}

function theRow<R>(row: R | undefined): R {
  if (row === undefined) throw new StoreError('The feed has no head: the database was not migrated, or its row was removed')
  return row
}
