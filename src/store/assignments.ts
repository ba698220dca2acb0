/** Rows of role assignments. Nothing here deletes: revoking marks. Floor 2. */
import type { Knex } from 'knex'
import type { Assignment } from '../model/access-state.ts'
import type { PageInput } from '../model/administration.ts'
import type { AssignmentRecord, Page } from '../model/records.ts'
import { decodePageToken, readPage } from './page.ts'
import { CLOCK_SQL, msOf, msOrNullOf, timestampOf } from './value-types.ts'

const COLUMNS = [
  'id',
  'user_id',
  'tenant_id',
  'role',
  'valid_from',
  'expires_at',
  'reason',
  'created_by',
  'created_at',
  'revoked_at',
  'revoked_by',
] as const

interface Row {
  readonly id: string
  readonly user_id: string
  readonly tenant_id: string
  readonly role: string
  readonly valid_from: Date
  readonly expires_at: Date | null
  readonly reason: string | null
  readonly created_by: string
  readonly created_at: Date
  readonly revoked_at: Date | null
  readonly revoked_by: string | null
}

export type NewAssignment = Assignment & {
  readonly tenant: string
  readonly user: string
  readonly reason: string | null
  readonly createdBy: string
}

const NOT_OVER = '(expires_at is null or expires_at > now())'

export async function listAssignments(
  db: Knex,
  tenant: string,
  user: string,
  history: boolean,
  page: PageInput,
): Promise<Page<AssignmentRecord>> {
  const after = decodePageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.id,
    async (limit) => {
      let query = ofPair(db, tenant, user).limit(limit)
      if (!history) query = query.whereNull('revoked_at').whereRaw(NOT_OVER)
      if (after !== undefined) query = query.where('id', '>', after)
      return (await query).map(toRecord)
    },
  )
}

export async function listLiveAssignments(db: Knex, tenant: string, user: string, nowMs: number): Promise<readonly AssignmentRecord[]> {
  const notOver = ofPair(db, tenant, user)
    .whereNull('revoked_at')
    .whereRaw('(expires_at is null or expires_at > ?)', [timestampOf(nowMs)])
  return (await notOver).map(toRecord)
}

export async function listEndedAssignments(db: Knex, user: string, fromMs: number, untilMs: number): Promise<readonly AssignmentRecord[]> {
  const rows: readonly Row[] = await db('role_assignment')
    .select(...COLUMNS)
    .where({ user_id: user })
    .whereNull('revoked_at')
    .where('expires_at', '>=', timestampOf(fromMs))
    .where('expires_at', '<', timestampOf(untilMs))
    .orderBy('id')
  return rows.map(toRecord)
}

export async function everHeld(db: Knex, tenant: string, user: string, role: string): Promise<boolean> {
  const row: unknown = await db('role_assignment').where({ tenant_id: tenant, user_id: user, role }).first('id')
  return row !== undefined
}

/** Active users with one of `roles` in force, by id. An index of [tenant, role] leads to them. */
export async function listHolderIds(db: Knex, tenant: string, roles: readonly string[], limit: number): Promise<readonly string[]> {
  const rows: readonly { readonly user_id: string }[] = await db('role_assignment')
    .join('subject', 'subject.id', 'role_assignment.user_id')
    .distinct('user_id')
    .where({ tenant_id: tenant, state: 'active' })
    .whereIn('role', [...roles])
    .whereNull('revoked_at')
    .whereRaw(`valid_from <= ${CLOCK_SQL} and (expires_at is null or expires_at > ${CLOCK_SQL})`)
    .orderBy('user_id')
    .limit(limit)
  return rows.map((row) => row.user_id)
}

/** In an active tenant, at this moment; as of the statement, so after a wait for a lock it sees what was committed meanwhile. */
export async function holdsRole(db: Knex, tenant: string, user: string, roles: readonly string[]): Promise<boolean> {
  const row: unknown = await db('role_assignment')
    .join('tenant', 'tenant.id', 'role_assignment.tenant_id')
    .where({ tenant_id: tenant, user_id: user, 'tenant.state': 'active' })
    .whereIn('role', [...roles])
    .whereNull('revoked_at')
    .whereRaw(`valid_from <= clock_timestamp() and (role_assignment.expires_at is null or role_assignment.expires_at > clock_timestamp())`)
    .first('role_assignment.id')
  return row !== undefined
}

export async function findAssignment(db: Knex, id: string): Promise<AssignmentRecord | undefined> {
  const row: Row | undefined = await db('role_assignment')
    .where({ id })
    .forNoKeyUpdate()
    .first(...COLUMNS)
  return row === undefined ? undefined : toRecord(row)
}

export async function insertAssignment(db: Knex, assignment: NewAssignment): Promise<AssignmentRecord> {
  const rows: readonly Row[] = await db('role_assignment')
    .insert({
      id: assignment.id,
      user_id: assignment.user,
      tenant_id: assignment.tenant,
      role: assignment.role,
      valid_from: timestampOf(assignment.validFromMs),
      expires_at: assignment.expiresAtMs === null ? null : timestampOf(assignment.expiresAtMs),
      reason: assignment.reason,
      created_by: assignment.createdBy,
    })
    .returning([...COLUMNS])
  const [row] = rows
  if (row === undefined) throw new Error('An inserted assignment was not returned')
  return toRecord(row)
}

/** Those revoked before keep their first revocation. */
export async function revokeAssignments(db: Knex, ids: readonly string[], revokedBy: string): Promise<readonly AssignmentRecord[]> {
  await db('role_assignment')
    .whereIn('id', [...ids])
    .whereNull('revoked_at')
    .update({ revoked_at: db.raw(CLOCK_SQL), revoked_by: revokedBy })
  const rows: readonly Row[] = await db('role_assignment')
    .select(...COLUMNS)
    .whereIn('id', [...ids])
    .orderBy('id')
  return rows.map(toRecord)
}

function ofPair(db: Knex, tenant: string, user: string): Knex.QueryBuilder<Row, Row[]> {
  return db<Row>('role_assignment')
    .select<Row[]>(...COLUMNS)
    .where({ user_id: user, tenant_id: tenant })
    .orderBy('id')
}

function toRecord(row: Row): AssignmentRecord {
  return {
    id: row.id,
    role: row.role,
    validFromMs: msOf(row.valid_from),
    expiresAtMs: msOrNullOf(row.expires_at),
    tenant: row.tenant_id,
    user: row.user_id,
    reason: row.reason,
    createdAtMs: msOf(row.created_at),
    createdBy: row.created_by,
    revokedAtMs: msOrNullOf(row.revoked_at),
    revokedBy: row.revoked_by,
  }
}
