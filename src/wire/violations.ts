/** Runs a schema and says each violation by the field's path as the caller wrote it. Knows no wire. Floor 4. */
import { z } from 'zod'
import type { FieldViolation } from '../ground/errors.ts'
import { findNearest } from '../ground/nearest.ts'
import { RequestError } from '../model/error-code.ts'
import { VIOLATIONS_MAX } from '../model/limits.ts'

/** @throws RequestError that names every field at fault, the first VIOLATIONS_MAX of them */
export function parseWith<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input, { error: describe })
  if (result.success) return result.data
  throw new RequestError(result.error.issues.flatMap((issue) => violationsOf(issue, schema)).slice(0, VIOLATIONS_MAX))
}

const TYPE_NAMES: Readonly<Record<string, string>> = { record: 'an object', object: 'an object', array: 'a list', int: 'a whole number' }

/** Our words in place of the library's; a message written in a schema wins over these. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type' || issue.code === 'invalid_union') {
    if (issue.input === undefined) return 'is required'
    return issue.code === 'invalid_type' ? `must be ${TYPE_NAMES[issue.expected] ?? `a ${issue.expected}`}` : 'is of the wrong type'
  }
  if (issue.code === 'invalid_value') {
    return issue.input === undefined ? 'is required' : `must be one of ${issue.values.map((value) => String(value)).join(', ')}`
  }
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}${unitOf(issue.origin)}`
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${unitOf(issue.origin)}`
  return undefined
}

function unitOf(origin: string): string {
  return origin === 'array' ? ' items' : origin === 'string' ? ' characters' : ''
}

function violationsOf(issue: z.core.$ZodIssue, schema: z.ZodType): FieldViolation[] {
  if (issue.code !== 'unrecognized_keys') return [{ field: fieldPath(issue.path), message: issue.message }]
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
  return issue.keys
    .slice(0, VIOLATIONS_MAX)
    .map((name) => unknownField(fieldPath([...issue.path, name.slice(0, 64).toWellFormed()]), name, known))
}

/** A field that nobody reads must not look as if it were read: a misspelt `resource` would change the answer. */
export function unknownField(field: string, name: string, known: readonly string[]): FieldViolation {
  const nearest = findNearest(name, known)
  return {
    field,
    message: nearest === undefined ? 'is not a field of this request' : `is not a field of this request; did you mean "${nearest}"?`,
  }
}

/** `items[3].permission` */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = ''
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? String(step) : `.${String(step)}`
  return text === '' ? 'body' : text
}

/** The same violations, one level deeper: `permission` in the fourth item is `items[3].permission`. */
export function within(prefix: string, fault: unknown): unknown {
  if (!(fault instanceof RequestError)) return fault
  return new RequestError(
    fault.violations.map(({ field, message }) => ({ field: field === 'body' ? prefix : `${prefix}.${field}`, message })),
    fault.hint,
  )
}
