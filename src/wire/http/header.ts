/** Headers of a request, one meaning each. Floor 4. */
import type { IncomingMessage } from 'node:http'

/** `undefined` for a header that came several times: node keeps only the first of some, and which one counts must not depend on that. */
export function singleHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  if (typeof value !== 'string') return undefined
  let seen = 0
  for (let at = 0; at < request.rawHeaders.length; at += 2) if (request.rawHeaders[at]?.toLowerCase() === name) seen += 1
  return seen === 1 ? value : undefined
}
