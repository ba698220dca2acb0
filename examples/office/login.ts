/** In and out. People sign in at the login service; here its access token becomes a session. Asks for no permission. */
import { UnauthenticatedError } from 'castellan/client'
import type { TokenVerifier } from 'castellan/client/token'
import { Router } from 'express'
import type { Guard } from './guard.ts'
import { html } from './html.ts'
import { type Frame, page } from './pages/layout.ts'
import type { Sessions } from './sessions.ts'

export interface LoginNeeds {
  readonly guard: Guard
  readonly sessions: Sessions
  readonly frame: Pick<Frame, 'issuer' | 'start'>
  readonly verifier: TokenVerifier
}

export function loginRoutes({ guard, sessions, frame, verifier }: LoginNeeds): Router {
  const { require } = guard
  const routes = Router()

  // Where the login service sends people back to. The script there gets the token; nothing secret is in the address.
  routes.get('/signed-in', require.public('Nobody is signed in yet'), (_request, response) => {
    response.send(page({ ...frame, title: 'One moment' }, html`<p>Signing in …</p><p><a href="${frame.start}">Sign in by mail</a></p>`))
  })

  routes.post('/session', require.public('The token that is brought says who it is'), async (request, response) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) throw new UnauthenticatedError('No token was brought', { code: 'credentials_missing' })
    const { user, tenant, clientId } = await verifier.verify(token)
    // One that another application was given is good there.
    if (tenant === undefined || clientId !== 'office') throw new UnauthenticatedError('Not for the office', { code: 'credentials_refused' })
    sessions.begin(request, response, { user, tenant, accessToken: token })
    response.status(204).end()
  })

  routes.get('/session', require.public('Says only whether the browser brought its cookie'), (request, response) => {
    response.status(sessions.find(request) === undefined ? 401 : 204).end()
  })

  // Here and not at the beginning again: a browser that keeps no cookie would go round for ever.
  routes.get('/no-cookie', require.public('Nobody is signed in, as no cookie was kept'), (_request, response) => {
    response.send(
      page(
        { ...frame, title: 'No cookie was kept' },
        html`<p id="no-cookie">You signed in, but your browser keeps no cookie of the office or of the login service, so nobody knows who you are.</p>
<p>Their cookies are marked Secure. Some browsers, such as Safari, refuse those on http://127.0.0.1: take Chromium or Firefox for this example. With TLS,
as in production, all of them take these cookies. If cookies are switched off, allow them for this address.</p>
<p><a href="${frame.start}">Sign in again</a></p>`,
      ),
    )
  })

  routes.post('/sign-out', require.public('Whoever asks ends their own session'), (request, response) => {
    sessions.end(request, response)
    response.status(204).end()
  })

  routes.get('/signed-out', require.public('Nobody is signed in any more'), (_request, response) => {
    response.send(page({ ...frame, title: 'Signed out' }, html`<p id="signed-out"><a href="${frame.start}">Sign in again</a></p>`))
  })
  return routes
}
