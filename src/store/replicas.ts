/** Rows of replicas: who follows the feed, and how far each has come. Judges none of them. Floor 2. */
import type { Database } from './database.ts'
import type { ReplicaRecord, ReplicaRegistry } from './ports.ts'
import { CLOCK_SQL, msOf, msOrNullOf, msSql } from './value-types.ts'

interface Row {
  readonly id: string
  readonly beat: number
  readonly known_position: number | null
  readonly policy_revision: string | null
  readonly policy_since: Date | null
  readonly prepared_revision: string | null
  readonly started_at: Date
  readonly seen_at: Date
}

const LIST_SQL = `select id, beat, known_position, policy_revision, policy_since, prepared_revision, started_at, seen_at from replica order by id`

/** The first beat is the time, not 0: a row that went and came back never has a beat that somebody still takes for that of a dead one. */
const FIRST_BEAT = msSql('clock_timestamp()')
const REGISTER_SQL = `insert into replica (id, beat) values ($1, ${FIRST_BEAT})
  on conflict (id) do update set beat = greatest(replica.beat + 1, excluded.beat), known_position = null, policy_revision = null,
    policy_since = null, prepared_revision = null, started_at = ${CLOCK_SQL}, seen_at = ${CLOCK_SQL}`

export function openReplicaRegistry(database: Database): ReplicaRegistry {
  return {
    list: async () => (await database.queryPrepared<Row>('castellan_replicas_2', LIST_SQL, [])).map(toRecord),
    remove: async (id, beat) => {
      await database.queryPrepared(undefined, 'delete from replica where id = $1 and beat = $2', [id, beat])
    },
  }
}

/** Through the pool, whose commits are durable: a row that a crash takes back would be a replica that nobody waits for. */
export async function registerReplica(database: Database, id: string): Promise<void> {
  await database.queryPrepared(undefined, REGISTER_SQL, [id])
}

export async function unregisterReplica(database: Database, id: string): Promise<void> {
  await database.queryPrepared(undefined, 'delete from replica where id = $1', [id])
}

function toRecord(row: Row): ReplicaRecord {
  return {
    id: row.id,
    beat: row.beat,
    knownPosition: row.known_position,
    policyRevision: row.policy_revision,
    policySinceMs: msOrNullOf(row.policy_since),
    preparedRevision: row.prepared_revision,
    startedAtMs: msOf(row.started_at),
    seenAtMs: msOf(row.seen_at),
  }
}
