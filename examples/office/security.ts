/** What every answer and every change has to do with browsers: no foreign scripts, no foreign forms. Decides nothing about people. */
import type { RequestHandler } from 'express'

export function securityHeaders(issuer: string): RequestHandler {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // The page renews its login there.
    `connect-src 'self' ${issuer}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return (_request, response, next) => {
    response.set({ 'content-security-policy': policy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' })
    response.set('cache-control', 'no-store')
    next()
  }
}

/** Beside the cookie, which is SameSite: a change comes from a page of ours, and browsers say so. */
export function refuseForeignForms(origin: string): RequestHandler {
  return (request, response, next) => {
    if (request.method === 'GET' || request.method === 'HEAD' || request.headers.origin === origin) next()
    else response.status(403).type('text').send('This form is not a page of the office.\n')
  }
}
