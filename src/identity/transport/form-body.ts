/** Reads a form (RFC 6749, appendix B), bounded, each parameter once. Floor 5. */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { IDENTITY_BODY_BYTES_MAX } from '../../model/identity-limits.ts'
import { readBytes } from '../../wire/http/body.ts'
import { OAuthError } from '../errors.ts'

const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(;[ \t]*charset[ \t]*=[ \t]*("utf-8"|utf-8)[ \t]*)?$/i
const PARAMETERS_MAX = 50
const NAME_CHARACTERS_MAX = 64

/** By name; one without a value is as good as left out, and one that nobody knows is there and not read (RFC 6749, 3.2). */
export type Form = ReadonlyMap<string, string>

/**
 * @throws OAuthError `invalid_request` for another type of body, a broken escape, a parameter given twice
 * @throws ServiceError `body_too_large`
 */
export async function readForm(request: IncomingMessage, signal: AbortSignal): Promise<Form> {
  const type = request.headers['content-type']
  if (type === undefined || !FORM_TYPE.test(type)) {
    throw new OAuthError('invalid_request', 'The body must be application/x-www-form-urlencoded.')
  }
  const bytes = await readBytes(request, signal, IDENTITY_BODY_BYTES_MAX)
  if (!isUtf8(bytes)) throw new OAuthError('invalid_request', 'The body must be UTF-8.')
  return parseForm(bytes.toString('utf8'))
}

/** @throws OAuthError `invalid_request` */
export function parseForm(text: string): Form {
  const form = new Map<string, string>()
  const seen = new Set<string>()
  for (const part of text.split('&', PARAMETERS_MAX + 1)) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = formDecoded(equals === -1 ? part : part.slice(0, equals))
    const value = equals === -1 ? '' : formDecoded(part.slice(equals + 1))
    if (name === undefined || value === undefined) throw new OAuthError('invalid_request', 'The body has a malformed percent-escape.')
    if (seen.has(name)) throw new OAuthError('invalid_request', `A parameter is given twice${nameable(name) ? `: ${name}` : ''}.`)
    seen.add(name)
    if (seen.size > PARAMETERS_MAX) throw new OAuthError('invalid_request', 'The body has too many parameters.')
    if (value !== '') form.set(name, value)
  }
  return form
}

/** `undefined`: a broken escape, or bytes that are no UTF-8. */
export function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** RFC 6749 lets an error's description hold printable ASCII only; what else a name may hold is not repeated. */
function nameable(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && /^[\w:.-]+$/.test(name)
}
