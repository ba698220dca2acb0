/** Rows of callers. A key is never here, only its SHA-256. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { CallerReading, CallerRecord, Scope } from '../model/caller.ts'
import { StoreError } from '../model/error-code.ts'
import { idFault } from '../model/ids.ts'
import type { Page } from '../model/records.ts'
import type { Database } from './database.ts'
import { decodePageToken, readPage } from './page.ts'
import { CLOCK_SQL, intervalSql, msOf, msOrNullOf, msSql, timestampOf } from './value-types.ts'

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
const findSql = (caller: string): string =>
  `select head.position, ${msSql('clock_timestamp()')} as read_at_ms, ${COLUMNS.map((name) => `caller.${name}`).join(', ')}
  from access_head head left join ${caller} on true
  where head.only_row`

/**
 * By its key, or by the one before while that is kept: two look-ups in two indexes. Who comes with the previous key is over with it, so that
 * nobody who remembers him lets him in any longer.
 */
const FIND_BY_KEY_SQL = findSql(`lateral (
    select ${COLUMNS.join(', ')} from caller where key_hash = $1 and revoked_at is null
    union all
    select ${COLUMNS.map((name) => (name === 'expires_at' ? 'least(expires_at, previous_key_until)' : name)).join(', ')}
    from caller where previous_key_hash = $1 and revoked_at is null
    limit 1
  ) caller`)

const FIND_BY_ID_SQL = findSql(`lateral (select ${COLUMNS.join(', ')} from caller where id = $1 and revoked_at is null) caller`)

/** Prepared: it stands before a request whose caller is not known yet. */
export async function findCallerByKeyHash(database: Database, keyHash: Uint8Array): Promise<CallerReading> {
  return await readCaller(database, 'castellan_caller_3', FIND_BY_KEY_SQL, Buffer.from(keyHash))
}

/** Prepared. What is no id is nobody. */
export async function findCallerById(database: Database, id: string): Promise<CallerReading> {
  return await readCaller(database, 'castellan_caller_by_id_1', FIND_BY_ID_SQL, idFault(id) === undefined ? id : null)
}

async function readCaller(database: Database, name: string, sql: string, value: Buffer | string | null): Promise<CallerReading> {
  const [row] = await database.queryPrepared<FoundRow>(name, sql, [value])
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

/** The key before this one ends at once, if there was one: two are good at a time. */
export async function rotateCallerKey(db: Knex, id: string, keyHash: Uint8Array, keptMs: number): Promise<void> {
  const changed: number = await db('caller')
    .where({ id })
    .whereNull('revoked_at')
    .update({
      key_hash: Buffer.from(keyHash),
      previous_key_hash: db.raw('key_hash'),
      previous_key_until: db.raw(`${CLOCK_SQL} + ${intervalSql(':keptMs')}`, { keptMs }),
    })
  if (changed !== 1) throw new Error('A caller to be given a key is not there or was revoked')
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
