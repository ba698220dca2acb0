/** What an application holds about a thing → JSON of our own, as it was when it asked. Types of attributes are the catalogue's matter. Floor 6. */
import { ATTRIBUTE_DEPTH_MAX } from '../../model/limits.ts'
import { attributesFault } from '../../wire/attributes.ts'
import type { Resource } from '../client.ts'
import type { FieldViolation } from '../errors.ts'

/**
 * As JSON.stringify would write it and JSON.parse read it; what JSON has no form for is a violation instead of `null` or nothing.
 * @param violations takes what is wrong; then the answer is of no use
 */
export function plainResource(resource: unknown, violations: FieldViolation[]): Resource | undefined {
  if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) {
    violations.push({ field: 'resource', message: 'must be an object of attributes' })
    return undefined
  }
  const before = violations.length
  const plain = copyOf(resource, '', 1, violations) as Resource
  if (violations.length > before) return undefined
  const fault = attributesFault(plain)
  if (fault !== undefined) violations.push({ field: `resource${fault.at.slice(0, 200)}`, message: fault.message })
  return plain
}

/** Recursion ends at ATTRIBUTE_DEPTH_MAX, so that a circle does too. */
function copyOf(value: unknown, at: string, depth: number, faults: FieldViolation[]): unknown {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value
    case 'object':
      break
    default:
      faults.push({ field: `resource${at}`, message: `must be what JSON can carry, not a ${typeof value}` })
      return null
  }
  if (value === null) return null
  const { toJSON } = value as { readonly toJSON?: unknown }
  // A moment is a text of JSON; what says nothing of itself is taken by its own properties.
  if (typeof toJSON === 'function') {
    const said: unknown = toJSON.call(value, '')
    if (typeof said !== 'object' || said === null) return copyOf(said, at, depth, faults)
    return fieldsOf(said, at, depth, faults)
  }
  return fieldsOf(value, at, depth, faults)
}

function fieldsOf(value: object, at: string, depth: number, faults: FieldViolation[]): unknown {
  if (depth > ATTRIBUTE_DEPTH_MAX) {
    faults.push({ field: 'resource', message: `must not nest deeper than ${ATTRIBUTE_DEPTH_MAX}` })
    return null
  }
  if (Array.isArray(value)) return value.map((item, index) => copyOf(item, `${at}[${index}]`, depth + 1, faults))
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const item = (value as Readonly<Record<string, unknown>>)[name]
    if (name === '__proto__') faults.push({ field: `resource${at}`, message: 'must not contain the name "__proto__"' })
    else if (item !== undefined) copy[name] = copyOf(item, `${at}.${name}`, depth + 1, faults)
  }
  return copy
}
