/** Refreshes a session: one transaction around the table of judge-refresh.ts, and what follows from its verdict. Floor 5. */
import { timingSafeEqual } from 'node:crypto'
import type { Acknowledgement } from '../../access/acknowledge.ts'
import type { SessionRecord } from '../../model/identity.ts'
import { PRESENTED_TOKEN_CHARACTERS_MAX, SESSION_IDLE_MS } from '../../model/limits.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { IssuedTokens, TokenIssuer, Visitor } from '../ports.ts'
import { hashAgent, tellEnded } from './begin.ts'
import { judgeRefresh, type RefreshVerdict, type RefusalReason } from './judge-refresh.ts'
import { parseRefreshToken, type RefreshTokenContent, refreshTokenOf } from './refresh-token.ts'

/** `unknown`: not ours, or of no session. */
export type RefreshResult = 'rotated' | 'grace' | RefusalReason | 'unknown' | 'other client'

export interface RefreshNeeds {
  readonly store: Pick<Store, 'change' | 'identity'>
  /** For refresh tokens: the first makes, all check. */
  readonly refreshKeys: readonly Buffer[]
  readonly issuer: Pick<TokenIssuer, 'issueForSession'>
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  /** Counts a refresh of this session. @throws ServiceError `rate_limited` */
  readonly limitRefresh: (sessionId: string) => Promise<void>
  /** Milliseconds; REFRESH_GRACE_MS unless set otherwise, 0: none. */
  readonly graceMs: number
  readonly observe: { refreshed(result: RefreshResult): void }
}

/** @throws OAuthError `invalid_grant`, whatever the cause; when the session ended by it, that is in force on every replica by then */
export async function refreshSession(needs: RefreshNeeds, presented: string, clientId: string, visitor: Visitor): Promise<IssuedTokens> {
  const content = presented.length > PRESENTED_TOKEN_CHARACTERS_MAX ? undefined : parseRefreshToken(needs.refreshKeys, presented)
  // A forged token logs nobody out and leaves no row.
  if (content === undefined) throw refuse(needs, 'unknown')
  await needs.limitRefresh(content.sessionId)
  const { session: found } = await needs.store.identity.findSession(content.sessionId)
  if (found === undefined) throw refuse(needs, 'unknown')
  const client = found.clientId === clientId ? await needs.store.identity.findClient(clientId) : undefined
  if (client === undefined || client.revokedAtMs !== null) {
    await needs.store.change((transaction) => auditRefusal(transaction, found, 'other client', visitor))
    throw refuse(needs, 'other client')
  }
  // Nothing of an attempt may outlive it: the store tries again when PostgreSQL chose this transaction as a victim.
  const { verdict, session, position } = await needs.store.change((transaction) =>
    judgeAndApply(needs, transaction, content, found, visitor),
  )
  if (position !== undefined) {
    needs.acknowledgement.announce()
    await needs.acknowledgement.effective(position)
  }
  if (verdict.outcome === 'refused') throw refuse(needs, verdict.reason)
  needs.observe.refreshed(verdict.outcome)
  const access = await needs.issuer.issueForSession(session)
  return { ...access, refreshToken: refreshTokenOf(needs.refreshKeys, session), session }
}

interface Applied {
  readonly verdict: RefreshVerdict
  readonly session: SessionRecord
  /** Feed position of the session's end. */
  readonly position?: number
}

async function judgeAndApply(
  needs: RefreshNeeds,
  transaction: ChangeTransaction,
  { counter }: RefreshTokenContent,
  found: SessionRecord,
  visitor: Visitor,
): Promise<Applied> {
  const { identity } = transaction
  // The account's row before the session's: as everybody who takes both does.
  const account = await transaction.lockUser(found.user)
  const session = await identity.lockSession(found.id)
  // Pruned since: it was over.
  if (session === undefined) return { verdict: { outcome: 'refused', reason: 'expired' }, session: found }
  const agent = hashAgent(visitor.agent)
  const sameAgent = session.rotatedAgent !== null && timingSafeEqual(agent, session.rotatedAgent)
  const nowMs = await transaction.nowMs()
  const verdict = judgeRefresh({ counter, session, account, nowMs, sameAgent, graceMs: needs.graceMs })
  if (verdict.outcome === 'rotated') {
    const rotated = await identity.rotateSession(session.id, agent, SESSION_IDLE_MS)
    await auditRefresh(transaction, rotated, visitor)
    return { verdict, session: rotated }
  }
  if (verdict.outcome === 'grace') {
    await auditRefresh(transaction, session, visitor, 'grace')
    return { verdict, session }
  }
  await auditRefusal(transaction, session, verdict.reason, visitor)
  if (verdict.revoke === undefined) return { verdict, session }
  const ended = await identity.revokeSessions({ id: session.id }, verdict.revoke)
  const position = await tellEnded(transaction, session.user, ended, { reason: verdict.reason, requestId: visitor.requestId })
  return { verdict, session, position }
}

function auditRefresh(transaction: ChangeTransaction, session: SessionRecord, visitor: Visitor, reason?: 'grace'): Promise<void> {
  const { user, id: target, tenant, counter } = session
  const told = { action: 'session.refresh', user, target, tenant, after: { counter }, requestId: visitor.requestId } as const
  return auditEvent(transaction, { ...told, result: 'applied', ...(reason === undefined ? {} : { reason }) })
}

function auditRefusal(transaction: ChangeTransaction, session: SessionRecord, reason: RefreshResult, visitor: Visitor): Promise<void> {
  const { user, id: target, tenant } = session
  return auditEvent(transaction, {
    action: 'session.refresh',
    result: 'refused',
    user,
    target,
    tenant,
    reason,
    requestId: visitor.requestId,
  })
}

function refuse(needs: RefreshNeeds, reason: RefreshResult): OAuthError {
  needs.observe.refreshed(reason)
  return new OAuthError('invalid_grant', 'The refresh token is not valid.', reason)
}
