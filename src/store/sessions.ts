/** Rows of sessions: logins and the counters of their refresh tokens, never a token. Judges none of them. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import { StoreError } from '../model/error-code.ts'
import type { SessionEnd, SessionRecord } from '../model/identity.ts'
import type { Page } from '../model/records.ts'
import type { Database } from './database.ts'
import type { NewSession, SessionChoice, SessionReading } from './identity-ports.ts'
import { decodeUuidPageToken, readPage } from './page.ts'
import { isUuid } from './uuid.ts'
import { CLOCK_SQL, intervalSql, msOf, msOrNullOf, msSql, timestampOf } from './value-types.ts'

const COLUMNS = [
  'id',
  'login_id',
  'user_id',
  'client_id',
  'tenant_id',
  'epoch',
  'counter',
  'rotated_at',
  'rotated_agent',
  'agent',
  'amr',
  'cookie',
  'authenticated_at',
  'created_at',
  'idle_expires_at',
  'expires_at',
  'revoked_at',
  'revoked_reason',
] as const

interface Row {
  readonly id: string
  readonly login_id: string
  readonly user_id: string
  readonly client_id: string
  readonly tenant_id: string | null
  readonly epoch: number
  readonly counter: number
  readonly rotated_at: Date
  readonly rotated_agent: Uint8Array | null
  readonly agent: string | null
  readonly amr: readonly string[]
  readonly cookie: boolean
  readonly authenticated_at: Date
  readonly created_at: Date
  readonly idle_expires_at: Date
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly revoked_reason: SessionEnd | null
}

type FoundRow = { readonly position: number; readonly read_at_ms: number } & (Row | { readonly [column in keyof Row]: null })

const OF_SESSION = COLUMNS.map((name) => `session.${name}`).join(', ')
const LIVE = 'session.revoked_at is null and least(session.expires_at, session.idle_expires_at) > clock_timestamp()'

/** As a resolution: position and row of one snapshot, the time after it. */
const FIND_SQL = `select head.position, ${msSql('clock_timestamp()')} as read_at_ms, ${OF_SESSION}
  from access_head head left join login_session session on session.id = $1::uuid
  where head.only_row`

const INSERT_SQL = `with clock as materialized (select ${CLOCK_SQL} as now),
    moment as (select now, least(now + ${intervalSql(':lifeMs')}, :endsAt::timestamptz) as ends from clock)
  insert into login_session as session (id, login_id, user_id, client_id, tenant_id, epoch, rotated_at, rotated_agent, agent, amr,
    cookie, authenticated_at, created_at, idle_expires_at, expires_at)
  select :id::uuid, :loginId::uuid, :user::text, :client::text, :tenant::text, :epoch::bigint, now, :rotatedAgent::bytea, :agent::text,
    :amr::text[], :cookie::boolean, coalesce(:authenticatedAt::timestamptz, now), now,
    least(now + ${intervalSql(':idleMs')}, ends), ends
  from moment
  returning ${OF_SESSION}`

const ROTATE_SQL = `update login_session session set counter = counter + 1, rotated_at = ${CLOCK_SQL}, rotated_agent = :agent::bytea,
    idle_expires_at = least(${CLOCK_SQL} + ${intervalSql(':idleMs')}, expires_at)
  where id = :id::uuid and revoked_at is null
  returning ${OF_SESSION}`

/**
 * Locked first, as they are after any wait, so that each is ended once; and in the order of their ids, so that two who end the same ones wait for
 * each other instead of deadlocking.
 */
const revokeSql = (which: string): string => `with ending as materialized (
    select id from login_session session where ${which} and ${LIVE} order by id for no key update
  )
  update login_session session set revoked_at = ${CLOCK_SQL}, revoked_reason = :reason::text
  from ending where session.id = ending.id
  returning ${OF_SESSION}`
const REVOKE_OF_LOGIN_SQL = revokeSql('login_id = :loginId::uuid')
const REVOKE_OF_USER_SQL = revokeSql('user_id = :user::text and (:exceptLoginId::uuid is null or login_id <> :exceptLoginId::uuid)')
const REVOKE_OLDEST_SQL = revokeSql(`id in (
    select session.id from login_session session where user_id = :user::text and ${LIVE}
    order by session.created_at desc, session.id desc offset :kept::integer
  )`)
const REVOKE_OF_CLIENT_SQL = revokeSql('client_id = :client::text')

/** Prepared: it stands before every check by token. */
export async function findSession(database: Database, id: string): Promise<SessionReading> {
  const [row] = await database.queryPrepared<FoundRow>('castellan_session_1', FIND_SQL, [isUuid(id) ? id : null])
  if (row === undefined) throw new StoreError('The feed has no head: the database was not migrated, or its row was removed')
  return { position: row.position, readAtMs: row.read_at_ms, session: row.id === null ? undefined : toRecord(row) }
}

export async function listSessions(db: Knex, user: string, page: PageInput): Promise<Page<SessionRecord>> {
  const after = decodeUuidPageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.id,
    async (limit) => {
      const query: Knex.QueryBuilder<Row, Row[]> = db({ session: 'login_session' })
        .join({ account: 'subject' }, 'account.id', 'session.user_id')
        .select<Row[]>(COLUMNS.map((name) => `session.${name}`))
        .where('session.user_id', user)
        .whereRaw(`${LIVE} and session.epoch = account.epoch`)
        .orderBy('session.id')
        .limit(limit)
      if (after !== undefined) query.where('session.id', '>', after)
      return (await query).map(toRecord)
    },
  )
}

export async function insertSession(db: Knex, session: NewSession): Promise<SessionRecord> {
  const answer: { rows: readonly Row[] } = await db.raw(INSERT_SQL, {
    id: session.id,
    loginId: session.loginId ?? session.id,
    user: session.user,
    client: session.clientId,
    tenant: session.tenant,
    epoch: session.epoch,
    rotatedAgent: session.rotatedAgent === null ? null : Buffer.from(session.rotatedAgent),
    agent: session.agent,
    amr: [...session.amr],
    cookie: session.cookie,
    authenticatedAt: session.authenticatedAtMs === undefined ? null : timestampOf(session.authenticatedAtMs),
    endsAt: session.expiresAtMs === undefined ? null : timestampOf(session.expiresAtMs),
    idleMs: session.idleMs,
    lifeMs: session.lifeMs,
  })
  return theRecord(answer.rows, 'An inserted session was not returned')
}

/** Held until the end of the transaction. */
export async function lockSession(db: Knex, id: string): Promise<SessionRecord | undefined> {
  if (!isUuid(id)) return undefined
  const row: Row | undefined = await db('login_session')
    .where({ id })
    .forNoKeyUpdate()
    .first(...COLUMNS)
  return row === undefined ? undefined : toRecord(row)
}

export async function rotateSession(db: Knex, id: string, agentHash: Uint8Array, idleMs: number): Promise<SessionRecord> {
  const answer: { rows: readonly Row[] } = await db.raw(ROTATE_SQL, { id, agent: Buffer.from(agentHash), idleMs })
  return theRecord(answer.rows, 'A session to be rotated is not there or was ended')
}

export async function revokeSessions(db: Knex, which: SessionChoice, reason: SessionEnd): Promise<readonly SessionRecord[]> {
  return byId(await revokeRows(db, which, reason))
}

/** By their beginning; those that end now are beyond the newest `kept`. */
export async function revokeOldestSessions(db: Knex, user: string, kept: number, reason: SessionEnd): Promise<readonly SessionRecord[]> {
  const answer: { rows: readonly Row[] } = await db.raw(REVOKE_OLDEST_SQL, { user, kept, reason })
  return byId(answer.rows)
}

function byId(rows: readonly Row[]): readonly SessionRecord[] {
  return rows.map(toRecord).sort((a, b) => (a.id < b.id ? -1 : 1))
}

async function revokeRows(db: Knex, which: SessionChoice, reason: SessionEnd): Promise<readonly Row[]> {
  const ask = async (sql: string, values: Readonly<Record<string, string | null>>): Promise<readonly Row[]> => {
    const answer: { rows: readonly Row[] } = await db.raw(sql, { ...values, reason })
    return answer.rows
  }
  if ('loginId' in which) return isUuid(which.loginId) ? await ask(REVOKE_OF_LOGIN_SQL, { loginId: which.loginId }) : []
  if ('clientId' in which) return await ask(REVOKE_OF_CLIENT_SQL, { client: which.clientId })
  // What is no id is nobody's login to spare.
  const exceptLoginId = which.exceptLoginId !== undefined && isUuid(which.exceptLoginId) ? which.exceptLoginId : null
  return await ask(REVOKE_OF_USER_SQL, { user: which.user, exceptLoginId })
}

function theRecord(rows: readonly Row[], fault: string): SessionRecord {
  const [row] = rows
  if (row === undefined) throw new Error(fault)
  return toRecord(row)
}

function toRecord(row: Row): SessionRecord {
  return {
    id: row.id,
    loginId: row.login_id,
    user: row.user_id,
    clientId: row.client_id,
    tenant: row.tenant_id,
    epoch: row.epoch,
    counter: row.counter,
    rotatedAtMs: msOf(row.rotated_at),
    rotatedAgent: row.rotated_agent,
    agent: row.agent,
    amr: row.amr,
    cookie: row.cookie,
    authenticatedAtMs: msOf(row.authenticated_at),
    createdAtMs: msOf(row.created_at),
    idleExpiresAtMs: msOf(row.idle_expires_at),
    expiresAtMs: msOf(row.expires_at),
    revokedAtMs: msOrNullOf(row.revoked_at),
    revokedReason: row.revoked_reason,
  }
}
