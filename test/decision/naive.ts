/** The rule of deciding written as plainly as we can, over a world held as plain lists: what all real answers are compared with. */
import type { PolicyBundle } from '../../src/model/policy.ts'
import { failure, type Resource } from './naive-condition.ts'

export interface World {
  readonly bundle: PolicyBundle
  readonly tenants: readonly { id: string; suspended: boolean; attributes: Record<string, unknown> }[]
  readonly users: readonly { id: string; deactivated: boolean; attributes: Record<string, unknown> }[]
  readonly assignments: readonly { user: string; tenant: string; role: string; window: 'past' | 'now' | 'future'; temporary: boolean }[]
}

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
