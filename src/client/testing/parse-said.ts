/** What a test says to a fake, checked: a slip that TypeScript does not see must not make a rule for everybody. Keeps nothing. Floor 6. */
import { findNearest } from '../../ground/nearest.ts'
import { type DenyReason, REASONS } from '../../model/decision.ts'
import { CastellanError, DeniedError, type FieldViolation, InvalidRequestError } from '../errors.ts'
import type { FakeSubject } from './fake-rules.ts'

const SUBJECT_FIELDS: readonly string[] = ['user', 'tenant', 'accessToken', 'when']
const SETTINGS: readonly string[] = ['permissions', 'allow']
const SUBJECT_HINT = 'As in fake.allow(permission, { user, tenant }); without it, it is about anybody.'

/** @throws InvalidRequestError */
export function parseFakeSubject(given: unknown): FakeSubject {
  if (!isPlain(given))
    throw wrong([{ field: 'subject', message: 'must be an object with user, tenant, accessToken or when' }], SUBJECT_HINT)
  const violations = Object.keys(given).flatMap((name) => {
    const message = faultOf(name, given[name])
    return message === undefined ? [] : [{ field: `subject.${named(name)}`, message }]
  })
  if (violations.length > 0) throw wrong(violations, SUBJECT_HINT)
  return { ...given }
}

/** What is named and has no value is a slip of the test, and would be anybody. */
function faultOf(name: string, value: unknown): string | undefined {
  if (!SUBJECT_FIELDS.includes(name)) return unknownMessage(name, SUBJECT_FIELDS)
  if (name === 'when') return typeof value === 'function' ? undefined : 'must be a function of the resource'
  return typeof value === 'string' && value !== '' ? undefined : 'must be a text, not empty'
}

/** @throws InvalidRequestError */
export function requirePermission(given: unknown): void {
  if (typeof given === 'string' && given !== '') return
  throw wrong([{ field: 'permission', message: 'must be the name of one' }])
}

const UPPER_SNAKE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/
const DENY_REASONS: readonly string[] = REASONS.filter((reason) => reason !== 'ROLE' && reason !== 'TEMPORARY_GRANT')

/** Newer services have more of them, so one that is like none of ours is taken. @throws InvalidRequestError */
export function requireDenyReason(given: unknown): asserts given is DenyReason | (string & {}) {
  const fault = (message: string) => wrong([{ field: 'reason', message }], 'As in fake.deny(permission, reason, { user, tenant }).')
  if (typeof given !== 'string' || !UPPER_SNAKE.test(given)) throw fault('must be a reason such as ROLE_LACKS_PERMISSION')
  if (DENY_REASONS.includes(given)) return
  if ((REASONS as readonly string[]).includes(given)) throw fault('must be a reason of a deny')
  const near = findNearest(given, DENY_REASONS)
  if (near !== undefined) throw fault(`is not known; did you mean "${near}"?`)
}

/** @throws InvalidRequestError */
export function requireFailure(given: unknown): asserts given is CastellanError {
  if (given instanceof DeniedError) throw wrong([{ field: 'error', message: 'must not be a deny' }], 'fake.deny(permission) denies.')
  if (given instanceof CastellanError) return
  throw wrong(
    [{ field: 'error', message: 'must be an error of the client' }],
    "As in new UnavailableError('down', { code: 'unreachable' }).",
  )
}

/** @throws InvalidRequestError */
export function requireFakeSettings(given: unknown): void {
  if (!isPlain(given)) throw wrong([{ field: 'settings', message: 'must be an object' }])
  const violations: FieldViolation[] = []
  for (const [name, value] of Object.entries(given)) {
    if (!SETTINGS.includes(name)) violations.push({ field: named(name), message: unknownMessage(name, SETTINGS) })
    else if (value !== undefined && !Array.isArray(value)) violations.push({ field: name, message: 'must be a list of permissions' })
  }
  if (violations.length > 0) throw wrong(violations)
}

function unknownMessage(name: string, known: readonly string[]): string {
  const near = findNearest(name, known)
  return near === undefined ? `is not known; there are ${known.join(', ')}` : `is not known; did you mean "${near}"?`
}

function isPlain(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

const NAME_CHARACTERS_MAX = 64

function named(name: string): string {
  return name.slice(0, NAME_CHARACTERS_MAX).toWellFormed()
}

function wrong(violations: readonly FieldViolation[], hint?: string): InvalidRequestError {
  const text = violations.map(({ field, message }) => `${field} ${message}`).join('; ')
  return new InvalidRequestError(`The fake does not take that: ${text}`, {
    ...{ code: 'request_invalid', violations },
    ...(hint === undefined ? {} : { hint }),
  })
}
