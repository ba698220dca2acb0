/** Headers of a request, one meaning each. Floor 4. */
import type { IncomingMessage } from 'node:http'

/** `undefined` for a header that came several times: node keeps only the first of some, and which one counts must not depend on that. */
export function singleHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  if (typeof value !== 'string') return undefined
  let seen = 0
  for (let at = 0; at < request.rawHeaders.length; at += 2) if (isNamed(request.rawHeaders[at] as string, name)) seen += 1
  return seen === 1 ? value : undefined
}

/** Most names differ in length, and those that do not are seldom written otherwise. */
function isNamed(sent: string, name: string): boolean {
  return sent.length === name.length && (sent === name || sent.toLowerCase() === name)
}
