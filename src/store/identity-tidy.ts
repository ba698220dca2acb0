/** Removes what of logins is long over, a bounded number at once. Never what is live. Floor 2. */
import type { Knex } from 'knex'
import { IDENTITY_KEPT_MS, IDENTITY_ROWS_PRUNED_AT_ONCE_MAX, REVOCATIONS_KEPT_MS } from '../model/identity-limits.ts'
import { intervalSql } from './value-types.ts'

/** Rows that somebody holds are left for the next time. */
const bounded = (table: string, key: string, over: string): string => `(${key}) in (
    select ${key} from ${table} where ${over} limit ${IDENTITY_ROWS_PRUNED_AT_ONCE_MAX} for update skip locked
  )`
const before = (keptMs: number): string => `now() - ${intervalSql(String(keptMs))}`
const SESSION_END = 'least(expires_at, idle_expires_at, revoked_at)'

const STATEMENTS: readonly string[] = [
  // A mail that did not leave in time never will; it is not looked at again.
  `update login_challenge set mail_state = 'failed'
    where ${bounded('login_challenge', 'id', `mail_state = 'waiting' and expires_at <= now()`)} returning 1`,
  `delete from login_challenge where ${bounded('login_challenge', 'id', `expires_at < ${before(IDENTITY_KEPT_MS)}`)} returning 1`,
  `delete from login_session where ${bounded('login_session', 'id', `${SESSION_END} < ${before(IDENTITY_KEPT_MS)}`)} returning 1`,
  `delete from revocation where ${bounded('revocation', 'position, ordinal', `at < ${before(REVOCATIONS_KEPT_MS)}`)} returning 1`,
]

/** Each statement is a transaction of its own. @returns whether there may be more */
export async function pruneIdentity(db: Knex): Promise<boolean> {
  let more = false
  for (const statement of STATEMENTS) {
    const answer: { rows: readonly { readonly touched: number }[] } = await db.raw(
      `with touched as (${statement}) select count(*) as touched from touched`,
    )
    if ((answer.rows[0]?.touched ?? 0) >= IDENTITY_ROWS_PRUNED_AT_ONCE_MAX) more = true
  }
  return more
}
