/** Holds what a caller sent with a resource against the types that the catalogue declares. Decides nothing. Floor 5. */
import type { FieldViolation } from '../ground/errors.ts'
import type { Attributes } from '../model/condition.ts'
import { RequestError } from '../model/error-code.ts'
import type { AttributeType, PermissionEntry } from '../model/policy.ts'

/** @throws RequestError naming each attribute of a wrong type; undeclared attributes are not read by any condition and pass */
export function requireAttributeTypes(entry: PermissionEntry, resource: Attributes): void {
  const violations: FieldViolation[] = []
  const check = (name: string, type: AttributeType) => {
    const value = Object.hasOwn(resource, name) ? resource[name] : undefined
    if (value === undefined || value === null || hasType(value, type)) return
    violations.push({ field: `resource.${name}`, message: `must be a ${type}, as the catalogue declares it for ${entry.name}` })
  }
  check('id', 'string')
  check('type', 'string')
  for (const [name, type] of Object.entries(entry.attributes)) check(name, type)
  if (violations.length > 0) throw new RequestError(violations)
}

function hasType(value: unknown, type: AttributeType): boolean {
  if (type === 'string[]') return Array.isArray(value) && value.every((item) => typeof item === 'string')
  if (type === 'number[]') return Array.isArray(value) && value.every((item) => Number.isFinite(item))
  return type === 'number' ? Number.isFinite(value) : typeof value === type
}
