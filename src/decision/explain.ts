/** Why a decision is as it is: every grant tried, where its condition fails, which roles would do. Pure. Floor 5. */
import { type AccessState, type Assignment, inForce } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { ConditionContext } from '../model/condition.ts'
import type { CheckQuestion, Explanation, TriedGrant } from '../model/decision.ts'
import type { PermissionEntry } from '../model/policy.ts'
import { contextOf } from './decide.ts'

/** Everything of an explanation but the decision itself, which is made by the same rule as every check's. */
export function explain(
  policy: CompiledPolicy,
  question: CheckQuestion,
  state: AccessState,
  privileged: boolean,
): Omit<Explanation, 'decision'> {
  const entry = policy.findPermission(question.permission)
  const context = contextOf(question, state)
  return {
    ...(entry === undefined ? {} : { permission: entry.name, code: entry.code }),
    tenantState: state.tenant === undefined ? 'UNKNOWN' : state.tenant.suspended ? 'SUSPENDED' : 'ACTIVE',
    accountState: state.user === undefined ? 'UNKNOWN' : state.user.deactivated ? 'DEACTIVATED' : 'ACTIVE',
    tried: state.assignments.map((assignment) => tried(policy, entry, assignment, state.readAtMs, context)),
    ...(privileged ? { wouldAllowWith: wouldAllowWith(policy, entry, state, context) } : {}),
  }
}

function tried(
  policy: CompiledPolicy,
  entry: PermissionEntry | undefined,
  assignment: Assignment,
  nowMs: number,
  context: ConditionContext,
): TriedGrant {
  return {
    assignmentId: assignment.id,
    role: assignment.role,
    window: inForce(assignment, nowMs) ? 'IN_FORCE' : assignment.validFromMs > nowMs ? 'NOT_YET_VALID' : 'EXPIRED',
    validFromMs: assignment.validFromMs,
    ...(assignment.expiresAtMs === null ? {} : { expiresAtMs: assignment.expiresAtMs }),
    ...outcome(policy, entry, assignment.role, context),
  }
}

function outcome(
  policy: CompiledPolicy,
  entry: PermissionEntry | undefined,
  role: string,
  context: ConditionContext,
): Pick<TriedGrant, 'outcome' | 'failedAt' | 'conditionReason'> {
  if (policy.findRole(role) === undefined) return { outcome: 'ROLE_UNKNOWN' }
  const ways = entry === undefined ? [] : policy.roleSet([role]).waysTo(entry.name)
  if (ways.length === 0) return { outcome: 'ROLE_LACKS_PERMISSION' }
  const results = ways.map((way) => ({ way, failed: way.evaluate(context) }))
  if (results.some((result) => result.failed === undefined)) return { outcome: 'GRANTS' }
  const first = results[0]
  if (first?.failed === undefined) return { outcome: 'CONDITION_FAILED' }
  return {
    outcome: first.failed.failure,
    failedAt: first.failed.at,
    ...(first.way.reason === undefined ? {} : { conditionReason: first.way.reason }),
  }
}

/** Roles that would allow this question if they were assigned; none where no role could help. */
function wouldAllowWith(
  policy: CompiledPolicy,
  entry: PermissionEntry | undefined,
  state: AccessState,
  context: ConditionContext,
): readonly string[] {
  if (entry === undefined || entry.stage === 'disabled' || state.tenant?.suspended || state.user?.deactivated) return []
  return policy.rolesGranting(entry.name).filter((role) => policy.roleSet([role]).can(entry.name, context))
}
