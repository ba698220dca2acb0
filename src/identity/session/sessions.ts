/** The sessions of people, from their first refresh to their end, as the wire sees them. Begins none: see login/ and begin.ts. Floor 5. */
import { logOutEverywhere } from '../../access/account.ts'
import { endOtherSessions, endOwnSession } from '../../access/sessions.ts'
import type { ChangeContext, Changed } from '../../model/administration.ts'
import { NotFoundError, UnauthenticatedError } from '../../model/error-code.ts'
import { IDENTITY_CALLER } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { SessionService, TokenIssuer, Visitor } from '../ports.ts'
import { type ExchangeNeeds, exchangeToken } from './exchange.ts'
import { grantToService } from './grant-to-service.ts'
import { type IntrospectionNeeds, introspectToken } from './introspect.ts'
import { type RefreshNeeds, refreshSession } from './refresh.ts'
import { parseRefreshToken } from './refresh-token.ts'
import { findStanding } from './standing.ts'

export interface SessionServiceNeeds extends RefreshNeeds, ExchangeNeeds, IntrospectionNeeds {
  readonly store: ExchangeNeeds['store']
  readonly issuer: TokenIssuer
  readonly limits: Pick<Limits, 'refresh' | 'exchange' | 'end'>
  readonly observe: RefreshNeeds['observe']
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
  async function sessionIdOf(token: string): Promise<string | undefined> {
    const refresh = parseRefreshToken(needs.refreshKeys, token)
    const access = refresh === undefined ? await needs.verify(token) : 'invalid'
    if (access !== 'invalid' && access !== 'expired' && access.kind === 'service') {
      throw new OAuthError('unsupported_token_type', 'A token of a service ends by itself; revoke its caller instead.')
    }
    return refresh?.sessionId ?? (access === 'invalid' || access === 'expired' ? undefined : access.claims.sid)
  }

  return {
    refresh: (token, clientId, visitor, inCookie = false) => refreshSession(needs, { token, clientId, inCookie }, visitor),
    exchange: (token, tenant, clientId, visitor, inCookie = false) => exchangeToken(needs, { token, clientId, inCookie }, tenant, visitor),
    grantToService: (caller, scope, visitor) => grantToService(needs, caller, scope, visitor),
    introspect: (token) => introspectToken(needs, token),

    async revoke(token, clientId, visitor) {
      const id = await sessionIdOf(token)
      if (id === undefined) return
      await needs.limits.end(id)
      const { session } = await store.identity.findSession(id)
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
      if (token === 'invalid' || token === 'expired') throw new UnauthenticatedError(`access token: ${token}`, 'access token')
      if (token.kind !== 'person') throw new UnauthenticatedError('access token: not of a person', 'access token')
      const standing = await findStanding(store, token.claims)
      if (standing === undefined) throw new UnauthenticatedError('access token: its session or account has ended', 'access token')
      const { session } = standing
      return { user: session.user, tenant: session.tenant, sessionId: session.id }
    },

    list: (user, page) => store.identity.listSessions(user, page),

    async end(person, sessionId, visitor) {
      await needs.limits.end(person.sessionId)
      await acknowledged(endOwnSession(needs, contextOf(visitor), person.user, sessionId))
    },

    async logOut({ user, sessionId }, scope, visitor) {
      await needs.limits.end(sessionId)
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
