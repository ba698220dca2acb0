/** Which pages a browser may speak to us from: CORS answers, and when a cookie counts. Host is not asked. Floor 5. */
import type { IncomingMessage } from 'node:http'
import { CallerDeniedError } from '../../model/error-code.ts'
import { singleHeader } from '../../wire/http/header.ts'
import { type ClientDirectory, type KnowsOrigin, originsOf } from './origins.ts'

export const CSRF_HEADER = 'x-castellan-csrf'
const PREFLIGHT_SECONDS = 600

export interface SiteNeeds {
  /** Of the issuer. */
  readonly ownOrigin: string
  readonly knowsOrigin: KnowsOrigin
  readonly clients: ClientDirectory
}

/** Who may read an answer: `all` without cookies, `clients` the pages of registered applications, with them. */
export type Cors = 'all' | 'clients' | undefined

/** Headers for an answer; none for a page that may not read it. */
export async function corsHeaders(request: IncomingMessage, cors: Cors, needs: SiteNeeds): Promise<Readonly<Record<string, string>>> {
  if (cors === undefined) return {}
  if (cors === 'all') return { 'access-control-allow-origin': '*' }
  const origin = singleHeader(request, 'origin')
  if (origin === undefined) return { vary: 'Origin' }
  if (origin !== needs.ownOrigin && !(await needs.knowsOrigin(origin))) return { vary: 'Origin' }
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
}

export function preflightHeaders(methods: string): Readonly<Record<string, string>> {
  return {
    'access-control-allow-methods': methods,
    'access-control-allow-headers': `authorization, content-type, x-request-id, ${CSRF_HEADER}`,
    'access-control-max-age': String(PREFLIGHT_SECONDS),
  }
}

/**
 * A request that a browser sent for a page of somebody else is refused, whatever it carries; one that no browser sent passes.
 * @throws CallerDeniedError
 */
export async function refuseForeignPages(request: IncomingMessage, needs: SiteNeeds): Promise<void> {
  const origins = request.headers.origin
  if (origins === undefined) {
    const site = request.headers['sec-fetch-site']
    if (site === undefined || site === 'same-origin' || site === 'none') return
  } else if (origins === needs.ownOrigin || (await needs.knowsOrigin(origins))) return
  throw foreign()
}

/**
 * A cookie counts only for a page of ours or of the application, which proves by a header of its own that it could read us: a form cannot send one.
 * @param clientId absent: that of any application
 * @throws CallerDeniedError
 */
export async function requireOwnPage(request: IncomingMessage, clientId: string | undefined, needs: SiteNeeds): Promise<void> {
  if (singleHeader(request, CSRF_HEADER) !== '1') {
    throw new CallerDeniedError('A cookie needs the header X-Castellan-CSRF.', 'Send "X-Castellan-CSRF: 1".')
  }
  const origin = request.headers.origin
  if (origin === undefined) {
    if (singleHeader(request, 'sec-fetch-site') === 'same-origin') return
    throw new CallerDeniedError('A cookie needs the header Origin.', 'Browsers send it; other clients should not use cookies.')
  }
  if (origin === needs.ownOrigin) return
  const own =
    clientId === undefined ? await needs.knowsOrigin(origin) : originsOf(await needs.clients.findClient(clientId)).includes(origin)
  if (!own) throw foreign()
}

function foreign(): CallerDeniedError {
  return new CallerDeniedError(
    'This page may not ask here.',
    'Pages of the origins of registered redirects may; an administrator registers an application with `castellan client put`.',
  )
}
