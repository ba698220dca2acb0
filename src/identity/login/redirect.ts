/** Where a login may lead to: what an application may register, and whether an address is one of those. Follows nothing. Floor 5. */
import { REDIRECT_URI_CHARACTERS_MAX } from '../../model/identity-limits.ts'

/** No space, no control character, no quote or bracket that ends an attribute, nothing outside of ASCII: names in other scripts come as A-labels. */
const URI_CHARACTERS = /^[!#-;=?-[\]_a-z~]+$/
const LOOPBACK = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])$/
/** A reverse domain name (RFC 8252, 7.1): at least one dot, so that `javascript:`, `data:` and the like are none. */
const PRIVATE_SCHEME = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/

/**
 * Says what is wrong with a redirect that is to be registered, or `undefined` for a good one: https, http on this very machine, or a private-use
 * scheme of an app (RFC 8252).
 */
export function redirectFault(uri: string): string | undefined {
  if (uri.length > REDIRECT_URI_CHARACTERS_MAX) return `must be at most ${REDIRECT_URI_CHARACTERS_MAX} characters`
  if (uri.includes('*')) return 'must not contain a wildcard: it is compared as a whole'
  if (uri.includes('#')) return 'must not have a fragment'
  // Browsers take a backslash for a slash.
  if (!URI_CHARACTERS.test(uri)) return 'must be an absolute URI in ASCII, without spaces, quotes and backslashes'
  if (!URL.canParse(uri)) return 'must be an absolute URI'
  const url = new URL(uri)
  if (url.username !== '' || url.password !== '') return 'must not contain a user or a password'
  if (url.protocol === 'https:' || url.protocol === 'http:') return webFault(uri, url)
  if (!PRIVATE_SCHEME.test(url.protocol)) return 'must be https, http on loopback, or a private-use scheme such as com.example.app:/login'
  return undefined
}

function webFault(uri: string, url: URL): string | undefined {
  // What is shown to an administrator has to be where a browser goes: no spelling that a parser repairs (`https:/x`, `HTTPS://X`, `/a/../b`).
  const written = uri.endsWith('/') || url.pathname !== '/' || url.search !== '' ? url.href : url.href.replace(/\/$/, '')
  if (uri !== written && uri !== url.href) return `must be in its normal form: ${url.href}`
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) return 'must be https, unless it is on loopback'
  return undefined
}

/** Character by character (RFC 9700, 2.1): no prefix, no pattern, no normalisation. */
export function isRegistered(registered: readonly string[], uri: string): boolean {
  return registered.includes(uri)
}
