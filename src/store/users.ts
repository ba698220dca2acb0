/** Rows of users, in table `subject`. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { Attributes } from '../model/condition.ts'
import type { Page, UserRecord } from '../model/records.ts'
import { decodePageToken, readPage } from './page.ts'
import { msOf, timestampOf } from './value-types.ts'

const COLUMNS = ['id', 'email', 'display_name', 'attributes', 'state', 'state_reason', 'state_changed_at', 'epoch', 'created_at'] as const

/**
 * The address of a user as it is looked for: the expression of an index. Lower case of ASCII only, under every locale: a Turkish dotted I must
 * not become an i, which would be somebody else's address.
 */
export const EMAIL_SQL = `lower(normalize(email, NFKC) collate "C")`

interface Row {
  readonly id: string
  readonly email: string | null
  readonly display_name: string | null
  readonly attributes: Attributes
  readonly state: UserRecord['state']
  readonly state_reason: string | null
  readonly state_changed_at: Date
  readonly epoch: number
  readonly created_at: Date
}

export async function findUser(db: Knex, user: string): Promise<UserRecord | undefined> {
  return recordOf(
    await db<Row>('subject')
      .where({ id: user })
      .first(...COLUMNS),
  )
}

/** Held until the end of the transaction. Rows that merely refer to the user can still be written by others. */
export async function lockUser(db: Knex, user: string): Promise<UserRecord | undefined> {
  return recordOf(
    await db<Row>('subject')
      .where({ id: user })
      .forNoKeyUpdate()
      .first(...COLUMNS),
  )
}

export async function ensureUser(db: Knex, user: string): Promise<{ readonly record: UserRecord; readonly created: boolean }> {
  // Waits for a transaction that is inserting the same id, so that the lock below always finds the row.
  const inserted = await db('subject').insert({ id: user }).onConflict('id').ignore().returning('id')
  const record = await lockUser(db, user)
  if (record === undefined) throw new Error('A user that was just inserted is not there')
  return { record, created: inserted.length > 0 }
}

export async function updateUser(db: Knex, record: UserRecord, stateReason: string | null): Promise<void> {
  const changed: number = await db('subject')
    .where({ id: record.id })
    .update({
      email: record.email,
      display_name: record.displayName,
      attributes: JSON.stringify(record.attributes),
      state: record.state,
      state_reason: stateReason,
      state_changed_at: timestampOf(record.stateChangedAtMs),
      epoch: record.epoch,
    })
  if (changed !== 1) throw new Error('A user to be updated is not there')
}

/** Two at most: more than one is all that anybody needs to know. @param email normalized */
export async function listUsersByEmail(db: Knex, email: string): Promise<readonly UserRecord[]> {
  const rows: readonly Row[] = await db<Row>('subject')
    .select<Row[]>(...COLUMNS)
    .whereNotNull('email')
    .whereRaw(`${EMAIL_SQL} = ?`, [email])
    .orderBy('id')
    .limit(2)
  return rows.map(toRecord)
}

export async function listUsers(db: Knex, page: PageInput): Promise<Page<UserRecord>> {
  const after = decodePageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.id,
    async (limit) => {
      const query = db<Row>('subject')
        .select(...COLUMNS)
        .orderBy('id')
        .limit(limit)
      const rows: readonly Row[] = await (after === undefined ? query : query.where('id', '>', after))
      return rows.map(toRecord)
    },
  )
}

function recordOf(row: Row | undefined): UserRecord | undefined {
  return row === undefined ? undefined : toRecord(row)
}

function toRecord(row: Row): UserRecord {
  return {
    id: row.id,
    email: row.email,
    displayName: row.display_name,
    attributes: row.attributes,
    state: row.state,
    epoch: row.epoch,
    stateReason: row.state_reason,
    stateChangedAtMs: msOf(row.state_changed_at),
    createdAtMs: msOf(row.created_at),
  }
}
