/** Pages for people: the login, its style and scripts, and in embedded mode a mailbox and an application to try. GET only, and nothing is consumed. Floor 5. */
import type { IncomingMessage } from 'node:http'
import { CallerDeniedError, NotFoundError } from '../../model/error-code.ts'
import { LOCALES } from '../../model/identity.ts'
import { pageAssets } from '../pages/assets.ts'
import { demoPage, mailboxPage, mailFrame } from '../pages/dev-pages.ts'
import { localeOf } from '../pages/locale.ts'
import { startPage, verifyPage } from '../pages/login-pages.ts'
import type { DevNeeds, IdentityWireNeeds } from './needs.ts'
import type { Exchange, IdentityRoute, Reply } from './route.ts'

const HTML = { 'content-type': 'text/html; charset=utf-8' }
/** Held by the server's own policy too, for a browser that does not know the frame's. Mails bring their style with them. */
const MAIL_POLICY =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'self'; form-action 'none'; frame-ancestors 'self'"

export function pageRoutes(needs: IdentityWireNeeds): readonly IdentityRoute[] {
  const pages = [
    { path: '/login', name: 'StartPage', bytes: new Map(LOCALES.map((locale) => [locale, startPage(locale)])) },
    { path: '/login/verify', name: 'VerifyPage', bytes: new Map(LOCALES.map((locale) => [locale, verifyPage(locale)])) },
  ]
  return [
    ...pages.map(
      ({ path, name, bytes }): IdentityRoute => ({
        method: 'GET',
        path,
        name,
        // Made before anybody asked: nothing of the request but its language is in it.
        serve: async ({ request }) => html(bytes.get(localeOf(askedLocale(request), request.headers['accept-language'])) ?? ''),
      }),
    ),
    ...[...pageAssets()].map(
      ([path, { contentType, body }]): IdentityRoute => ({
        method: 'GET',
        path,
        name: 'PageAsset',
        serve: async () => ({ status: 200, body, headers: { 'content-type': contentType, 'cache-control': 'no-cache' } }),
      }),
    ),
    ...(needs.dev === undefined ? [] : devRoutes(needs.dev, needs.settings.issuer)),
  ]
}

function devRoutes(dev: DevNeeds, issuer: string): readonly IdentityRoute[] {
  const demo = demoPage(issuer, dev.checkUrl)
  const routes: readonly IdentityRoute[] = [
    { method: 'GET', path: '/dev/app', name: 'DemoPage', serve: async () => html(demo) },
    {
      method: 'GET',
      path: '/dev/mailbox',
      name: 'MailboxPage',
      async serve({ request }: Exchange) {
        const mails = dev.mails()
        if (parameter(request, 'format') !== 'json') return html(mailboxPage(mails))
        const shown = mails.map(({ atMs, ...mail }) => ({ ...mail, at: new Date(atMs).toISOString() }))
        return { status: 200, body: { mails: shown } }
      },
    },
    {
      method: 'GET',
      path: '/dev/mailbox/{id}',
      name: 'MailFrame',
      async serve({ request }: Exchange) {
        const id = decodeURIComponent(pathOf(request).slice('/dev/mailbox/'.length))
        const mail = dev.mails().find((kept) => kept.id === id)
        if (mail === undefined) throw new NotFoundError('There is no such mail.')
        return html(mailFrame(mail), { 'content-security-policy': MAIL_POLICY, 'x-frame-options': 'SAMEORIGIN' })
      },
    },
  ]
  return routes.map((route) => ({
    ...route,
    async serve(exchange) {
      requireOwnHost(exchange.request, issuer)
      return await route.serve(exchange)
    },
  }))
}

/**
 * A page of somebody else whose name suddenly leads to this machine (DNS rebinding) is of one origin with us for its browser, and would read mails
 * here. Elsewhere nothing is given for being asked: there a token or a cookie of ours is needed.
 * @throws CallerDeniedError
 */
function requireOwnHost(request: IncomingMessage, issuer: string): void {
  const { host, origin } = new URL(issuer)
  if (request.headers.host?.toLowerCase() !== host)
    throw new CallerDeniedError('Development pages are shown under their own address only.', `Open ${origin}/dev/mailbox.`)
}

function html(body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 200, body, headers: { ...HTML, vary: 'Accept-Language', ...headers } }
}

function askedLocale(request: IncomingMessage): string | undefined {
  return parameter(request, 'locale')
}

/** Leniently: people and mail programs add to addresses what they like. */
function parameter(request: IncomingMessage, name: string): string | undefined {
  return new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '').get(name) ?? undefined
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}
