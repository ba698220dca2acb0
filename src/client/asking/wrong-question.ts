/** The errors of a question that is wrong before it travels. Finds no fault itself. Floor 6. */
import { BODY_BYTES_MAX } from '../../model/limits.ts'
import { type FieldViolation, InvalidRequestError } from '../errors.ts'

/** @param cause what the application's own code threw while it was read */
export function wrongQuestion(violations: readonly FieldViolation[], cause?: unknown): InvalidRequestError {
  const text = violations.map(({ field, message }) => `${field} ${message}`).join('; ')
  return new InvalidRequestError(`The question is wrong: ${text}`, {
    code: 'request_invalid',
    violations,
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Reading runs the application's code: getters, toJSON, proxies. */
export function unreadable(field: string, cause: unknown): InvalidRequestError {
  return wrongQuestion([{ field, message: 'cannot be read: its own code fails (`cause`)' }], cause)
}

/** Of one that no service reads. */
export function tooLarge(field: string): InvalidRequestError {
  return new InvalidRequestError(`The question is wrong: ${field} is too large.`, {
    code: 'body_too_large',
    hint: 'Send only the attributes that conditions name.',
    violations: [{ field, message: `must be below ${BODY_BYTES_MAX} bytes with the rest of the question` }],
  })
}
