/** The report of least privilege: which permissions of a role were used, by the decision log. Changes nothing, and advises nothing. Floor 5. */

import { decisionLogMissing } from '../../access/decision-log-reader.ts'
import { requireScope, requireTenant } from '../../access/guard.ts'
import type { RoleUse, RoleUseQuestion } from '../../model/access-history.ts'
import type { Caller } from '../../model/caller.ts'
import type { PolicySource } from '../../model/compiled-policy.ts'
import { NotFoundError } from '../../model/error-code.ts'
import { ROLE_USE_SLICE_MS } from '../../model/observation-limits.ts'
import type { DecisionLogTable } from '../../store/history-ports.ts'

export interface RoleUseNeeds {
  readonly policy: PolicySource
  /** Absent: no decision log is kept in the database. */
  readonly table: DecisionLogTable | undefined
}

const DAY_MS = 86_400_000

/** Slice by slice, newest first: one statement each, so that none of them takes longer than a statement may. */
export async function reportRoleUse(
  { policy, table }: RoleUseNeeds,
  caller: Caller,
  { role, tenant, days }: RoleUseQuestion,
  signal: AbortSignal,
): Promise<RoleUse> {
  requireScope(caller, 'audit')
  if (tenant !== undefined) requireTenant(caller, tenant)
  const current = policy.current()
  if (current.findRole(role) === undefined) throw unknownRole(current.suggestRole(role))
  if (table === undefined) throw decisionLogMissing()
  const names = current.roleSet([role]).permissions
  const tenants = tenant === undefined ? caller.tenants : [tenant]
  const { nowMs, oldestMs, lost } = await table.readCoverage(days * DAY_MS)
  const fromMs = nowMs - days * DAY_MS

  const uses = new Map<string, { uses: number; lastUsedMs: number }>()
  let sampled = 1
  const beginMs = Math.max(fromMs, oldestMs ?? nowMs)
  for (let untilMs = nowMs; untilMs > beginMs; untilMs = Math.floor((untilMs - 1) / ROLE_USE_SLICE_MS) * ROLE_USE_SLICE_MS) {
    signal.throwIfAborted()
    const sliceFromMs = Math.max(beginMs, Math.floor((untilMs - 1) / ROLE_USE_SLICE_MS) * ROLE_USE_SLICE_MS)
    const slice = await table.countRoleUses(role, names, tenants, sliceFromMs, untilMs)
    sampled = Math.min(sampled, slice.sampled ?? 1)
    for (const one of slice.uses) {
      const known = uses.get(one.permission)
      if (known === undefined) uses.set(one.permission, { uses: one.uses, lastUsedMs: one.lastUsedMs })
      else known.uses += one.uses
    }
  }
  return {
    role,
    ...(tenant === undefined ? {} : { tenant }),
    policyRevision: current.revision,
    fromMs,
    untilMs: nowMs,
    ...(beginMs > fromMs ? { knownFromMs: beginMs } : {}),
    sampled,
    lost,
    permissions: names.map((permission) => ({
      permission,
      code: current.findPermission(permission)?.code ?? '',
      ...(uses.get(permission) ?? { uses: 0 }),
    })),
  }
}

function unknownRole(near: string | undefined): NotFoundError {
  return new NotFoundError('The role is not in the policy in force.', near === undefined ? undefined : `Did you mean "${near}"?`)
}
