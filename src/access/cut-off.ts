/** Takes back all that was given to a person: sessions, open challenges, tokens. Part of a change of their account. Floor 3. */
import type { Revocation, SessionEnd } from '../model/identity.ts'
import { type AuditedChange, type CallerChange, recordApplied } from './change.ts'

/** With the row of the user locked and its epoch raised. @returns how many sessions ended */
export async function cutOff({ transaction }: CallerChange, user: string, reason: SessionEnd): Promise<number> {
  const ended = await transaction.identity.revokeSessions({ user }, reason)
  // A link or a code from before must not open the account that comes after.
  await transaction.identity.killChallenges(user)
  return ended.length
}

/** As `recordApplied`, for a change of one user: verifiers that do not ask us learn of it from the revocations. */
export async function recordRevoked(
  change: CallerChange,
  changes: AuditedChange | readonly AuditedChange[],
  user: string,
  revocations: readonly Pick<Revocation, 'sessionId' | 'epoch'>[],
): Promise<number> {
  const position = await recordApplied(change, changes, [{ kind: 'user', user }])
  await change.transaction.identity.insertRevocations(
    position,
    revocations.map((revocation) => ({ ...revocation, user })),
  )
  return position
}
