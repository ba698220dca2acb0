/** Rows of callers. A key is never here, only its SHA-256. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { CallerRecord, Scope } from '../model/caller.ts'
import { StoreError } from '../model/error-code.ts'
import type { Page } from '../model/records.ts'
import type { Database } from './database.ts'
import { decodePageToken, readPage } from './page.ts'
import type { CallerReading } from './ports.ts'
import { CLOCK_SQL, msOf, msOrNullOf, msSql, timestampOf } from './value-types.ts'

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

type FoundRow = { readonly position: number; readonly read_at_ms: number } & (Row | { readonly [column in keyof Row]: null })

/** As a resolution: position and row of one snapshot, the time after it. */
const FIND_BY_KEY_SQL = `select head.position, ${msSql('clock_timestamp()')} as read_at_ms, ${COLUMNS.map((name) => `caller.${name}`).join(', ')}
  from access_head head left join caller on caller.key_hash = $1 and caller.revoked_at is null
  where head.only_row`

/** Prepared: it stands before a request whose caller is not known yet. */
export async function findCallerByKeyHash(database: Database, keyHash: Uint8Array): Promise<CallerReading> {
  const [row] = await database.queryPrepared<FoundRow>('castellan_caller_2', FIND_BY_KEY_SQL, [Buffer.from(keyHash)])
  if (row === undefined) throw new StoreError('The feed has no head: the database was not migrated, or its row was removed')
  const caller = row.id === null ? undefined : toRecord(row)
  const over = caller !== undefined && caller.expiresAtMs !== null && caller.expiresAtMs <= row.read_at_ms
  return { position: row.position, readAtMs: row.read_at_ms, caller: over ? undefined : caller }
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
