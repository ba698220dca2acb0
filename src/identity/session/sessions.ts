/** The sessions of people, from their first refresh to their end, as the wire sees them. Begins none: see login/ and begin.ts. Floor 5. */
import { logOutEverywhere } from '../../access/account.ts'
import { endOtherSessions, endOwnSession } from '../../access/sessions.ts'
import type { ChangeContext, Changed } from '../../model/administration.ts'
import { NotFoundError, UnauthenticatedError } from '../../model/error-code.ts'
import { IDENTITY_CALLER } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { SessionService, TokenIssuer, Visitor } from '../ports.ts'
import { type ExchangeNeeds, exchangeToken } from './exchange.ts'
import { grantToService } from './grant-to-service.ts'
import { introspectToken } from './introspect.ts'
import { type RefreshNeeds, refreshSession } from './refresh.ts'
import { parseRefreshToken } from './refresh-token.ts'
import { findStanding } from './standing.ts'

export interface SessionServiceNeeds extends RefreshNeeds, ExchangeNeeds {
  readonly store: ExchangeNeeds['store']
  readonly issuer: TokenIssuer
}

export function openSessionService(needs: SessionServiceNeeds): SessionService {
  const { store, acknowledgement } = needs

  /** What had ended already may have been acknowledged to nobody, so a `noop` waits as well. */
  async function acknowledged(change: Promise<Changed<unknown>>): Promise<void> {
    const { position } = await change
    acknowledgement.announce()
    await acknowledgement.effective(position)
  }

  /** @throws OAuthError when it is of a kind that cannot be revoked */
  async function findSessionOf(
    token: string,
  ): Promise<{ readonly id: string; readonly user: string; readonly clientId: string } | undefined> {
    const refresh = parseRefreshToken(needs.refreshKeys, token)
    const access = refresh === undefined ? await needs.verify(token) : 'invalid'
    if (access !== 'invalid' && access !== 'expired' && access.kind === 'service') {
      throw new OAuthError('unsupported_token_type', 'A token of a service ends by itself; revoke its caller instead.')
    }
    const id = refresh?.sessionId ?? (access === 'invalid' || access === 'expired' ? undefined : access.claims.sid)
    if (id === undefined) return undefined
    return (await store.identity.findSession(id)).session
  }

  return {
    refresh: (presented, clientId, visitor) => refreshSession(needs, presented, clientId, visitor),
    exchange: (subjectToken, tenant, clientId, visitor) => exchangeToken(needs, subjectToken, tenant, clientId, visitor),
    grantToService: (caller, scope, visitor) => grantToService(needs, caller, scope, visitor),
    introspect: (token) => introspectToken(needs, token),

    async revoke(token, clientId, visitor) {
      const session = await findSessionOf(token)
      if (session === undefined) return
      // RFC 7009, 2.1: who holds a token of another application is told so, and ends nothing.
      if (clientId !== undefined && clientId !== session.clientId) {
        throw new OAuthError('invalid_grant', 'The token was issued to another client.')
      }
      try {
        await acknowledged(endOwnSession(needs, contextOf(visitor), session.user, session.id))
      } catch (fault) {
        // Pruned since: it was over.
        if (!(fault instanceof NotFoundError)) throw fault
      }
    },

    async person(accessToken) {
      const token = await needs.verify(accessToken)
      if (token === 'invalid' || token === 'expired') throw new UnauthenticatedError(`access token: ${token}`)
      if (token.kind !== 'person') throw new UnauthenticatedError('access token: not of a person')
      const standing = await findStanding(store, token.claims)
      if (standing === undefined) throw new UnauthenticatedError('access token: its session or account has ended')
      const { session } = standing
      return { user: session.user, tenant: session.tenant, sessionId: session.id }
    },

    list: (user, page) => store.identity.listSessions(user, page),
    end: (user, sessionId, visitor) => acknowledged(endOwnSession(needs, contextOf(visitor), user, sessionId)),

    async logOut({ user, sessionId }, scope, visitor) {
      const context = contextOf(visitor)
      if (scope === 'this') await acknowledged(endOwnSession(needs, context, user, sessionId))
      else if (scope === 'others') await acknowledged(endOtherSessions(needs, context, user, sessionId))
      else await acknowledged(logOutEverywhere(needs, context, user))
    },
  }
}

function contextOf({ requestId }: Visitor): ChangeContext {
  return { caller: IDENTITY_CALLER, requestId }
}
