/**
 * The newest refresh token of a session → a session of the same login in another tenant (RFC 8693). Never an access token: every service gets
 * those, and none may make a session of one. Floor 5.
 */
import type { Acknowledgement } from '../../access/acknowledge.ts'
import type { Random } from '../../ground/random.ts'
import { inForce } from '../../model/access-state.ts'
import type { SessionRecord } from '../../model/identity.ts'
import { idFault } from '../../model/ids.ts'
import type { UserRecord } from '../../model/records.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { IssuedTokens, TokenIssuer, Visitor } from '../ports.ts'
import { type Begun, beginSession, tellEnded } from './begin.ts'
import { contentOf, judgePresented, type Presented, type PresentNeeds, refusalOf, type TokenRefusal } from './present.ts'
import { type RefreshTokenContent, refreshTokenOf } from './refresh-token.ts'

export interface ExchangeNeeds extends PresentNeeds {
  readonly store: Store
  readonly random: Random
  readonly issuer: Pick<TokenIssuer, 'issueForSession'>
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  readonly limits: Pick<Limits, 'exchange'>
  readonly observe: { refreshed(refusal: TokenRefusal): void }
}

/** What a transaction did. */
interface Exchanged {
  readonly result: Begun | TokenRefusal | 'target'
  /** Of the feed: absent when nobody's session ended. */
  readonly position?: number
}

/** @throws OAuthError `invalid_request` for the subject token (RFC 8693, 2.2.2), `invalid_target` for the tenant; ServiceError `rate_limited` */
export async function exchangeToken(needs: ExchangeNeeds, subject: Presented, tenant: string, visitor: Visitor): Promise<IssuedTokens> {
  const content = contentOf(needs, subject)
  const { session: found } = content === undefined ? { session: undefined } : await needs.store.identity.findSession(content.sessionId)
  if (content === undefined || found === undefined) throw refuse(needs, 'unknown')
  // Each exchange makes a session, which would bring a counter of its own.
  await needs.limits.exchange(found.user)
  const refusal = await refusalOf(needs, subject, found)
  if (refusal !== undefined) throw refuse(needs, refusal)
  // Before the transaction, which has the only connection of an embedded database. A tenant that is lost meanwhile is refused at each check.
  const mayMove = tenant !== found.tenant && (await isMember(needs.store, tenant, found.user))
  const { result, position } = await needs.store.change((transaction) =>
    exchange(needs, transaction, { ...content, found, tenant: mayMove ? tenant : undefined }, visitor),
  )
  if (position !== undefined) {
    needs.acknowledgement.announce()
    await needs.acknowledgement.effective(position)
  }
  if (result === 'target') throw new OAuthError('invalid_target', 'This is the tenant of the token, or the person has no assignment in it.')
  if (typeof result === 'string') throw refuse(needs, result)
  const access = await needs.issuer.issueForSession(result.session)
  return { ...access, refreshToken: refreshTokenOf(needs.refreshKeys, result.session), session: result.session }
}

async function exchange(
  needs: ExchangeNeeds,
  transaction: ChangeTransaction,
  asked: RefreshTokenContent & { readonly found: SessionRecord; readonly tenant: string | undefined },
  visitor: Visitor,
): Promise<Exchanged> {
  const { found, tenant } = asked
  const account = await transaction.lockUser(found.user)
  // Before the session: who revokes an application goes from it to its sessions.
  const client = await transaction.identity.holdClient(found.clientId)
  if (client === undefined || client.revokedAtMs !== null) return { result: 'other client' }
  // Not rotated: the session goes on, and so does its token.
  const { verdict, session, position } = await judgePresented(needs, transaction, { ...asked, account }, visitor, 'session.exchange')
  if (verdict.outcome === 'refused') return { result: verdict.reason, ...(position === undefined ? {} : { position }) }
  if (account === undefined) throw new Error('A session that stands has an account')
  if (tenant === undefined) {
    await auditRefusal(transaction, session, visitor)
    return { result: 'target' }
  }
  return await begin(needs, transaction, account, session, tenant, visitor)
}

async function begin(
  needs: ExchangeNeeds,
  transaction: ChangeTransaction,
  user: UserRecord,
  from: SessionRecord,
  tenant: string,
  visitor: Visitor,
): Promise<Exchanged> {
  const { clientId, amr, cookie } = from
  const begun = await beginSession(transaction, needs.random, { user, clientId, tenant, amr, cookie, visitor, continues: from })
  await auditEvent(transaction, {
    action: 'session.exchange',
    result: 'applied',
    user: user.id,
    target: begun.session.id,
    tenant,
    before: { session: from.id, tenant: from.tenant },
    after: { session: begun.session.id, tenant },
    requestId: visitor.requestId,
  })
  if (begun.ended.length === 0) return { result: begun }
  const why = { reason: 'more sessions than a user may have', requestId: visitor.requestId }
  return { result: begun, position: await tellEnded(transaction, user.id, begun.ended, why) }
}

async function isMember(store: Pick<Store, 'access'>, tenant: string, user: string): Promise<boolean> {
  if (idFault(tenant) !== undefined) return false
  const state = await store.access.resolve(tenant, user)
  if (state.tenant === undefined || state.tenant.suspended) return false
  return state.assignments.some((held) => inForce(held, state.readAtMs))
}

function auditRefusal(transaction: ChangeTransaction, session: SessionRecord, visitor: Visitor): Promise<void> {
  const { user, id: target, tenant } = session
  const [reason, { requestId }] = ['not a tenant to move to', visitor]
  return auditEvent(transaction, { action: 'session.exchange', result: 'refused', user, target, tenant, reason, requestId })
}

function refuse(needs: ExchangeNeeds, reason: TokenRefusal): OAuthError {
  needs.observe.refreshed(reason)
  return new OAuthError('invalid_request', 'The subject token is not valid.', reason)
}
