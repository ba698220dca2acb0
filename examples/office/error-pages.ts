/** Errors as pages for people; programs get problem bodies instead: the guard's, and for the rest ours. Decides nothing. */
import { DeniedError, UnauthenticatedError, UnavailableError } from 'castellan/client'
import type { ErrorRequestHandler } from 'express'
import { type Html, html } from './html.ts'
import { BadInput, NotFound } from './input.ts'
import { type Frame, page } from './pages/layout.ts'
import { inWords } from './words.ts'

interface Told {
  readonly status: number
  readonly title: string
  readonly main: Html
}

export function errorPages(frame: Pick<Frame, 'issuer' | 'start'>): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (response.headersSent || request.accepts(['json', 'html']) !== 'html') return next(error)
    // The login may still live where the token does not: the page renews it and comes back.
    if (isSignedOut(error) && request.method === 'GET')
      return response.redirect(303, `/signed-in?${new URLSearchParams({ to: request.path })}`)
    const { status, title, main } = tell(error, frame.start)
    if (status === 503) response.set('retry-after', '5')
    response.status(status).send(page({ ...frame, title }, main))
  }
}

/** For programs, after the guard's own error handler: what is the office's to say. Nothing of what failed inside. */
export function ownProblems(): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error)
    const known = error instanceof NotFound || error instanceof BadInput
    const status = error instanceof NotFound ? 404 : error instanceof BadInput ? 400 : 500
    const title = known ? error.message : 'Something failed'
    response
      .status(status)
      .type('application/problem+json')
      .send(JSON.stringify({ type: 'about:blank', status, title }))
  }
}

/** The login of whoever calls is over, or never began. */
function isSignedOut(error: unknown): boolean {
  if (error instanceof DeniedError) return error.decision.reason === 'TOKEN_EXPIRED' || error.decision.reason === 'TOKEN_REVOKED'
  return error instanceof UnauthenticatedError && error.code === 'credentials_missing'
}

/** Nobody that is known. With the code `unauthenticated` the service says so of the office itself, which is no fault of whoever calls. */
function isUnknown(error: unknown): boolean {
  if (error instanceof DeniedError) return error.decision.reason.startsWith('TOKEN_')
  return error instanceof UnauthenticatedError && error.code !== 'unauthenticated'
}

function tell(error: unknown, start: string): Told {
  if (isUnknown(error)) {
    const main = html`<p>Your form was not taken. <a href="${start}">Sign in</a> and try again.</p>`
    return { status: 401, title: 'You are not signed in', main }
  }
  if (error instanceof DeniedError) return { status: 403, title: 'You may not do this', main: deniedMain(error) }
  if (error instanceof UnavailableError) {
    const main = html`<p>Whether you may do this cannot be found out just now. Nothing was done.</p>`
    return { status: 503, title: 'Try again in a moment', main }
  }
  if (error instanceof NotFound) return { status: 404, title: 'Not here', main: html`<p>${error.message}</p>` }
  if (error instanceof BadInput) return { status: 400, title: 'Not quite', main: html`<p>${error.message}</p>` }
  return { status: 500, title: 'Something failed', main: html`<p>Nothing was done.</p>` }
}

function deniedMain({ decision, permission }: DeniedError): Html {
  return html`<p id="why">${inWords(decision)}</p>
<dl><dt>Asked for</dt><dd>${permission}</dd><dt>Reason</dt><dd id="reason">${decision.reason}</dd><dt>Decision</dt><dd>${decision.decisionId ?? 'made here'}</dd></dl>
<p>Whoever looks after roles finds out more by the number of the decision. <a href="/">Back</a></p>`
}
