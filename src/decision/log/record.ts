/** From a decision as it was made to its record: names, roles, assignments, and of the resource what may be kept. Pure. Masks nothing. Floor 5. */
import { type AccessState, type Assignment, inForce } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Attributes } from '../../model/condition.ts'
import type { Decision, DecisionBasis, PermissionsAnswer, Reason } from '../../model/decision.ts'
import type { Decided, DecisionRecord } from '../../model/decision-record.ts'
import { DECISION_LIST_MAX, DECISION_TEXT_CHARACTERS_MAX } from '../../model/observation-limits.ts'
import type { PermissionEntry } from '../../model/policy.ts'
import { isCode, isPermissionName } from '../../policy/grammar.ts'
import { contextOf } from '../decide.ts'

/** In place of a permission's name that cannot be one. */
const UNKNOWN = '[unknown]'

export function recordOf(event: Decided, replica: string, sampled: number): DecisionRecord {
  const { decision, trace } = event
  const { basis } = decision
  const state = basis.found?.value
  const held = state === undefined ? [] : state.assignments.filter((assignment) => inForce(assignment, state.readAtMs))
  return {
    type: 'decision',
    id: decision.decisionId,
    at: new Date(event.atMs).toISOString(),
    replica,
    method: event.method,
    wire: event.wire,
    requestId: event.requestId,
    ...(trace === undefined ? {} : { trace: trace.traceId, span: trace.spanId }),
    caller: { id: event.caller.id, name: event.caller.name },
    ...(basis.user === undefined ? {} : { user: basis.user }),
    ...(basis.tenant === undefined ? {} : { tenant: basis.tenant }),
    ...(isOfMany(decision) ? answersOf(decision, held) : answerOf(decision, held)),
    roles: namesOf(held),
    policyRevision: decision.policyRevision,
    position: decision.position,
    ...(basis.found === undefined ? {} : { level: basis.found.level }),
    durationMs: Math.round(event.elapsedMs * 1_000) / 1_000,
    sampled,
  }
}

export function isOfMany(decision: Decision | PermissionsAnswer): decision is PermissionsAnswer {
  return typeof decision.allowed !== 'boolean'
}

type Answer = Pick<
  DecisionRecord,
  'permission' | 'code' | 'risk' | 'resource' | 'allowed' | 'reason' | 'permissions' | 'via' | 'assignments'
>

function answerOf(decision: Decision, held: readonly Assignment[]): Answer {
  const { basis, allowed, reason, via } = decision
  const asked = basis.permissions[0] ?? ''
  const entry = basis.policy.findPermission(asked)
  const resource = basis.resource && resourceOf(basis.resource, entry)
  return {
    permission: entry?.name ?? nameOf(asked),
    ...(entry === undefined ? {} : { code: entry.code, risk: entry.risk }),
    ...(resource === undefined ? {} : { resource }),
    allowed,
    reason,
    via,
    assignments: allowed ? idsOf(held, via) : idsThatDenied(reason, basis.policy, entry, basis.found?.value, held),
  }
}

function answersOf({ basis, allowed, denied }: PermissionsAnswer, held: readonly Assignment[]): Answer {
  const permissions = basis.permissions.map((asked, index) => {
    const entry = basis.policy.findPermission(asked)
    const answer = allowed[index] === true
    return entry === undefined
      ? { permission: nameOf(asked), allowed: answer }
      : { permission: entry.name, code: entry.code, allowed: answer }
  })
  const allowing = permissions.filter((answer) => answer.allowed)
  const via = allowing.length === 0 ? [] : rolesThatAllow(basis, held, allowing)
  return {
    allowed: allowing.length === permissions.length,
    ...(denied === undefined ? {} : { reason: denied }),
    permissions,
    via,
    assignments: idsOf(held, via),
  }
}

/** As the rule finds them for each name: no resource was given. */
export function rolesThatAllow(
  { policy, found, user = '', tenant = '' }: DecisionBasis,
  held: readonly Assignment[],
  allowing: readonly { readonly permission: string }[],
): readonly string[] {
  if (found === undefined) return []
  const roles = policy.roleSet(held.map((assignment) => assignment.role))
  const context = contextOf({ user, tenant }, found.value)
  const via = new Set<string>()
  for (const { permission } of allowing) {
    for (const way of roles.waysTo(permission)) if (!via.has(way.role) && way.evaluate(context) === undefined) via.add(way.role)
    if (via.size === roles.roles.length) break
  }
  return [...via].sort()
}

/** Denies that no assignment decided have none: the account, the tenant or the catalogue said no, or nothing that is held carries the permission. */
export function idsThatDenied(
  reason: Reason,
  policy: CompiledPolicy,
  entry: PermissionEntry | undefined,
  state: AccessState | undefined,
  held: readonly Assignment[],
): readonly string[] {
  if (entry === undefined || state === undefined) return []
  switch (reason) {
    case 'RESOURCE_REQUIRED':
    case 'ATTRIBUTE_MISSING':
    case 'CONDITION_FAILED':
    case 'VARIABLE_UNSET':
      return idsOf(held, policy.rolesGranting(entry.name))
    case 'NOT_YET_VALID':
      return idsOf(
        state.assignments.filter(({ validFromMs }) => validFromMs > state.readAtMs),
        policy.rolesGranting(entry.name),
      )
    case 'ASSIGNMENT_EXPIRED':
      return idsOf(
        state.assignments.filter(({ expiresAtMs }) => expiresAtMs !== null && expiresAtMs <= state.readAtMs),
        policy.rolesGranting(entry.name),
      )
    default:
      return []
  }
}

export function idsOf(assignments: readonly Assignment[], roles: readonly string[]): readonly string[] {
  const ids = assignments.filter((assignment) => roles.includes(assignment.role)).map((assignment) => assignment.id)
  return ids.length < 2 ? ids : ids.sort()
}

export function namesOf(held: readonly Assignment[]): readonly string[] {
  const [only] = held
  if (only === undefined || held.length === 1) return only === undefined ? [] : [only.role]
  return [...new Set(held.map((assignment) => assignment.role))].sort()
}

/** Its id and type, and what the catalogue lists to be logged: nothing else that a caller sent. */
export function resourceOf(resource: Attributes, entry: PermissionEntry | undefined): DecisionRecord['resource'] {
  const { id, type } = resource
  const kept: Record<string, unknown> = {}
  if (typeof type === 'string') kept['type'] = clip(type)
  if (typeof id === 'string') kept['id'] = clip(id)
  const logged = entry?.log?.filter((name) => name !== 'id' && name !== 'type' && Object.hasOwn(resource, name)) ?? []
  if (logged.length > 0) kept['attributes'] = Object.fromEntries(logged.map((name) => [name, bounded(resource[name])]))
  return Object.keys(kept).length === 0 ? undefined : kept
}

/** Declared attributes are scalars or lists of them: the rule has refused others. */
function bounded(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, DECISION_LIST_MAX).map(bounded)
  return typeof value === 'string' ? clip(value) : value
}

/** Of a permission that no policy has: anything may stand where its name should, and only what looks like one is a name. */
export function nameOf(asked: string): string {
  return isPermissionName(asked) || isCode(asked) ? asked : UNKNOWN
}

export function clip(text: string): string {
  return text.length <= DECISION_TEXT_CHARACTERS_MAX ? text : `${text.slice(0, DECISION_TEXT_CHARACTERS_MAX).toWellFormed()}…`
}
