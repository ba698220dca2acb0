/** What an application passes → a question that can travel, as it was in that moment; names each field that is wrong. Floor 6. */
import { PRESENTED_TOKEN_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import { idFault } from '../../model/ids.ts'
import type { CallOptions, Question, Subject } from '../client.ts'
import { type FieldViolation, InvalidRequestError } from '../errors.ts'
import { DEADLINE_MS_MAX } from '../limits.ts'
import { plainResource } from './plain-resource.ts'
import { unreadable, wrongQuestion } from './wrong-question.ts'

type Plain = Readonly<Record<string, unknown>>

const QUESTION_FIELDS: readonly string[] = ['user', 'tenant', 'accessToken', 'permission', 'resource']
const SUBJECT_FIELDS: readonly string[] = ['user', 'tenant', 'accessToken']
const OPTION_FIELDS: readonly string[] = ['signal', 'deadlineMs', 'minPosition']

/** @throws InvalidRequestError */
export function parseQuestion(given: unknown, prefix = ''): Question {
  try {
    return goodQuestion(given, prefix) ?? questionOf(given, prefix)
  } catch (fault) {
    throw fault instanceof InvalidRequestError ? fault : unreadable(prefix === '' ? 'question' : prefix, fault)
  }
}

/** Most questions: without a list of what may be wrong, which would cost more than an answer from memory. */
function goodQuestion(given: unknown, prefix: string): Question | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined
  for (const field in given)
    if (field !== 'user' && field !== 'tenant' && field !== 'permission' && field !== 'resource' && field !== 'accessToken')
      return undefined
  const { user, tenant, accessToken, permission, resource } = given as Plain
  if (accessToken !== undefined || !isId(user) || !isId(tenant) || !isId(permission)) return undefined
  if (resource === undefined) return { user, tenant, permission }
  return { user, tenant, permission, resource: plainResource(resource, prefix === '' ? 'resource' : `${prefix}.resource`) }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && idFault(value) === undefined
}

/** Each as it was in that moment, in order. @throws InvalidRequestError */
export function parseQuestions(given: unknown): readonly Question[] {
  return reading('questions', given, (value) =>
    // Holes of a list are questions that are missing; `map` would leave them out.
    Array.from(listOf(value), (one, index) => parseQuestion(one, `questions[${index}]`)),
  )
}

/** What is asked about one subject → questions, which are not checked yet. @throws InvalidRequestError */
export function parseWanted<Permission extends string>(given: unknown, subject: Subject): readonly Question<Permission>[] {
  return reading('questions', given, (value) =>
    // Names of a class are read as well, and names that are none are left for the check.
    Array.from(listOf(value), (one) => {
      if (typeof one !== 'object' || one === null) return { ...subject, permission: one }
      const { permission, resource } = one as Plain
      return { ...one, permission, resource, ...subject }
    }),
  ) as unknown as readonly Question<Permission>[]
}

/** @throws InvalidRequestError */
export function parseSubject(given: unknown): Subject {
  return reading('subject', given, (value) => {
    const violations: FieldViolation[] = []
    const subject = subjectOf(objectOf(value, 'subject'), SUBJECT_FIELDS, violations)
    refuse(violations)
    return subject
  })
}

/** Of a list of permissions, which no token stands for. @throws InvalidRequestError */
export function parseNames(given: unknown): { readonly user: string; readonly tenant: string } {
  const { user, tenant, accessToken } = parseSubject(given)
  if (accessToken === undefined) return { user, tenant }
  throw new InvalidRequestError('Permissions are listed by user and tenant: accessToken', {
    code: 'request_invalid',
    hint: 'The claims `sub` and `tid` of a verified token name them.',
    violations: [{ field: 'accessToken', message: 'must not be given here' }],
  })
}

/** Each option is read once: what is asked again is asked as it was. @throws InvalidRequestError */
export function parseCallOptions(given: unknown): CallOptions | undefined {
  return given === undefined ? undefined : reading('options', given, callOptionsOf)
}

function callOptionsOf(given: unknown): CallOptions {
  const options = objectOf(given, 'options')
  const violations: FieldViolation[] = []
  unknownNames(options, OPTION_FIELDS, violations)
  const { signal, deadlineMs, minPosition } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) violations.push({ field: 'signal', message: 'must be an AbortSignal' })
  if (deadlineMs !== undefined && !isDeadline(deadlineMs)) violations.push({ field: 'deadlineMs', message: DEADLINE_MESSAGE })
  if (minPosition !== undefined && !(Number.isSafeInteger(minPosition) && (minPosition as number) >= 0))
    violations.push({ field: 'minPosition', message: 'must be a whole number from 0 to 9007199254740991' })
  refuse(violations, 'options.')
  return {
    ...(signal === undefined ? {} : { signal: signal as AbortSignal }),
    ...(deadlineMs === undefined ? {} : { deadlineMs: deadlineMs as number }),
    ...(minPosition === undefined ? {} : { minPosition: minPosition as number }),
  }
}

/** What is wrong with it, all of it; or one about a token. */
function questionOf(given: unknown, prefix: string): Question {
  const question = objectOf(given, prefix === '' ? 'question' : prefix)
  const within = prefix === '' ? '' : `${prefix}.`
  const violations: FieldViolation[] = []
  const subject = subjectOf(question, QUESTION_FIELDS, violations)
  const permission = idOf(question, 'permission', violations)
  refuse(violations, within)
  const { resource } = question
  return (
    resource === undefined ? { ...subject, permission } : { ...subject, permission, resource: plainResource(resource, `${within}resource`) }
  ) as Question
}

/** Whatever the application's own code throws while it is read is no failure of the client. */
function reading<T>(field: string, given: unknown, read: (given: unknown) => T): T {
  try {
    return read(given)
  } catch (fault) {
    throw fault instanceof InvalidRequestError ? fault : unreadable(field, fault)
  }
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
  const { tenant } = given
  return tenant === undefined ? { accessToken: token } : { accessToken: token, tenant: checkedId(tenant, 'tenant', violations) }
}

function idOf(given: Plain, field: string, violations: FieldViolation[]): string {
  return checkedId(given[field], field, violations)
}

function checkedId(value: unknown, field: string, violations: FieldViolation[]): string {
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
  throw wrongQuestion([{ field, message: 'must be an object' }])
}

function listOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given
  throw wrongQuestion([{ field: 'questions', message: 'must be a list' }])
}

function refuse(violations: readonly FieldViolation[], prefix = ''): void {
  if (violations.length > 0) throw wrongQuestion(violations.map(({ field, message }) => ({ field: prefix + field, message })))
}
