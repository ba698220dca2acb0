/** Rows of login challenges: asked for, tried, consumed, dead. Their mail is in outbox.ts; secrets are here as digests only. Floor 2. */
import type { Knex } from 'knex'
import type { ChallengeRecord } from '../model/identity.ts'
import { CODE_TRIES_MAX } from '../model/identity-limits.ts'
import type { NewChallenge } from './identity-ports.ts'
import { EMAIL_SQL } from './users.ts'
import { isUuid } from './uuid.ts'
import { CLOCK_SQL, intervalSql, msOf, msOrNullOf } from './value-types.ts'

export const CHALLENGE_COLUMNS = [
  'id',
  'kind',
  'email',
  'user_id',
  'client_id',
  'redirect_uri',
  'tenant_id',
  'locale',
  'agent',
  'binding_hash',
  'token_hash',
  'code_hash',
  'tries',
  'mail_state',
  'mail_attempts',
  'created_at',
  'expires_at',
  'consumed_at',
  'consumed_by',
  'session_id',
  'dead_reason',
] as const

export interface ChallengeRow {
  readonly id: string
  readonly kind: ChallengeRecord['kind']
  readonly email: string
  readonly user_id: string | null
  readonly client_id: string
  readonly redirect_uri: string | null
  readonly tenant_id: string | null
  readonly locale: ChallengeRecord['locale']
  readonly agent: string | null
  readonly binding_hash: Uint8Array | null
  readonly token_hash: Uint8Array | null
  readonly code_hash: Uint8Array | null
  readonly tries: number
  readonly mail_state: ChallengeRecord['mailState']
  readonly mail_attempts: number
  readonly created_at: Date
  readonly expires_at: Date
  readonly consumed_at: Date | null
  readonly consumed_by: Uint8Array | null
  readonly session_id: string | null
  readonly dead_reason: ChallengeRecord['deadReason']
}

const RETURNED = CHALLENGE_COLUMNS.join(', ')
/** Neither consumed nor dead nor over; its mail may still be waiting. */
export const OPEN_SQL = 'consumed_at is null and dead_reason is null and expires_at > clock_timestamp()'
/**
 * And a mail may have brought its secrets to somebody. The mail server's word may be late or lost: who has the mail already must not be turned
 * away for that.
 */
const ANSWERABLE = `${OPEN_SQL} and token_hash is not null and mail_state <> 'dropped'`
/** A dead challenge is not written to anybody. */
const DIES = `dead_reason = :reason::text, mail_state = case mail_state when 'waiting' then 'dropped' else mail_state end`

const INSERT_SQL = `with moment as materialized (select ${CLOCK_SQL} as now)
  insert into login_challenge (id, kind, email, user_id, client_id, redirect_uri, tenant_id, locale, agent, binding_hash, mail_state,
    mail_after, created_at, expires_at)
  select :id::uuid, :kind::text, :email::text, :user::text, :client::text, :redirectUri::text, :tenant::text, :locale::text, :agent::text,
    :bindingHash::bytea, :mailState::text, now, now, now + ${intervalSql(':lifeMs')}
  from moment
  returning ${RETURNED}`

/** Also where nobody was written to: who guesses at a code must not learn from the work it makes whether there is one. */
const RAISE_SQL = `update login_challenge set tries = tries + 1
  where id = :id::uuid and ${OPEN_SQL} and tries < ${CODE_TRIES_MAX}
  returning ${RETURNED}`

const CONSUME_SQL = `update login_challenge set consumed_at = ${CLOCK_SQL}, consumed_by = :by::bytea, session_id = :session::uuid,
    mail_state = 'sent'
  where id = :id::uuid and ${ANSWERABLE}
  returning ${RETURNED}`

/** Also the last one: a challenge dies of a wrong code, not of its tries. */
const RETURN_TRY_SQL = `update login_challenge set tries = tries - 1
  where id = :id::uuid and ${OPEN_SQL} and tries > 0
  returning ${RETURNED}`

/**
 * Locked first, as they are after any wait, so that each is killed once; and in the order of their ids, so that two who kill the same ones wait
 * for each other instead of deadlocking.
 */
const killSql = (which: string): string => `with dying as materialized (
    select id from login_challenge where (${which}) and ${OPEN_SQL} order by id for no key update
  ), dead as (
    update login_challenge challenge set ${DIES} from dying where challenge.id = dying.id
    returning 1
  )
  select count(*) as killed from dead`
const KILL_ONE_SQL = killSql('id = :id::uuid')
const ofThis = (columns: string): string => `(select ${columns} from login_challenge where id = :by::uuid)`
/**
 * Only older ones: whichever of two mails leaves first, the challenge that was asked for last lives on. Of one millisecond one does, too; of two
 * transactions that do not see each other both do.
 */
const IS_OLDER = `(created_at, id) < ${ofThis('created_at, id')}`
/** By the browser: whoever asks for somebody else's address must not end what its owner asked for. An invitation was asked for by none. */
const REPLACE_SQL = killSql(`(email, client_id, kind) = ${ofThis('email, client_id, kind')}
    and binding_hash is not distinct from ${ofThis('binding_hash')}
    and ${ofThis('mail_state')} <> 'dropped' and ${IS_OLDER}`)
const SUPERSEDE_SQL = killSql(`email = ${ofThis('email')} and id <> :by::uuid
    and (kind = 'invitation' or (client_id = ${ofThis('client_id')} and ${IS_OLDER}))`)
/** Before its mail a challenge does not say whose it is: those of the address die too. */
const KILL_OF_USER_SQL = killSql(`id in (
    select id from login_challenge where user_id = :user::text
    union all
    select id from login_challenge where user_id is null and email = (select ${EMAIL_SQL} from subject where id = :user::text)
  )`)

export async function findChallenge(db: Knex, id: string): Promise<ChallengeRecord | undefined> {
  return isUuid(id) ? recordOf(await readRow(db, { id })) : undefined
}

export async function findChallengeByToken(db: Knex, tokenHash: Uint8Array): Promise<ChallengeRecord | undefined> {
  return recordOf(await readRow(db, { token_hash: Buffer.from(tokenHash) }))
}

/** Held until the end of the transaction. */
export async function lockChallenge(db: Knex, id: string): Promise<ChallengeRecord | undefined> {
  if (!isUuid(id)) return undefined
  const row: ChallengeRow | undefined = await db('login_challenge')
    .where({ id })
    .forNoKeyUpdate()
    .first(...CHALLENGE_COLUMNS)
  return recordOf(row)
}

export async function insertChallenge(db: Knex, challenge: NewChallenge): Promise<ChallengeRecord> {
  const record = await changeOne(db, INSERT_SQL, {
    id: challenge.id,
    kind: challenge.kind,
    email: challenge.email,
    user: challenge.user,
    client: challenge.clientId,
    redirectUri: challenge.redirectUri,
    tenant: challenge.tenant,
    locale: challenge.locale,
    agent: challenge.agent,
    bindingHash: challenge.bindingHash === null ? null : Buffer.from(challenge.bindingHash),
    mailState: challenge.mailState,
    lifeMs: challenge.lifeMs,
  })
  if (record === undefined) throw new Error('An inserted challenge was not returned')
  return record
}

export async function raiseTries(db: Knex, id: string): Promise<ChallengeRecord | undefined> {
  return isUuid(id) ? await changeOne(db, RAISE_SQL, { id }) : undefined
}

export async function returnTry(db: Knex, id: string): Promise<void> {
  if (isUuid(id)) await changeOne(db, RETURN_TRY_SQL, { id })
}

export async function consumeChallenge(
  db: Knex,
  id: string,
  consumedBy: Uint8Array | undefined,
  sessionId: string,
): Promise<ChallengeRecord | undefined> {
  if (!isUuid(id)) return undefined
  return await changeOne(db, CONSUME_SQL, { id, by: consumedBy === undefined ? null : Buffer.from(consumedBy), session: sessionId })
}

export async function killChallenge(db: Knex, id: string, reason: 'tries'): Promise<void> {
  if (isUuid(id)) await kill(db, KILL_ONE_SQL, { id, reason })
}

export async function replaceChallenges(db: Knex, by: string): Promise<number> {
  return isUuid(by) ? await kill(db, REPLACE_SQL, { by, reason: 'superseded' }) : 0
}

export async function supersedeChallenges(db: Knex, by: string): Promise<number> {
  return isUuid(by) ? await kill(db, SUPERSEDE_SQL, { by, reason: 'superseded' }) : 0
}

export async function killChallenges(db: Knex, user: string): Promise<void> {
  await kill(db, KILL_OF_USER_SQL, { user, reason: 'deactivated' })
}

async function kill(db: Knex, sql: string, values: Readonly<Record<string, string | null>>): Promise<number> {
  const answer: { rows: readonly { readonly killed: number }[] } = await db.raw(sql, values)
  return answer.rows[0]?.killed ?? 0
}

async function readRow(db: Knex, where: Readonly<Record<string, string | Buffer>>): Promise<ChallengeRow | undefined> {
  return await db<ChallengeRow>('login_challenge')
    .where(where)
    .first(...CHALLENGE_COLUMNS)
}

/** Runs a statement that changes one row at most and returns all of it. */
export async function changeOne(
  db: Knex,
  sql: string,
  values: Readonly<Record<string, string | number | Buffer | null>>,
): Promise<ChallengeRecord | undefined> {
  const answer: { rows: readonly ChallengeRow[] } = await db.raw(sql, values)
  return recordOf(answer.rows[0])
}

function recordOf(row: ChallengeRow | undefined): ChallengeRecord | undefined {
  return row === undefined ? undefined : toChallengeRecord(row)
}

export function toChallengeRecord(row: ChallengeRow): ChallengeRecord {
  return {
    id: row.id,
    kind: row.kind,
    email: row.email,
    user: row.user_id,
    clientId: row.client_id,
    redirectUri: row.redirect_uri,
    tenant: row.tenant_id,
    locale: row.locale,
    agent: row.agent,
    bindingHash: row.binding_hash,
    tokenHash: row.token_hash,
    codeHash: row.code_hash,
    tries: row.tries,
    mailState: row.mail_state,
    mailAttempts: row.mail_attempts,
    createdAtMs: msOf(row.created_at),
    expiresAtMs: msOf(row.expires_at),
    consumedAtMs: msOrNullOf(row.consumed_at),
    consumedBy: row.consumed_by,
    sessionId: row.session_id,
    deadReason: row.dead_reason,
  }
}
