/** Rows of tenants. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { Attributes } from '../model/condition.ts'
import { TENANTS_TO_CHOOSE_MAX } from '../model/identity-limits.ts'
import type { Page, TenantRecord } from '../model/records.ts'
import { decodePageToken, readPage } from './page.ts'
import { msOf } from './value-types.ts'

const COLUMNS = ['id', 'display_name', 'state', 'attributes', 'created_at'] as const

interface Row {
  readonly id: string
  readonly display_name: string | null
  readonly state: TenantRecord['state']
  readonly attributes: Attributes
  readonly created_at: Date
}

export async function findTenant(db: Knex, tenant: string): Promise<TenantRecord | undefined> {
  return recordOf(
    await db<Row>('tenant')
      .where({ id: tenant })
      .first(...COLUMNS),
  )
}

/** Held until the end of the transaction. Rows that merely refer to the tenant can still be written by others. */
export async function lockTenant(db: Knex, tenant: string): Promise<TenantRecord | undefined> {
  return recordOf(
    await db<Row>('tenant')
      .where({ id: tenant })
      .forNoKeyUpdate()
      .first(...COLUMNS),
  )
}

export async function ensureTenant(db: Knex, tenant: string): Promise<{ readonly record: TenantRecord; readonly created: boolean }> {
  // Waits for a transaction that is inserting the same id, so that the lock below always finds the row.
  const inserted = await db('tenant').insert({ id: tenant }).onConflict('id').ignore().returning('id')
  const record = await lockTenant(db, tenant)
  if (record === undefined) throw new Error('A tenant that was just inserted is not there')
  return { record, created: inserted.length > 0 }
}

export async function updateTenant(db: Knex, record: TenantRecord): Promise<void> {
  const changed: number = await db('tenant')
    .where({ id: record.id })
    .update({ display_name: record.displayName, state: record.state, attributes: JSON.stringify(record.attributes) })
  if (changed !== 1) throw new Error('A tenant to be updated is not there')
}

export async function listTenants(db: Knex, tenants: readonly string[] | null, page: PageInput): Promise<Page<TenantRecord>> {
  const after = decodePageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.id,
    async (limit) => {
      const query: Knex.QueryBuilder<Row, Row[]> = db<Row>('tenant')
        .select<Row[]>(...COLUMNS)
        .orderBy('id')
        .limit(limit)
      // In the statement, not after it: a page cut before the filter would name others' tenants in its token.
      if (tenants !== null) query.whereIn('id', [...tenants])
      if (after !== undefined) query.where('id', '>', after)
      return (await query).map(toRecord)
    },
  )
}

/** Those in which a person may work now. */
export async function listTenantsOf(db: Knex, user: string): Promise<readonly TenantRecord[]> {
  const held = db('role_assignment')
    .select('tenant_id')
    .where({ user_id: user })
    .whereNull('revoked_at')
    .whereRaw('valid_from <= now() and (expires_at is null or expires_at > now())')
  const rows: readonly Row[] = await db<Row>('tenant')
    .select<Row[]>(...COLUMNS)
    .where({ state: 'active' })
    .whereIn('id', held)
    .orderBy('id')
    .limit(TENANTS_TO_CHOOSE_MAX)
  return rows.map(toRecord)
}

function recordOf(row: Row | undefined): TenantRecord | undefined {
  return row === undefined ? undefined : toRecord(row)
}

function toRecord(row: Row): TenantRecord {
  return { id: row.id, displayName: row.display_name, state: row.state, attributes: row.attributes, createdAtMs: msOf(row.created_at) }
}
