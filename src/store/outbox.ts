/** The mails of challenges: waiting, taken for a while by one worker, ended. Writes to nobody itself. Floor 2. */
import type { Knex } from 'knex'
import type { ChallengeRecord } from '../model/identity.ts'
import { CHALLENGE_COLUMNS, type ChallengeRow, changeOne, OPEN_SQL, toChallengeRecord } from './challenges.ts'
import { isUuid } from './uuid.ts'
import { CLOCK_SQL, intervalSql, msSql } from './value-types.ts'

const WAITING = `mail_state = 'waiting' and ${OPEN_SQL}`
const DUE = `${WAITING} and mail_after <= clock_timestamp()`

/** The lock looks at the newest version of the row, and who finds it locked has lost: of many workers one gets it. */
const TAKE_SQL = `update login_challenge set mail_attempts = mail_attempts + 1, mail_after = ${CLOCK_SQL} + ${intervalSql(':leaseMs')}
  where id = (select id from login_challenge where id = :id::uuid and ${DUE} for no key update skip locked)
  returning ${CHALLENGE_COLUMNS.join(', ')}`

const BACKLOG_SQL = `select count(*) as waiting, greatest(0, ${msSql('clock_timestamp()')} - ${msSql('min(mail_after)')}) as oldest_ms
  from login_challenge where ${WAITING}`

export async function listDueMail(db: Knex, limit: number): Promise<readonly ChallengeRecord[]> {
  const rows: readonly ChallengeRow[] = await db<ChallengeRow>('login_challenge')
    .select<ChallengeRow[]>(...CHALLENGE_COLUMNS)
    .whereRaw(DUE)
    .orderBy(['mail_after', 'id'])
    .limit(limit)
  return rows.map(toChallengeRecord)
}

export async function mailBacklog(db: Knex): Promise<{ readonly waiting: number; readonly oldestMs: number }> {
  const answer: { rows: readonly { readonly waiting: number; readonly oldest_ms: number }[] } = await db.raw(BACKLOG_SQL)
  const [row] = answer.rows
  return { waiting: row?.waiting ?? 0, oldestMs: row?.oldest_ms ?? 0 }
}

export async function takeDueMail(db: Knex, id: string, leaseMs: number): Promise<ChallengeRecord | undefined> {
  return isUuid(id) ? await changeOne(db, TAKE_SQL, { id, leaseMs }) : undefined
}

/** Not for a challenge that ended meanwhile: its mail must not leave, so the work that wanted to send it fails. */
export async function prepareMail(
  db: Knex,
  id: string,
  secrets: { readonly user: string | null; readonly tokenHash: Uint8Array; readonly codeHash: Uint8Array },
): Promise<void> {
  const changed: number = await db('login_challenge')
    .where({ id })
    .whereRaw(WAITING)
    .update({ user_id: secrets.user, token_hash: Buffer.from(secrets.tokenHash), code_hash: Buffer.from(secrets.codeHash) })
  if (changed !== 1) throw new Error('A mail to be prepared is not waiting')
}

/** A mail that was sent was sent, whatever another worker or an end of the challenge said meanwhile. */
export async function endMail(db: Knex, id: string, state: 'sent' | 'dropped' | 'failed'): Promise<void> {
  const query = db('login_challenge').where({ id })
  if (state !== 'sent') query.where({ mail_state: 'waiting' })
  await query.update({ mail_state: state })
}

export async function postponeMail(db: Knex, id: string, afterMs: number): Promise<void> {
  await db('login_challenge')
    .where({ id, mail_state: 'waiting' })
    .update({ mail_after: db.raw(`${CLOCK_SQL} + ${intervalSql(':afterMs')}`, { afterMs }) })
}
