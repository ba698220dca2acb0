/** What an application passes → a question that can travel, as it was in that moment; names each field that is wrong. Floor 6. */
import { PRESENTED_TOKEN_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import { idFault } from '../../model/ids.ts'
import type { CallOptions, Question, Resource, Subject } from '../client.ts'
import { type FieldViolation, InvalidRequestError } from '../errors.ts'
import { DEADLINE_MS_MAX } from '../limits.ts'
import { plainResource } from './plain-resource.ts'

type Plain = Readonly<Record<string, unknown>>

const QUESTION_FIELDS: readonly string[] = ['user', 'tenant', 'accessToken', 'permission', 'resource']
const SUBJECT_FIELDS: readonly string[] = ['user', 'tenant', 'accessToken']
const OPTION_FIELDS: readonly string[] = ['signal', 'deadlineMs', 'minPosition']

/** @throws InvalidRequestError */
export function parseQuestion(given: unknown, prefix = ''): Question {
  const question = objectOf(given, prefix === '' ? 'question' : prefix)
  const violations: FieldViolation[] = []
  const subject = subjectOf(question, QUESTION_FIELDS, violations)
  const permission = idOf(question, 'permission', violations)
  let resource: Resource | undefined
  if (question['resource'] !== undefined) resource = plainResource(question['resource'], violations)
  refuse(violations, prefix === '' ? '' : `${prefix}.`)
  return (resource === undefined ? { ...subject, permission } : { ...subject, permission, resource }) as Question
}

/** @throws InvalidRequestError */
export function parseSubject(given: unknown): Subject {
  const violations: FieldViolation[] = []
  const subject = subjectOf(objectOf(given, 'subject'), SUBJECT_FIELDS, violations)
  refuse(violations)
  return subject
}

/** Of a list of permissions, which no token stands for. @throws InvalidRequestError */
export function parseNames(given: unknown): { readonly user: string; readonly tenant: string } {
  const names = objectOf(given, 'subject')
  if (names['accessToken'] !== undefined)
    throw new InvalidRequestError('Permissions are listed by user and tenant: accessToken', {
      code: 'request_invalid',
      hint: 'The claims `sub` and `tid` of a verified token name them.',
      violations: [{ field: 'accessToken', message: 'must not be given here' }],
    })
  return parseSubject(names) as { readonly user: string; readonly tenant: string }
}

/** @throws InvalidRequestError */
export function parseCallOptions(given: unknown): CallOptions | undefined {
  if (given === undefined) return undefined
  const options = objectOf(given, 'options')
  const violations: FieldViolation[] = []
  unknownNames(options, OPTION_FIELDS, violations)
  const { signal, deadlineMs, minPosition } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) violations.push({ field: 'signal', message: 'must be an AbortSignal' })
  if (deadlineMs !== undefined && !isDeadline(deadlineMs)) violations.push({ field: 'deadlineMs', message: DEADLINE_MESSAGE })
  if (minPosition !== undefined && !(Number.isSafeInteger(minPosition) && (minPosition as number) >= 0))
    violations.push({ field: 'minPosition', message: 'must be a whole number from 0 to 9007199254740991' })
  refuse(violations, 'options.')
  return options as CallOptions
}

export const DEADLINE_MESSAGE = `must be a number of milliseconds above 0, at most ${DEADLINE_MS_MAX}`

export function isDeadline(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= DEADLINE_MS_MAX
}

function subjectOf(given: Plain, fields: readonly string[], violations: FieldViolation[]): Subject {
  unknownNames(given, fields, violations)
  const { accessToken } = given
  if (accessToken === undefined) {
    const [user, tenant] = [idOf(given, 'user', violations), idOf(given, 'tenant', violations)]
    return { user, tenant }
  }
  if (typeof accessToken !== 'string' || accessToken === '') violations.push({ field: 'accessToken', message: 'must be a text, not empty' })
  else if (accessToken.length > PRESENTED_TOKEN_CHARACTERS_MAX)
    violations.push({ field: 'accessToken', message: `must be at most ${PRESENTED_TOKEN_CHARACTERS_MAX} characters` })
  else if (!accessToken.isWellFormed()) violations.push({ field: 'accessToken', message: 'must be well-formed Unicode' })
  if (given['user'] !== undefined) violations.push({ field: 'user', message: 'must not be named beside accessToken' })
  const token = accessToken as string
  return given['tenant'] === undefined ? { accessToken: token } : { accessToken: token, tenant: idOf(given, 'tenant', violations) }
}

function idOf(given: Plain, field: string, violations: FieldViolation[]): string {
  const value = given[field]
  const fault = value === undefined ? 'is required' : typeof value === 'string' ? idFault(value) : 'must be a text'
  if (fault !== undefined) violations.push({ field, message: fault })
  return value as string
}

/** A misspelt `resource` would be a question about nothing. */
function unknownNames(given: Plain, known: readonly string[], violations: FieldViolation[]): void {
  for (const field in given)
    if (!known.includes(field) && given[field] !== undefined)
      violations.push({ field: field.slice(0, 64).toWellFormed(), message: `is not known; there are ${known.join(', ')}` })
}

function objectOf(given: unknown, field: string): Plain {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Plain
  throw invalid([{ field, message: 'must be an object' }])
}

function refuse(violations: readonly FieldViolation[], prefix = ''): void {
  if (violations.length > 0) throw invalid(violations.map(({ field, message }) => ({ field: prefix + field, message })))
}

function invalid(violations: readonly FieldViolation[]): InvalidRequestError {
  const text = violations.map(({ field, message }) => `${field} ${message}`).join('; ')
  return new InvalidRequestError(`The question is wrong: ${text}`, { code: 'request_invalid', violations })
}
