/** A person's own affairs, proven by an access token: who am I, where am I signed in, sign out. Floor 5. */
import { NotFoundError, UnauthenticatedError } from '../../model/error-code.ts'
import * as answers from './answers.ts'
import { endedRefreshCookie, refreshCookieOf } from './cookies.ts'
import { refuseForeignPages, requireOwnPage, type SiteNeeds } from './cross-site.ts'
import type { IdentityWireNeeds } from './needs.ts'
import * as requests from './requests.ts'
import type { Exchange, IdentityRoute, Reply } from './route.ts'

export function meRoutes(needs: IdentityWireNeeds, sites: SiteNeeds): readonly IdentityRoute[] {
  /** By cookie alone only this session ends: a page whose access token is over must still be able to sign out. */
  async function logOutByCookie({ request, visitor }: Exchange, scope: string): Promise<Reply> {
    const kept = refreshCookieOf(request)
    if (kept === undefined) throw new UnauthenticatedError('neither a token nor a cookie was sent', 'access token')
    await requireOwnPage(request, undefined, sites)
    if (scope !== 'this') throw new UnauthenticatedError('a cookie alone ends this session only', 'access token')
    await needs.sessions.revoke(kept, undefined, visitor)
    return { status: 204, headers: { 'set-cookie': endedRefreshCookie() } }
  }

  return [
    {
      method: 'GET',
      path: '/v1/me',
      name: 'Me',
      cors: 'clients',
      async serve({ person, input }) {
        const { user, tenant, sessionId } = await person()
        await input(requests.emptySchema)
        const [record, tenants] = await Promise.all([needs.findUser(user), needs.listTenantsOf(user)])
        if (record === undefined) throw new NotFoundError('The user is unknown.')
        return {
          status: 200,
          body: {
            user,
            ...(record.email === null ? {} : { email: record.email }),
            ...(record.displayName === null ? {} : { displayName: record.displayName }),
            ...(tenant === null ? {} : { tenant }),
            sessionId,
            tenants: tenants.map(answers.tenantMessage),
          },
        }
      },
    },
    {
      method: 'GET',
      path: '/v1/me/sessions',
      name: 'ListMySessions',
      cors: 'clients',
      async serve({ person, input }) {
        const { user, sessionId } = await person()
        const page = await needs.sessions.list(user, requests.pageOf(await input(requests.pageSchema)))
        return { status: 200, body: answers.pageMessage('sessions', page, (record) => answers.sessionMessage(record, sessionId)) }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/me/sessions',
      name: 'EndMySessions',
      cors: 'clients',
      async serve({ person, input, visitor }) {
        const proven = await person()
        await input(requests.emptySchema)
        await needs.sessions.logOut(proven, 'all', visitor)
        return { status: 204 }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/me/sessions/{session}',
      name: 'EndMySession',
      cors: 'clients',
      async serve({ person, input, visitor }) {
        const proven = await person()
        const { session } = await input(requests.sessionSchema)
        await needs.sessions.end(proven, session, visitor)
        return { status: 204 }
      },
    },
    {
      method: 'POST',
      path: '/v1/logout',
      name: 'LogOut',
      cors: 'clients',
      bodyOptional: true,
      async serve(exchange) {
        const { request, visitor } = exchange
        await refuseForeignPages(request, sites)
        if (request.headers.authorization === undefined) {
          const { scope = 'this' } = await exchange.input(requests.logOutSchema)
          return await logOutByCookie(exchange, scope)
        }
        const proven = await exchange.person()
        const { scope = 'this' } = await exchange.input(requests.logOutSchema)
        await needs.sessions.logOut(proven, scope, visitor)
        // The cookie, if there is one, is of no use any more; `others` leaves this browser signed in.
        return { status: 204, headers: scope === 'others' ? {} : { 'set-cookie': endedRefreshCookie() } }
      },
    },
  ]
}
