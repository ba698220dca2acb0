/** The report of least privilege: which permissions of a role were used, by what the decision log counted. Changes nothing, and advises nothing. Floor 5. */

import { decisionLogMissing } from '../../access/decision-log-reader.ts'
import { requireScope, requireTenant } from '../../access/guard.ts'
import type { RoleUse, RoleUseQuestion } from '../../model/access-history.ts'
import type { Caller } from '../../model/caller.ts'
import type { PolicySource } from '../../model/compiled-policy.ts'
import { NotFoundError } from '../../model/error-code.ts'
import type { DecisionLogTable } from '../../store/history-ports.ts'

export interface RoleUseNeeds {
  readonly policy: PolicySource
  /** Absent: no decision log is kept in the database. */
  readonly table: DecisionLogTable | undefined
}

/** A caller that is limited to tenants is told all losses, for nobody knows in whose they were, and the terms of the whole log: it is what its own counts rest on. */
export async function reportRoleUse(
  { policy, table }: RoleUseNeeds,
  caller: Caller,
  { role, tenant, days }: RoleUseQuestion,
): Promise<RoleUse> {
  requireScope(caller, 'audit')
  if (tenant !== undefined) requireTenant(caller, tenant)
  const current = policy.current()
  if (current.findRole(role) === undefined) throw unknownRole(current.suggestRole(role))
  if (table === undefined) throw decisionLogMissing()
  const names = current.roleSet([role]).permissions
  const found = await table.countRoleUses(role, names, tenant === undefined ? caller.tenants : [tenant], days)
  const knownFromMs = found.sinceMs ?? found.nowMs
  const uses = new Map(found.uses.map((one) => [one.permission, one]))
  return {
    role,
    ...(tenant === undefined ? {} : { tenant }),
    policyRevision: current.revision,
    fromMs: found.fromMs,
    untilMs: found.nowMs,
    ...(knownFromMs > found.fromMs ? { knownFromMs } : {}),
    // Of what nobody told nothing is promised.
    sampled: found.sampled ?? 0,
    lost: found.lost,
    permissions: names.map((permission) => {
      const used = uses.get(permission)
      return {
        permission,
        code: current.findPermission(permission)?.code ?? '',
        uses: used?.uses ?? 0,
        ...(used === undefined ? {} : { lastUsedMs: used.lastUsedMs }),
      }
    }),
  }
}

function unknownRole(near: string | undefined): NotFoundError {
  return new NotFoundError('The role is not in the policy in force.', near === undefined ? undefined : `Did you mean "${near}"?`)
}
