/** The whole rule of deciding, one screen: policy, question and state in, verdict out. Pure. Floor 5. */
import type { AccessState, Assignment } from '../model/access-state.ts'
import type { CompiledPolicy, GrantWay } from '../model/compiled-policy.ts'
import type { ConditionContext, ConditionFailure } from '../model/condition.ts'
import type { CheckQuestion, DenyReason, TokenRefusal, TokenStanding, Verdict } from '../model/decision.ts'
import type { PermissionEntry } from '../model/policy.ts'
import { requireAttributeTypes } from './attributes.ts'
import { type Standing, standingOf } from './standing.ts'

/**
 * @param token absent: the question named its user
 * @param standing of this very state under this very policy, where it was worked out before
 * @throws RequestError when the resource carries a declared attribute with a value of another type
 */
export function decide(
  policy: CompiledPolicy,
  question: CheckQuestion,
  state: AccessState,
  token?: TokenStanding,
  standing?: Standing,
): Verdict {
  const entry = policy.findPermission(question.permission)
  if (entry === undefined) return deny('UNKNOWN_PERMISSION')
  if (question.resource !== undefined) requireAttributeTypes(entry, question.resource)
  const closed = closedReason(state, token) ?? (entry.stage === 'disabled' ? 'PERMISSION_DISABLED' : undefined)
  if (closed !== undefined) return deny(closed)

  const { held, roles } = standing ?? standingOf(policy, state)
  const context = contextOf(question, state)
  if (roles.can(entry.name, context)) return allow(roles.waysTo(entry.name), context, held)

  const ways = roles.waysTo(entry.name)
  if (ways.length > 0) return denyByCondition(ways, context)
  return denyByWindow(policy, entry, state) ?? deny(held.length === 0 ? 'NO_ASSIGNMENT' : 'ROLE_LACKS_PERMISSION')
}

/** Of many names at once what `decide` says of each, without a resource. */
export function decideEach(
  { policy, roles }: Standing,
  permissions: readonly string[],
  context: ConditionContext,
  closed: DenyReason | undefined,
): readonly boolean[] {
  return permissions.map((permission) => {
    const entry = closed === undefined ? policy.findPermission(permission) : undefined
    return entry !== undefined && entry.stage !== 'disabled' && roles.can(entry.name, context)
  })
}

/**
 * Why nothing at all can be allowed to this user in this tenant, whatever the permission. A login holds while its session lives and nothing
 * happened to the account that ends all of them.
 */
export function closedReason(state: AccessState, token?: TokenStanding): DenyReason | undefined {
  if (state.tenant === undefined) return 'UNKNOWN_TENANT'
  if (state.tenant.suspended) return 'TENANT_SUSPENDED'
  if (state.user === undefined) return 'UNKNOWN_USER'
  if (state.user.deactivated) return 'ACCOUNT_DEACTIVATED'
  if (token !== undefined && !(token.sessionLive && token.epoch === state.user.epoch)) return 'TOKEN_REVOKED'
  return undefined
}

/** A token that proves nobody: there is nothing else to decide from. */
export function denyToken(refusal: TokenRefusal): Verdict {
  return deny(refusal)
}

export function contextOf(question: Pick<CheckQuestion, 'user' | 'tenant' | 'resource'>, state: AccessState): ConditionContext {
  return {
    user: { id: question.user, attributes: state.user?.attributes ?? NO_ATTRIBUTES },
    tenant: { id: question.tenant, attributes: state.tenant?.attributes ?? NO_ATTRIBUTES },
    resource: question.resource,
  }
}
const NO_ATTRIBUTES = Object.freeze({})

function allow(ways: readonly GrantWay[], context: ConditionContext, held: readonly Assignment[]): Verdict {
  const via: string[] = []
  for (const way of ways) {
    if (way.evaluate(context) === undefined && !via.includes(way.role)) via.push(way.role)
  }
  via.sort()
  let lastEndMs = 0
  for (const assignment of held) {
    if (!via.includes(assignment.role)) continue
    if (assignment.expiresAtMs === null) return { allowed: true, reason: 'ROLE', via }
    if (assignment.expiresAtMs > lastEndMs) lastEndMs = assignment.expiresAtMs
  }
  return { allowed: true, reason: 'TEMPORARY_GRANT', via, validUntilMs: lastEndMs }
}

function deny(reason: DenyReason): Verdict {
  return { allowed: false, reason, via: [] }
}

/** Of several failing conditions the caller hears the one it can do most about. */
const TELL_FIRST: readonly ConditionFailure[] = ['RESOURCE_REQUIRED', 'ATTRIBUTE_MISSING', 'CONDITION_FAILED', 'VARIABLE_UNSET']

function denyByCondition(ways: readonly GrantWay[], context: ConditionContext): Verdict {
  const failures = ways.map((way) => ({ failure: way.evaluate(context)?.failure, reason: way.reason }))
  for (const failure of TELL_FIRST) {
    const told = failures.find((candidate) => candidate.failure === failure)
    if (told !== undefined) return told.reason === undefined ? deny(failure) : { ...deny(failure), hint: told.reason }
  }
  // CASL said no where every condition holds: the two must never differ, and if they do nobody may pass.
  return deny('CONDITION_FAILED')
}

/** A grant that is not yet, or no longer, in force and would have mattered. */
function denyByWindow(policy: CompiledPolicy, entry: PermissionEntry, state: AccessState): Verdict | undefined {
  const granting = policy.rolesGranting(entry.name)
  let validFromMs: number | undefined
  let expiredAtMs: number | undefined
  for (const assignment of state.assignments) {
    if (!granting.includes(assignment.role)) continue
    if (assignment.validFromMs > state.readAtMs) validFromMs = Math.min(validFromMs ?? assignment.validFromMs, assignment.validFromMs)
    else if (assignment.expiresAtMs !== null && assignment.expiresAtMs <= state.readAtMs) {
      expiredAtMs = Math.max(expiredAtMs ?? assignment.expiresAtMs, assignment.expiresAtMs)
    }
  }
  if (validFromMs !== undefined) return { ...deny('NOT_YET_VALID'), validFromMs }
  return expiredAtMs === undefined ? undefined : { ...deny('ASSIGNMENT_EXPIRED'), expiredAtMs }
}
