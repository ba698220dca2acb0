/** Attributes that a person and a tenant could have so that the variables of a role's conditions are set. Examples only, no truth. Floor 2. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { AttributeType, Operand, RoleEntry, Scalar, Variable } from '../model/policy.ts'
import { elementType, typeOf } from './condition.ts'

export interface ExampleAttributes {
  readonly user: Readonly<Record<string, unknown>>
  readonly tenant: Readonly<Record<string, unknown>>
}

const EXAMPLES: Readonly<Record<'string' | 'number' | 'boolean', Scalar>> = { string: 'example', number: 1, boolean: true }
/** Operators that take a list where they take one variable. */
const LISTS: ReadonlySet<string> = new Set(['$in', '$nin', '$all'])

/** A variable that two conditions want in different types is set for the first of them. */
export function exampleAttributes(policy: CompiledPolicy, role: RoleEntry): ExampleAttributes {
  const attributes: { user: Record<string, unknown>; tenant: Record<string, unknown> } = { user: {}, tenant: {} }
  for (const { permission, when = {} } of role.grants) {
    const declared: Readonly<Record<string, AttributeType>> = policy.findPermission(permission)?.attributes ?? {}
    for (const [attribute, test] of Object.entries(when)) {
      const example = EXAMPLES[elementType(typeOf(attribute, declared))]
      for (const [operator, operand] of Object.entries(test))
        for (const { path, value } of variablesOf(operator, operand, example)) {
          const [root, , ...keys] = path.split('.')
          if (keys.length > 0 && (root === 'user' || root === 'tenant')) setOnce(attributes[root], keys, value)
        }
    }
  }
  return attributes
}

function variablesOf(operator: string, operand: unknown, example: Scalar): readonly { readonly path: string; readonly value: unknown }[] {
  if (Array.isArray(operand)) return operand.filter(isVariable).map((item) => ({ path: item.$var, value: example }))
  if (!isVariable(operand)) return []
  return [{ path: operand.$var, value: LISTS.has(operator) ? [example] : example }]
}

function isVariable(operand: Operand | unknown): operand is Variable {
  return typeof operand === 'object' && operand !== null && '$var' in operand
}

/** Own properties are defined, not assigned, so that no key can reach a prototype. */
function setOnce(target: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  const [key, ...deeper] = keys
  if (key === undefined) return
  const known = Object.hasOwn(target, key) ? target[key] : undefined
  if (known !== undefined && (deeper.length === 0 || typeof known !== 'object' || Array.isArray(known))) return
  const next = known ?? (deeper.length === 0 ? value : {})
  if (known === undefined) Object.defineProperty(target, key, { value: next, enumerable: true, writable: true, configurable: true })
  if (deeper.length > 0) setOnce(next as Record<string, unknown>, deeper, value)
}
