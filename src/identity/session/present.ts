/** A refresh token that was presented: whose it is, and, inside a transaction, what it is worth and what it ends. Gives out nothing. Floor 5. */
import { timingSafeEqual } from 'node:crypto'
import type { SessionRecord } from '../../model/identity.ts'
import { PRESENTED_TOKEN_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import type { AuditAction, UserRecord } from '../../model/records.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import type { Visitor } from '../ports.ts'
import { hashAgent, tellEnded } from './begin.ts'
import { judgeRefresh, type RefreshVerdict, type RefusalReason } from './judge-refresh.ts'
import { parseRefreshToken, type RefreshTokenContent } from './refresh-token.ts'

/** `unknown`: not ours, or of no session; `misplaced`: in a body, of a session whose token is a cookie, or the other way round. */
export type TokenRefusal = RefusalReason | 'unknown' | 'other client' | 'misplaced'

/** As a request brought it. */
export interface Presented {
  readonly token: string
  /** In the cookie, for a page that may use it. */
  readonly inCookie: boolean
  readonly clientId: string
}

export interface PresentNeeds {
  readonly store: Pick<Store, 'identity'>
  /** For refresh tokens: the first makes, all check. */
  readonly refreshKeys: readonly Buffer[]
  /** Milliseconds; REFRESH_GRACE_MS unless set otherwise, 0: none. */
  readonly graceMs: number
}

export function contentOf({ refreshKeys }: Pick<PresentNeeds, 'refreshKeys'>, { token }: Presented): RefreshTokenContent | undefined {
  return token.length > PRESENTED_TOKEN_CHARACTERS_MAX ? undefined : parseRefreshToken(refreshKeys, token)
}

/** What is refused here logs nobody out and leaves no row: everybody may try it. */
export async function refusalOf(
  { store }: Pick<PresentNeeds, 'store'>,
  { clientId, inCookie }: Presented,
  session: SessionRecord,
): Promise<TokenRefusal | undefined> {
  const client = session.clientId === clientId ? await store.identity.findClient(clientId) : undefined
  if (client === undefined || client.revokedAtMs !== null) return 'other client'
  // A page of somebody else must not put its own session into this browser's cookie by a form.
  return session.cookie === inCookie ? undefined : 'misplaced'
}

export interface Judged {
  readonly verdict: RefreshVerdict
  readonly session: SessionRecord
  /** Feed position of the end of the login's sessions. */
  readonly position?: number
}

/**
 * Locks the session, and ends all sessions of its login where the table says so. A refusal has its audit row afterwards.
 * @param account as it is in this transaction, which holds its lock: the account's row before the session's, as everybody who takes both does
 */
export async function judgePresented(
  { graceMs }: Pick<PresentNeeds, 'graceMs'>,
  transaction: ChangeTransaction,
  presented: RefreshTokenContent & { readonly found: SessionRecord; readonly account: UserRecord | undefined },
  visitor: Visitor,
  action: AuditAction,
): Promise<Judged> {
  const { counter, found, account } = presented
  const { identity } = transaction
  const session = await identity.lockSession(found.id)
  // Pruned since: it was over.
  if (session === undefined) return { verdict: { outcome: 'refused', reason: 'expired' }, session: found }
  const sameAgent = session.rotatedAgent !== null && timingSafeEqual(hashAgent(visitor.agent), session.rotatedAgent)
  const nowMs = await transaction.nowMs()
  const verdict = judgeRefresh({ counter, session, account, nowMs, sameAgent, graceMs })
  if (verdict.outcome !== 'refused') return { verdict, session }
  const { user, id: target, tenant } = session
  const { reason } = verdict
  const { requestId } = visitor
  await auditEvent(transaction, { action, result: 'refused', user, target, tenant, reason, requestId })
  if (verdict.revoke === undefined) return { verdict, session }
  // Whoever has this token may have moved on to other tenants with it.
  const ended = await identity.revokeSessions({ loginId: session.loginId }, verdict.revoke)
  return { verdict, session, position: await tellEnded(transaction, user, ended, { reason, requestId }) }
}
