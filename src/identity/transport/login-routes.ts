/** Signing in: a login asked for, looked at, and answered by link or code. Floor 5. */
import { RequestError } from '../../model/error-code.ts'
import { LOGIN_LIFE_MS } from '../../model/identity-limits.ts'
import type { LoginAnswer } from '../ports.ts'
import * as answers from './answers.ts'
import { bindingCookie, refreshCookie } from './cookies.ts'
import { refuseForeignPages, requireOwnPage, type SiteNeeds } from './cross-site.ts'
import type { IdentityWireNeeds } from './needs.ts'
import * as requests from './requests.ts'
import type { IdentityRoute } from './route.ts'

export function loginRoutes(needs: IdentityWireNeeds, sites: SiteNeeds): readonly IdentityRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/login/start',
      name: 'StartLogin',
      cors: 'clients',
      async serve({ request, visitor, input }) {
        await refuseForeignPages(request, sites)
        const { challengeId, binding } = await needs.login.start(await input(requests.startSchema), visitor)
        // Of one shape for everybody: whether a mail leaves is nobody's business but its reader's.
        return {
          status: 202,
          body: { challengeId, expiresInSeconds: LOGIN_LIFE_MS / 1000 },
          headers: { 'set-cookie': bindingCookie(binding) },
        }
      },
    },
    {
      method: 'POST',
      path: '/v1/login/peek',
      name: 'PeekLogin',
      cors: 'clients',
      async serve({ request, visitor, input }) {
        await refuseForeignPages(request, sites)
        const { token } = await input(requests.peekSchema)
        return { status: 200, body: answers.viewMessage(await needs.login.peek(token, visitor)) }
      },
    },
    {
      method: 'POST',
      path: '/v1/login/verify',
      name: 'VerifyLogin',
      cors: 'clients',
      async serve({ request, visitor, input }) {
        await refuseForeignPages(request, sites)
        const { tenant, cookie = false, ...secrets } = await input(requests.verifySchema)
        // Before anything is consumed: an answer that may not set its cookie must not cost the link.
        if (cookie) await requireOwnPage(request, undefined, sites)
        const choice = { cookie, ...(tenant === undefined ? {} : { tenant }) }
        const signedIn = await needs.login.verify(answerOf(secrets), choice, visitor)
        const inCookie = signedIn.session.cookie
        return {
          status: 200,
          body: answers.signedInMessage(signedIn, inCookie),
          headers: inCookie ? { 'set-cookie': refreshCookie(signedIn.refreshToken) } : {},
        }
      },
    },
  ]
}

function answerOf(secrets: { readonly token?: string; readonly challengeId?: string; readonly code?: string }): LoginAnswer {
  const { token, challengeId, code } = secrets
  if (token !== undefined && challengeId === undefined && code === undefined) return { token }
  if (token === undefined && challengeId !== undefined && code !== undefined) return { challengeId, code }
  throw new RequestError([{ field: 'token', message: 'either token, or challengeId and code, are required' }])
}
