/** Refreshes a session: one transaction around the table of judge-refresh.ts, and what follows from its verdict. Floor 5. */
import type { Acknowledgement } from '../../access/acknowledge.ts'
import type { SessionRecord } from '../../model/identity.ts'
import { SESSION_IDLE_MS } from '../../model/identity-limits.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { IssuedTokens, TokenIssuer, Visitor } from '../ports.ts'
import { hashAgent } from './begin.ts'
import { contentOf, type Judged, judgePresented, type Presented, type PresentNeeds, refusalOf, type TokenRefusal } from './present.ts'
import { type RefreshTokenContent, refreshTokenOf } from './refresh-token.ts'

export type RefreshResult = 'rotated' | 'grace' | TokenRefusal

export interface RefreshNeeds extends PresentNeeds {
  readonly store: Pick<Store, 'change' | 'identity'>
  readonly issuer: Pick<TokenIssuer, 'issueForSession'>
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  readonly limits: Pick<Limits, 'refresh'>
  readonly observe: { refreshed(result: RefreshResult): void }
}

/** @throws OAuthError `invalid_grant`, whatever the cause; when the session ended by it, that is in force on every replica by then */
export async function refreshSession(needs: RefreshNeeds, presented: Presented, visitor: Visitor): Promise<IssuedTokens> {
  const content = contentOf(needs, presented)
  // A forged token logs nobody out and leaves no row.
  if (content === undefined) throw refuse(needs, 'unknown')
  await needs.limits.refresh(content.sessionId)
  const { session: found } = await needs.store.identity.findSession(content.sessionId)
  if (found === undefined) throw refuse(needs, 'unknown')
  const refusal = await refusalOf(needs, presented, found)
  if (refusal !== undefined) throw refuse(needs, refusal)
  // Nothing of an attempt may outlive it: the store tries again when PostgreSQL chose this transaction as a victim.
  const { verdict, session, position } = await needs.store.change((transaction) =>
    judgeAndRotate(needs, transaction, content, found, visitor),
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

async function judgeAndRotate(
  needs: RefreshNeeds,
  transaction: ChangeTransaction,
  content: RefreshTokenContent,
  found: SessionRecord,
  visitor: Visitor,
): Promise<Judged> {
  const account = await transaction.lockUser(found.user)
  const judged = await judgePresented(needs, transaction, { ...content, found, account }, visitor, 'session.refresh')
  const { verdict } = judged
  if (verdict.outcome === 'refused') return judged
  const isGrace = verdict.outcome === 'grace'
  const session = isGrace ? judged.session : await transaction.identity.rotateSession(found.id, hashAgent(visitor.agent), SESSION_IDLE_MS)
  await auditEvent(transaction, {
    action: 'session.refresh',
    result: 'applied',
    user: session.user,
    target: session.id,
    tenant: session.tenant,
    after: { counter: session.counter },
    requestId: visitor.requestId,
    ...(isGrace ? { reason: 'grace' } : {}),
  })
  return { verdict, session }
}

function refuse(needs: RefreshNeeds, reason: RefreshResult): OAuthError {
  needs.observe.refreshed(reason)
  return new OAuthError('invalid_grant', 'The refresh token is not valid.', reason)
}
