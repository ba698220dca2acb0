/** A query string → an object of strings, strictly: each name once, each known, each well-formed. Floor 4. */
import type { FieldViolation } from '../../ground/errors.ts'
import { RequestError } from '../../model/error-code.ts'
import { VIOLATIONS_MAX } from '../../model/limits.ts'
import { unknownField } from '../violations.ts'

/** @param search without its question mark @throws RequestError that names each parameter at fault */
export function parseQuery(search: string, known: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  const violations: FieldViolation[] = []
  for (const part of search.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decoded(equals === -1 ? part : part.slice(0, equals))
    const value = equals === -1 ? '' : decoded(part.slice(equals + 1))
    if (name === undefined || value === undefined) violations.push({ field: 'query', message: 'has a malformed percent-escape' })
    else if (!known.includes(name)) violations.push(unknownField(name.slice(0, 64).toWellFormed(), name, known))
    else if (Object.hasOwn(found, name)) violations.push({ field: name, message: 'is given twice' })
    else found[name] = value
    if (violations.length >= VIOLATIONS_MAX) break
  }
  if (violations.length > 0) throw new RequestError(violations)
  return found
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
