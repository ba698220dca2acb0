/** OAuth as clients know it: token, revocation (RFC 7009), introspection (RFC 7662). Floor 5. */
import type { Caller } from '../../model/caller.ts'
import { OAuthError } from '../errors.ts'
import type { IssuedTokens } from '../ports.ts'
import { authenticateClient, invalidClient, type OAuthClient } from './client-authentication.ts'
import { endedRefreshCookie, refreshCookie, refreshCookieOf } from './cookies.ts'
import { refuseForeignPages, requireOwnPage, type SiteNeeds } from './cross-site.ts'
import { type Form, readForm } from './form-body.ts'
import type { IdentityWireNeeds } from './needs.ts'
import { tokenMessage } from './oauth-answer.ts'
import type { Exchange, IdentityRoute, Reply } from './route.ts'

const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const REFRESH_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:refresh_token'
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
/** For older caches too (RFC 6749, 5.1). */
const UNCACHED = { pragma: 'no-cache' }

export function oauthRoutes(needs: IdentityWireNeeds, sites: SiteNeeds): readonly IdentityRoute[] {
  /** Form first: who asks may stand in it. Before it the page: what a form of somebody else's sends is not even read. */
  async function asked({ request, signal, visitor }: Exchange): Promise<{ readonly form: Form; readonly client: OAuthClient }> {
    await refuseForeignPages(request, sites)
    refuseQuery(request.url ?? '')
    const form = await readForm(request, signal)
    return { form, client: await authenticateClient(request, form, visitor.address, needs) }
  }

  /** A cookie counts only where no header and no parameter says anything else, and for a page that may use it. */
  async function tokenOf(
    form: Form,
    name: string,
    client: OAuthClient,
    { request }: Exchange,
  ): Promise<{ readonly token: string; readonly inCookie: boolean }> {
    const presented = form.get(name)
    if (presented !== undefined) return { token: presented, inCookie: false }
    const kept = request.headers.authorization === undefined ? refreshCookieOf(request) : undefined
    if (kept === undefined) throw new OAuthError('invalid_request', `${name} is required.`)
    await requireOwnPage(request, idOf(client), sites)
    return { token: kept, inCookie: true }
  }

  async function refresh(form: Form, client: OAuthClient, exchange: Exchange): Promise<Reply> {
    const { token, inCookie } = await tokenOf(form, 'refresh_token', client, exchange)
    return issued(await needs.sessions.refresh(token, idOf(client), exchange.visitor, inCookie), inCookie)
  }

  async function exchangeToken(form: Form, client: OAuthClient, exchange: Exchange): Promise<Reply> {
    if (required(form, 'subject_token_type') !== REFRESH_TOKEN_TYPE) {
      throw new OAuthError('invalid_request', `subject_token_type must be ${REFRESH_TOKEN_TYPE}.`)
    }
    if ((form.get('requested_token_type') ?? ACCESS_TOKEN_TYPE) !== ACCESS_TOKEN_TYPE) {
      throw new OAuthError('invalid_request', `requested_token_type must be ${ACCESS_TOKEN_TYPE}.`)
    }
    if (form.has('actor_token')) throw new OAuthError('invalid_request', 'actor_token is not known here.')
    const tenant = required(form, 'tenant')
    const { token, inCookie } = await tokenOf(form, 'subject_token', client, exchange)
    const tokens = await needs.sessions.exchange(token, tenant, idOf(client), exchange.visitor, inCookie)
    return issued(tokens, inCookie, { issued_token_type: ACCESS_TOKEN_TYPE })
  }

  async function grantToService(form: Form, client: OAuthClient, { visitor }: Exchange): Promise<Reply> {
    if (client.kind !== 'service') throw invalidClient()
    const granted = await needs.sessions.grantToService(client.caller, form.get('scope'), visitor)
    return {
      status: 200,
      body: { access_token: granted.accessToken, token_type: 'Bearer', expires_in: granted.expiresInSeconds, scope: granted.scope },
      headers: UNCACHED,
    }
  }

  return [
    {
      method: 'POST',
      path: '/oauth/token',
      name: 'Token',
      cors: 'clients',
      oauth: true,
      async serve(exchange) {
        const { form, client } = await asked(exchange)
        const grant = required(form, 'grant_type')
        if (grant === 'refresh_token') return await refresh(form, client, exchange)
        if (grant === 'client_credentials') return await grantToService(form, client, exchange)
        if (grant === TOKEN_EXCHANGE) return await exchangeToken(form, client, exchange)
        throw new OAuthError('unsupported_grant_type', `Known are refresh_token, client_credentials and ${TOKEN_EXCHANGE}.`)
      },
    },
    {
      method: 'POST',
      path: '/oauth/revoke',
      name: 'Revoke',
      cors: 'clients',
      oauth: true,
      async serve(exchange) {
        const { form, client } = await asked(exchange)
        const { token, inCookie } = await tokenOf(form, 'token', client, exchange)
        await needs.sessions.revoke(token, idOf(client), exchange.visitor)
        return { status: 200, body: {}, headers: inCookie ? { ...UNCACHED, 'set-cookie': endedRefreshCookie() } : UNCACHED }
      },
    },
    {
      method: 'POST',
      path: '/oauth/introspect',
      name: 'Introspect',
      oauth: true,
      async serve(exchange) {
        const { form, client } = await asked(exchange)
        // Whoever may ask for decisions may ask whose token it is; a public client proves nothing.
        if (client.kind !== 'service' || !client.caller.scopes.includes('decide')) throw invalidClient()
        const state = await needs.sessions.introspect(required(form, 'token'))
        return { status: 200, body: mayKnow(client.caller, state) ? state : { active: false }, headers: UNCACHED }
      },
    },
  ]
}

/** @param inCookie it came by cookie, for a page that may use it, and goes back the same way; nobody else is given one */
function issued(tokens: IssuedTokens, inCookie: boolean, more: Record<string, unknown> = {}): Reply {
  return {
    status: 200,
    body: { ...tokenMessage(tokens, inCookie), ...more },
    headers: inCookie ? { ...UNCACHED, 'set-cookie': refreshCookie(tokens.refreshToken) } : UNCACHED,
  }
}

/** A service for some tenants hears of tokens of these; what has no tenant is of all of them, so it hears of its own tokens alone. */
function mayKnow({ id, tenants }: Caller, { sub, sid, tid }: Readonly<Record<string, unknown>>): boolean {
  if (tenants === null) return true
  return typeof tid === 'string' ? tenants.includes(tid) : sid === undefined && sub === id
}

function idOf(client: OAuthClient): string {
  return client.kind === 'public' ? client.id : client.caller.id
}

function required(form: Form, name: string): string {
  const value = form.get(name)
  if (value === undefined) throw new OAuthError('invalid_request', `${name} is required.`)
  return value
}

/** Addresses are logged and remembered: what is secret has no place in them (RFC 6749, 2.3.1). */
function refuseQuery(url: string): void {
  if (url.includes('?')) throw new OAuthError('invalid_request', 'Parameters belong into the body, not into the address.')
}
