/** What a refresh token that we made is worth: the table of the design, from counter, session, account, time and agent. Pure. Floor 5. */
import type { SessionEnd, SessionRecord } from '../../model/identity.ts'
import type { UserRecord } from '../../model/records.ts'

export type RefreshVerdict =
  /** The newest one: a new pair, and this one is used up. */
  | { readonly outcome: 'rotated' }
  /** The one before it, again at once: the same successor again. */
  | { readonly outcome: 'grace' }
  /** Nothing is given. `revoke`: and the session ends, for this reason. */
  | { readonly outcome: 'refused'; readonly reason: RefusalReason; readonly revoke?: SessionEnd }

export type RefusalReason = 'revoked' | 'expired' | 'ahead' | 'reused' | 'reused by another agent' | 'account'

export interface RefreshQuestion {
  readonly counter: number
  readonly session: Pick<SessionRecord, 'counter' | 'epoch' | 'rotatedAtMs' | 'idleExpiresAtMs' | 'expiresAtMs' | 'revokedAtMs'>
  /** `undefined`: there is none. */
  readonly account: Pick<UserRecord, 'state' | 'epoch'> | undefined
  /** On the clock of the session's times. */
  readonly nowMs: number
  /** Whether the newest token was made for the agent that presents this one. */
  readonly sameAgent: boolean
  /** 0: no grace at all. */
  readonly graceMs: number
}

/** From top to bottom: the first that holds. What ended before is never revived, so the grace comes last. */
export function judgeRefresh({ counter, session, account, nowMs, sameAgent, graceMs }: RefreshQuestion): RefreshVerdict {
  if (session.revokedAtMs !== null) return { outcome: 'refused', reason: 'revoked' }
  if (nowMs >= session.expiresAtMs || nowMs >= session.idleExpiresAtMs) return { outcome: 'refused', reason: 'expired' }
  if (counter > session.counter) return { outcome: 'refused', reason: 'ahead', revoke: 'ahead' }
  if (counter < session.counter - 1) return { outcome: 'refused', reason: 'reused', revoke: 'reuse' }
  if (account?.state !== 'active' || account.epoch !== session.epoch) return { outcome: 'refused', reason: 'account', revoke: 'account' }
  if (counter === session.counter) return { outcome: 'rotated' }
  // The database's clock may be set back: that must not make the grace longer.
  const inGrace = graceMs > 0 && Math.abs(nowMs - session.rotatedAtMs) <= graceMs
  if (!inGrace) return { outcome: 'refused', reason: 'reused', revoke: 'reuse' }
  if (!sameAgent) return { outcome: 'refused', reason: 'reused by another agent', revoke: 'reuse' }
  return { outcome: 'grace' }
}
