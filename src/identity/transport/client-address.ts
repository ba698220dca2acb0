/** Network address of a visitor, seen through as many proxies as are trusted. Limits are counted by it; it proves nothing. Floor 5. */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** No entry that a proxy writes is longer: an IPv6 address in brackets with zone and port. */
const ENTRY_CHARACTERS_MAX = 64
const WITH_PORT = /^(?:\[([^[\]]+)\]|([\d.]+))(?::\d{1,5})?$/

/**
 * @param hops 0: the socket's address, whatever a header says; n: the n-th entry from the right of X-Forwarded-For, which is the one that the
 *   outermost of n trusted proxies wrote. What stands further left anybody may have written, so it is not looked at, not even for its form.
 * @returns the socket's address when that entry is missing or no address
 */
export function clientAddress(request: IncomingMessage, hops: number): string {
  const own = plainAddress(request.socket.remoteAddress ?? '') ?? 'unknown'
  if (hops <= 0) return own
  // Node joins several of these headers in their order, as a proxy would have continued one.
  const header = request.headers['x-forwarded-for']
  if (typeof header !== 'string') return own
  return plainAddress(nthFromRight(header, hops) ?? '') ?? own
}

/** From the end, so that a long forged beginning costs nothing. */
function nthFromRight(header: string, nth: number): string | undefined {
  let end = header.length
  for (let seen = 1; ; seen += 1) {
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1)
    if (seen === nth) return header.slice(comma + 1, end).trim()
    if (comma === -1) return undefined
    end = comma
  }
}

/** One spelling an address; `undefined` for what is none. */
function plainAddress(text: string): string | undefined {
  if (text.length > ENTRY_CHARACTERS_MAX) return undefined
  const match = WITH_PORT.exec(text)
  const address = (match?.[1] ?? match?.[2] ?? text).replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : address.toLowerCase()
}
