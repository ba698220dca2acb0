/** Rows of applications that people log in to, in table `login_client`. Services are callers. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { LoginClientRecord } from '../model/identity.ts'
import { idFault } from '../model/ids.ts'
import type { Page } from '../model/records.ts'
import { decodePageToken, readPage } from './page.ts'
import { CLOCK_SQL, msOf, msOrNullOf } from './value-types.ts'

const COLUMNS = ['id', 'name', 'redirect_uris', 'created_at', 'revoked_at'] as const

interface Row {
  readonly id: string
  readonly name: string
  readonly redirect_uris: readonly string[]
  readonly created_at: Date
  readonly revoked_at: Date | null
}

type ClientFields = Pick<LoginClientRecord, 'id' | 'name' | 'redirectUris'>

export async function findClient(db: Knex, id: string): Promise<LoginClientRecord | undefined> {
  // It comes from whoever asks for a login; what is no id cannot even be asked for.
  if (idFault(id) !== undefined) return undefined
  return recordOf(
    await db<Row>('login_client')
      .where({ id })
      .first(...COLUMNS),
  )
}

/** Held until the end of the transaction. Rows that merely refer to it can still be written by others, but not by who holds it (`holdClient`). */
export async function lockClient(db: Knex, id: string): Promise<LoginClientRecord | undefined> {
  if (idFault(id) !== undefined) return undefined
  return recordOf(
    await db<Row>('login_client')
      .where({ id })
      .forNoKeyUpdate()
      .first(...COLUMNS),
  )
}

/** Held until the end of the transaction, together with others who hold it. Who refers to it holds too little: that stops no revocation. */
export async function holdClient(db: Knex, id: string): Promise<LoginClientRecord | undefined> {
  if (idFault(id) !== undefined) return undefined
  return recordOf(
    await db<Row>('login_client')
      .where({ id })
      .forShare()
      .first(...COLUMNS),
  )
}

export async function listClients(db: Knex, page: PageInput): Promise<Page<LoginClientRecord>> {
  const after = decodePageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.id,
    async (limit) => {
      const query = db<Row>('login_client')
        .select(...COLUMNS)
        .orderBy('id')
        .limit(limit)
      const rows: readonly Row[] = await (after === undefined ? query : query.where('id', '>', after))
      return rows.map(toRecord)
    },
  )
}

/** As `ensureUser`: of two who register one id at once the second waits, and then has the row of the first. */
export async function ensureClient(
  db: Knex,
  client: ClientFields,
): Promise<{ readonly record: LoginClientRecord; readonly created: boolean }> {
  const inserted = await db('login_client')
    .insert({ id: client.id, name: client.name, redirect_uris: [...client.redirectUris] })
    .onConflict('id')
    .ignore()
    .returning('id')
  const record = await lockClient(db, client.id)
  if (record === undefined) throw new Error('An application that was just registered is not there')
  return { record, created: inserted.length > 0 }
}

export async function insertClient(db: Knex, client: ClientFields): Promise<LoginClientRecord> {
  const rows: readonly Row[] = await db('login_client')
    .insert({ id: client.id, name: client.name, redirect_uris: [...client.redirectUris] })
    .returning([...COLUMNS])
  return theRecord(rows, 'An inserted application was not returned')
}

export async function updateClient(db: Knex, client: ClientFields): Promise<LoginClientRecord> {
  const rows: readonly Row[] = await db('login_client')
    .where({ id: client.id })
    .update({ name: client.name, redirect_uris: [...client.redirectUris] })
    .returning([...COLUMNS])
  return theRecord(rows, 'An application to be updated is not there')
}

/** One that was revoked before keeps its first revocation. */
export async function revokeClient(db: Knex, id: string): Promise<LoginClientRecord | undefined> {
  const rows: readonly Row[] = await db('login_client')
    .where({ id })
    .update({ revoked_at: db.raw(`coalesce(revoked_at, ${CLOCK_SQL})`) })
    .returning([...COLUMNS])
  return recordOf(rows[0])
}

function theRecord(rows: readonly Row[], fault: string): LoginClientRecord {
  const record = recordOf(rows[0])
  if (record === undefined) throw new Error(fault)
  return record
}

function recordOf(row: Row | undefined): LoginClientRecord | undefined {
  return row === undefined ? undefined : toRecord(row)
}

function toRecord(row: Row): LoginClientRecord {
  return {
    id: row.id,
    name: row.name,
    redirectUris: row.redirect_uris,
    createdAtMs: msOf(row.created_at),
    revokedAtMs: msOrNullOf(row.revoked_at),
  }
}
