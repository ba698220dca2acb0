/** What a service, or whoever stands before it, answered in place of a decision → the client's errors. No wire's library. Floor 6. */
import {
  CallerDeniedError,
  type CastellanError,
  type FieldViolation,
  InvalidRequestError,
  UnauthenticatedError,
  UnavailableError,
} from '../errors.ts'
import { ANSWER_TEXT_CHARACTERS_MAX, VIOLATIONS_READ_MAX } from '../limits.ts'

export interface ServiceFault {
  /** As docs/errors.md lists them, or one of the client's own. */
  readonly code: string
  readonly violations?: readonly FieldViolation[]
  readonly retryAfterSeconds?: number
  readonly requestId?: string
  readonly cause?: unknown
}

const KEY_HINT = 'Check credentials.key; an administrator makes keys with `castellan caller create`.'
const SCOPE_HINT = 'It needs the scope decide, and the tenant where it is limited to some: `castellan caller list`.'
const REACH_HINT = 'Is it running there, and does credentials.tls fit it? `cause` says what the connection met.'
const ADDRESS_HINT = 'Is it the address of the decision service, and as new as this client?'

/** Codes by which nothing was decided now and the same question may be decided in a moment; asking again does no harm. */
const RETRIED: readonly string[] = ['unreachable', 'unavailable', 'store_unavailable', 'position_not_reached']

export function isRetried(error: unknown): boolean {
  return error instanceof UnavailableError && RETRIED.includes(error.code)
}

/** Whatever it does not know is unavailable: an error of another kind than was sent must never be taken for an answer. */
export function serviceError({ violations = [], ...facts }: ServiceFault): CastellanError {
  switch (facts.code) {
    case 'request_invalid':
    case 'body_too_large':
    case 'media_type_unsupported':
      return new InvalidRequestError(`The question is wrong${listed(violations)}.`, { ...facts, violations })
    case 'unauthenticated':
    case 'login_refused':
      return new UnauthenticatedError('The service does not know the key of this application.', { ...facts, hint: KEY_HINT })
    case 'permission_denied':
      return new CallerDeniedError('The key of this application may not ask this.', { ...facts, hint: SCOPE_HINT })
    case 'route_not_found':
    case 'method_not_allowed':
    case 'bad_answer':
      return new UnavailableError('What answered is no decision; nothing was decided.', { ...facts, hint: ADDRESS_HINT })
    case 'unreachable':
      return new UnavailableError('The decision service cannot be reached; nothing was decided.', { ...facts, hint: REACH_HINT })
    case 'deadline_exceeded':
      return new UnavailableError('No answer in time; nothing was decided.', facts)
    case 'overloaded':
    case 'rate_limited':
    case 'resource_exhausted':
      return new UnavailableError('The decision service has too much to do; nothing was decided.', facts)
    case 'position_not_reached':
      return new UnavailableError('The decision service does not know the position asked for yet; nothing was decided.', facts)
    default:
      return new UnavailableError(`The decision service could not decide (${CODE.test(facts.code) ? facts.code : 'unknown'}).`, facts)
  }
}

export function badAnswer(what: string, cause?: unknown): CastellanError {
  return serviceError({ code: 'bad_answer', cause: cause ?? new Error(what) })
}

const CODE = /^[a-z][a-z_]{0,63}$/

/** The code that was said, when it can be one. */
export function codeIn(value: unknown): string | undefined {
  return typeof value === 'string' && CODE.test(value) ? value : undefined
}

/** Of a problem body, an item of a batch or BadRequest; whatever else stands there is left out. */
export function violationsIn(value: unknown, text: 'message' | 'description' = 'message'): readonly FieldViolation[] {
  if (!Array.isArray(value)) return []
  const violations: FieldViolation[] = []
  for (const one of value.slice(0, VIOLATIONS_READ_MAX) as unknown[]) {
    if (typeof one !== 'object' || one === null) continue
    const { field, [text]: message } = one as Readonly<Record<string, unknown>>
    if (typeof message === 'string') violations.push({ field: cut(typeof field === 'string' ? field : ''), message: cut(message) })
  }
  return violations
}

function cut(text: string): string {
  return text.slice(0, ANSWER_TEXT_CHARACTERS_MAX).toWellFormed()
}

/** Names of fields are the client's own contract; the rest of the texts stays in `violations`. */
function listed(violations: readonly FieldViolation[]): string {
  const fields = violations.map(({ field }) => field).filter((field) => /^[\w.[\]]{1,64}$/.test(field))
  return fields.length === 0 ? '' : `: ${fields.join(', ')}`
}
