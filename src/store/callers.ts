/** Rows of callers. A key is never here, only its SHA-256. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { CallerRecord, Scope } from '../model/caller.ts'
import type { Page } from '../model/records.ts'
import type { Database } from './database.ts'
import { decodePageToken, readPage } from './page.ts'
import { CLOCK_SQL, msOf, msOrNullOf, timestampOf } from './value-types.ts'

const COLUMNS = ['id', 'name', 'scopes', 'tenants', 'created_at', 'expires_at', 'revoked_at'] as const

interface Row {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly tenants: readonly string[] | null
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
}

const FIND_BY_KEY_SQL = `select ${COLUMNS.join(', ')} from caller
  where key_hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())`

/** Stands before every request, so it is prepared. */
export async function findCallerByKeyHash(database: Database, keyHash: Uint8Array): Promise<CallerRecord | undefined> {
  const [row] = await database.queryPrepared<Row>('castellan_caller_1', FIND_BY_KEY_SQL, [Buffer.from(keyHash)])
  return row === undefined ? undefined : toRecord(row)
}

/** Held until the end of the transaction. */
export async function findCaller(db: Knex, id: string): Promise<CallerRecord | undefined> {
  const row: Row | undefined = await db('caller')
    .where({ id })
    .forNoKeyUpdate()
    .first(...COLUMNS)
  return row === undefined ? undefined : toRecord(row)
}

export async function listCallers(db: Knex, page: PageInput): Promise<Page<CallerRecord>> {
  const after = decodePageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.id,
    async (limit) => {
      const query = db('caller')
        .select(...COLUMNS)
        .orderBy('id')
        .limit(limit)
      const rows: readonly Row[] = await (after === undefined ? query : query.where('id', '>', after))
      return rows.map(toRecord)
    },
  )
}

export async function insertCaller(
  db: Knex,
  caller: Omit<CallerRecord, 'createdAtMs' | 'revokedAtMs'>,
  keyHash: Uint8Array,
): Promise<CallerRecord> {
  const rows: readonly Row[] = await db('caller')
    .insert({
      id: caller.id,
      name: caller.name,
      key_hash: Buffer.from(keyHash),
      scopes: [...caller.scopes],
      tenants: caller.tenants === null ? null : [...caller.tenants],
      expires_at: caller.expiresAtMs === null ? null : timestampOf(caller.expiresAtMs),
    })
    .returning([...COLUMNS])
  const [row] = rows
  if (row === undefined) throw new Error('An inserted caller was not returned')
  return toRecord(row)
}

/** One that was revoked before keeps its first revocation. */
export async function revokeCaller(db: Knex, id: string): Promise<CallerRecord | undefined> {
  const rows: readonly Row[] = await db('caller')
    .where({ id })
    .update({ revoked_at: db.raw(`coalesce(revoked_at, ${CLOCK_SQL})`) })
    .returning([...COLUMNS])
  const [row] = rows
  return row === undefined ? undefined : toRecord(row)
}

function toRecord(row: Row): CallerRecord {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    tenants: row.tenants,
    createdAtMs: msOf(row.created_at),
    expiresAtMs: msOrNullOf(row.expires_at),
    revokedAtMs: msOrNullOf(row.revoked_at),
  }
}
