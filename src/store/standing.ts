/** What a change rests on: that its caller may still call, and the policy in force. Judges neither. Floor 2. */
import type { Knex } from 'knex'
import type { ChangeStanding } from './ports.ts'

/** A row that this transaction wrote carries its number: a caller that revokes itself does so to the end. */
const STANDING_SQL = `select head.policy_revision, head.policy_position,
    :caller::text is null or exists (
      select from caller where id = :caller::text
        and (revoked_at is null or xmin = pg_current_xact_id_if_assigned()::xid)
        and (expires_at is null or expires_at > clock_timestamp())
    ) as caller_in_force
  from access_head head where head.only_row`

interface Row {
  readonly policy_revision: string | null
  readonly policy_position: number
  readonly caller_in_force: boolean
}

export async function readStanding(db: Knex.Transaction, callerId: string | undefined): Promise<ChangeStanding> {
  const answer: { rows: readonly Row[] } = await db.raw(STANDING_SQL, { caller: callerId ?? null })
  const [row] = answer.rows
  if (row === undefined) throw new Error('The feed has no head')
  const policy = row.policy_revision === null ? {} : { policy: { revision: row.policy_revision, position: row.policy_position } }
  return { callerInForce: row.caller_in_force, ...policy }
}
