/** The rule of deciding written as plainly as we can, over a world held as plain lists: what all real answers are compared with. */
import type { AttributeTest, Condition, PolicyBundle } from '../../src/model/policy.ts'

export interface World {
  readonly bundle: PolicyBundle
  readonly tenants: readonly { id: string; suspended: boolean; attributes: Record<string, unknown> }[]
  readonly users: readonly { id: string; deactivated: boolean; attributes: Record<string, unknown> }[]
  readonly assignments: readonly { user: string; tenant: string; role: string; window: 'past' | 'now' | 'future'; temporary: boolean }[]
}
export type Resource = Record<string, unknown> | undefined

/** [allowed, reason, roles that allow] */
export function naive(
  world: World,
  user: string,
  tenant: string,
  permission: string,
  resource: Resource,
): [boolean, string, readonly string[]] {
  const entry = world.bundle.permissions.find((p) => p.name === permission || p.code === permission)
  if (!entry) return [false, 'UNKNOWN_PERMISSION', []]
  const t = world.tenants.find((row) => row.id === tenant)
  if (!t) return [false, 'UNKNOWN_TENANT', []]
  if (t.suspended) return [false, 'TENANT_SUSPENDED', []]
  const u = world.users.find((row) => row.id === user)
  if (!u) return [false, 'UNKNOWN_USER', []]
  if (u.deactivated) return [false, 'ACCOUNT_DEACTIVATED', []]
  if (entry.stage === 'disabled') return [false, 'PERMISSION_DISABLED', []]
  const rows = world.assignments.filter((row) => row.user === user && row.tenant === tenant)
  const ways = rows.flatMap((row) =>
    (world.bundle.roles.find((role) => role.name === row.role)?.grants ?? [])
      .filter((grant) => grant.permission === entry.name)
      .map((grant) => ({ ...row, failure: failure(grant.when, resource, { user: u, tenant: t }) })),
  )
  const now = ways.filter((way) => way.window === 'now')
  const open = now.filter((way) => way.failure === undefined)
  const roles = open.map((way) => way.role)
  const holding = rows.filter((row) => row.window === 'now' && roles.includes(row.role))
  const reason = holding.some((row) => !row.temporary) ? 'ROLE' : 'TEMPORARY_GRANT'
  if (open.length > 0) return [true, reason, [...new Set(roles)].sort()]
  for (const told of ['RESOURCE_REQUIRED', 'ATTRIBUTE_MISSING', 'CONDITION_FAILED', 'VARIABLE_UNSET']) {
    if (now.some((way) => way.failure === told)) return [false, told, []]
  }
  if (ways.some((way) => way.window === 'future')) return [false, 'NOT_YET_VALID', []]
  if (ways.some((way) => way.window === 'past')) return [false, 'ASSIGNMENT_EXPIRED', []]
  return [false, rows.some((row) => row.window === 'now') ? 'ROLE_LACKS_PERMISSION' : 'NO_ASSIGNMENT', []]
}

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
