/** Conditions for the naive evaluator, written as plainly as we can: no compiling, no order of evaluation but the promised one. */
import type { AttributeTest, Condition } from '../../src/model/policy.ts'

export type Resource = Record<string, unknown> | undefined
type Roots = { user: { id: string; attributes: object }; tenant: { id: string; attributes: object } }

export function failure(when: Condition | undefined, resource: Resource, roots: Roots): string | undefined {
  if (when === undefined) return undefined
  const tests = Object.entries(when).map(([name, test]) => ({ name, test: filled(test, roots) }))
  if (tests.some(({ test }) => Object.values(test).some(unset) || (Array.isArray(test['$nin']) && test['$nin'].length === 0)))
    return 'VARIABLE_UNSET'
  if (resource === undefined) return 'RESOURCE_REQUIRED'
  const value = (name: string) => (Object.hasOwn(resource, name) ? (resource[name] ?? undefined) : undefined)
  if (tests.some(({ name, test }) => value(name) === undefined && test['$exists'] !== false)) return 'ATTRIBUTE_MISSING'
  return tests.every(({ name, test }) => Object.entries(test).every(([op, operand]) => holds(op, value(name), operand)))
    ? undefined
    : 'CONDITION_FAILED'
}

const unset = (operand: unknown): boolean => operand === undefined || operand === null || (Array.isArray(operand) && operand.some(unset))

function filled(test: AttributeTest, roots: Roots): Record<string, unknown> {
  const fill = (operand: unknown): unknown => {
    if (Array.isArray(operand)) return operand.map(fill)
    if (typeof operand !== 'object' || operand === null) return operand
    const [root, ...path] = (operand as { $var: string }).$var.split('.')
    const subject = root === 'user' ? roots.user : roots.tenant
    return path[0] === 'id' ? subject.id : Object.entries(subject.attributes).find(([name]) => name === path[1])?.[1]
  }
  return Object.fromEntries(Object.entries(test).map(([op, operand]) => [op, fill(operand)]))
}

function holds(op: string, value: unknown, operand: unknown): boolean {
  if (op === '$exists') return (value !== undefined) === operand
  if (op === '$eq') return value === operand
  if (op === '$ne') return value !== operand
  if (op === '$in') return (operand as unknown[]).includes(value)
  if (op === '$nin') return !(operand as unknown[]).includes(value)
  if (op === '$all') return (operand as unknown[]).every((item) => (value as unknown[]).includes(item))
  if (op === '$size') return (value as unknown[]).length === operand
  const [a, b] = [value as number, operand as number]
  return op === '$lt' ? a < b : op === '$lte' ? a <= b : op === '$gt' ? a > b : a >= b
}
