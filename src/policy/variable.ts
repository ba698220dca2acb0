/** Values that a condition takes from the user and the tenant. Own properties only; what is not there is unset, never a default. Floor 2. */
import type { ConditionContext } from '../model/condition.ts'
import { isVariablePath } from './grammar.ts'

export type VariableReader = (context: ConditionContext) => unknown

/**
 * @param path grammar of `{ $var: path }`
 * @throws RangeError for a path outside the grammar: such a bundle was never validated
 */
export function compileVariable(path: string): VariableReader {
  if (!isVariablePath(path)) throw new RangeError(`not a variable: ${path}`)
  if (path === 'user.id') return (context) => context.user.id
  if (path === 'tenant.id') return (context) => context.tenant.id
  const [root, , ...names] = path.split('.')
  const ofUser = root === 'user'
  return (context) => {
    let value: unknown = ofUser ? context.user.attributes : context.tenant.attributes
    for (const name of names) value = readOwn(value, name)
    return value
  }
}

/** An own property of a plain object; `undefined` for anything else. */
export function readOwn(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null || Array.isArray(holder) || !Object.hasOwn(holder, name)) return undefined
  return (holder as Readonly<Record<string, unknown>>)[name]
}
