/** An access token → a session of the same person in another tenant (RFC 8693). The login and its end stay the same. Floor 5. */
import type { Acknowledgement } from '../../access/acknowledge.ts'
import type { Random } from '../../ground/random.ts'
import { inForce } from '../../model/access-state.ts'
import type { SessionRecord } from '../../model/identity.ts'
import { idFault } from '../../model/ids.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { IssuedTokens, TokenIssuer, Visitor } from '../ports.ts'
import { type Begun, beginSession, tellEnded } from './begin.ts'
import type { IntrospectionNeeds } from './introspect.ts'
import { refreshTokenOf } from './refresh-token.ts'
import { findStanding, stands } from './standing.ts'

export interface ExchangeNeeds extends IntrospectionNeeds {
  readonly store: Store
  readonly random: Random
  readonly refreshKeys: readonly Buffer[]
  readonly issuer: Pick<TokenIssuer, 'issueForSession'>
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  /** Each exchange makes a session: counted with the refreshes of the one that it comes from. */
  readonly limitRefresh: (sessionId: string) => Promise<void>
}

/** @throws OAuthError `invalid_request` for the subject token (RFC 8693, 2.2.2), `invalid_target` for the tenant */
export async function exchangeToken(
  needs: ExchangeNeeds,
  subjectToken: string,
  tenant: string,
  clientId: string,
  visitor: Visitor,
): Promise<IssuedTokens> {
  const token = await needs.verify(subjectToken)
  if (token === 'invalid' || token === 'expired' || token.kind !== 'person' || token.claims.client_id !== clientId) throw refusedSubject()
  await needs.limitRefresh(token.claims.sid)
  const standing = await findStanding(needs.store, token.claims)
  const client = standing && (await needs.store.identity.findClient(clientId))
  if (standing === undefined || client === undefined || client.revokedAtMs !== null) throw refusedSubject()
  if (!(await isMember(needs.store, tenant, standing.user.id))) {
    await needs.store.change((transaction) => auditRefusal(transaction, standing.session, visitor, 'no assignment in that tenant'))
    throw new OAuthError('invalid_target', 'The person has no assignment in this tenant.')
  }
  const begun = await needs.store.change((transaction) => exchange(needs, transaction, standing.session, tenant, visitor))
  if (begun === undefined) throw refusedSubject()
  if (begun.position !== undefined) {
    needs.acknowledgement.announce()
    await needs.acknowledgement.effective(begun.position)
  }
  const access = await needs.issuer.issueForSession(begun.session)
  return { ...access, refreshToken: refreshTokenOf(needs.refreshKeys, begun.session), session: begun.session }
}

async function exchange(
  needs: ExchangeNeeds,
  transaction: ChangeTransaction,
  from: SessionRecord,
  tenant: string,
  visitor: Visitor,
): Promise<(Begun & { readonly position?: number }) | undefined> {
  const user = await transaction.lockUser(from.user)
  const session = await transaction.identity.lockSession(from.id)
  const nowMs = await transaction.nowMs()
  if (user === undefined || session === undefined || !stands(session, user, nowMs)) {
    await auditRefusal(transaction, from, visitor, 'ended')
    return undefined
  }
  const { clientId, amr, cookie } = session
  const begun = await beginSession(transaction, needs.random, { user, clientId, tenant, amr, cookie, visitor, continues: session })
  await auditEvent(transaction, {
    action: 'session.exchange',
    result: 'applied',
    user: user.id,
    target: begun.session.id,
    tenant,
    before: { session: session.id, tenant: session.tenant },
    after: { session: begun.session.id, tenant },
    requestId: visitor.requestId,
  })
  if (begun.ended.length === 0) return begun
  const why = { reason: 'more sessions than a user may have', requestId: visitor.requestId }
  return { ...begun, position: await tellEnded(transaction, user.id, begun.ended, why) }
}

async function isMember(store: Pick<Store, 'access'>, tenant: string, user: string): Promise<boolean> {
  if (idFault(tenant) !== undefined) return false
  const state = await store.access.resolve(tenant, user)
  if (state.tenant === undefined || state.tenant.suspended) return false
  return state.assignments.some((held) => inForce(held, state.readAtMs))
}

function auditRefusal(transaction: ChangeTransaction, session: SessionRecord, visitor: Visitor, reason: string): Promise<void> {
  const { user, id: target, tenant } = session
  const { requestId } = visitor
  return auditEvent(transaction, { action: 'session.exchange', result: 'refused', user, target, tenant, reason, requestId })
}

function refusedSubject(): OAuthError {
  return new OAuthError('invalid_request', 'The subject token is not valid.')
}
