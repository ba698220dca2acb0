/** The two cookies of the identity service, read and written. When a cookie may count is cross-site.ts. Floor 5. */
import type { IncomingMessage } from 'node:http'
import { LOGIN_LIFE_MS, PRESENTED_TOKEN_CHARACTERS_MAX, SESSION_IDLE_MS } from '../../model/identity-limits.ts'

/** `__Host-`: browsers take it only from this host, over TLS (or loopback), for the whole host (RFC 6265bis, 4.1.3.2). */
const BINDING_COOKIE = '__Host-castellan-login'
const REFRESH_COOKIE = '__Host-castellan-refresh'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict'

/** 32 bytes in base64url. */
const BINDING = /^[A-Za-z0-9_-]{43}$/
const TOKEN = /^[A-Za-z0-9_.-]+$/

/** Tells the browser that asked for a login from others. */
export function bindingCookieOf(request: IncomingMessage): string | undefined {
  const value = cookieOf(request, BINDING_COOKIE)
  return value !== undefined && BINDING.test(value) ? value : undefined
}

export function refreshCookieOf(request: IncomingMessage): string | undefined {
  const value = cookieOf(request, REFRESH_COOKIE)
  return value !== undefined && value.length <= PRESENTED_TOKEN_CHARACTERS_MAX && TOKEN.test(value) ? value : undefined
}

export function bindingCookie(value: string): string {
  return `${BINDING_COOKIE}=${value}; ${ATTRIBUTES}; Max-Age=${LOGIN_LIFE_MS / 1000}`
}

/** How long the browser keeps it proves nothing: the session's own end is in the database. */
export function refreshCookie(value: string): string {
  return `${REFRESH_COOKIE}=${value}; ${ATTRIBUTES}; Max-Age=${SESSION_IDLE_MS / 1000}`
}

export function endedRefreshCookie(): string {
  return `${REFRESH_COOKIE}=; ${ATTRIBUTES}; Max-Age=0`
}

/** `undefined` for one that came twice: which of them counts must not depend on their order. */
function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const values = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  return values.length === 1 ? values[0] : undefined
}
