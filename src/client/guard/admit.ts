/** A requirement, held against a request: what is not clearly allowed is an error. Knows no framework. Floor 6. */
import { type Clock, systemClock } from '../../ground/clock.ts'
import type { BoundClient, CallOptions, Client, Decision, Resource } from '../client.ts'
import { CastellanError, DeniedError, UnavailableError } from '../errors.ts'
import { DEADLINE_MS_MAX, GUARD_GRACE_MS } from '../limits.ts'
import { bounded } from './bounded.ts'
import type { PermissionRequirement, Requirement } from './requirement.ts'
import { type SubjectOf, subjectOf } from './subjects.ts'

/** Of whoever calls: what a handler asks further questions with. */
export interface Access<Permission extends string = string> extends BoundClient<Permission> {
  /** Those of the guard, in the order of its permissions. */
  readonly decisions: readonly Decision[]
}

export interface GuardOptions<Request> {
  /** Who calls; `bearer()` unless it is given. */
  readonly subject?: SubjectOf<Request>
  /**
   * In place of the client's own, for what the guard asks. Milliseconds. A second more, and it is also the time that the subject, the resource and the
   * answer may take together, after which whoever calls hears 503; a minute and a second without it.
   */
  readonly deadlineMs?: number
  /** Tells whoever is denied the hint of the decision too: the policy's words for a condition, or "did you mean …". */
  readonly tellHints?: boolean
  /** Hears what is answered with 500 or 503, but not when whoever called is gone: the application's own key, its own mistake, or nothing could be decided. For its log. */
  readonly onError?: (error: CastellanError) => void
  readonly clock?: Pick<Clock, 'after'>
}

export interface Asked<Request, Argument> {
  /** What the subject is read from. */
  readonly request: Request
  /** What the resource loader is given. */
  readonly argument: Argument
  /** Whoever called is gone: nothing more is asked. */
  readonly signal?: AbortSignal | undefined
}

export type Admit<Request, Permission extends string> = <Argument>(
  requirement: Requirement<Argument>,
  asked: Asked<Request, Argument>,
) => Promise<Access<Permission> | undefined>

/**
 * @returns one that answers `undefined` for what is public, and otherwise the access of whoever calls. It rejects with a `CastellanError`
 * when that was not allowed, or with what the application's own functions threw
 */
export function openAdmission<Request, Permission extends string>(
  client: Client<Permission>,
  subject: SubjectOf<Request>,
  { deadlineMs, clock = systemClock }: Pick<GuardOptions<Request>, 'deadlineMs' | 'clock'>,
): Admit<Request, Permission> {
  const ms = (deadlineMs ?? DEADLINE_MS_MAX) + GUARD_GRACE_MS
  return async (requirement, { request, argument, signal: gone }) => {
    if (requirement.kind === 'public') return undefined
    return await bounded({ clock, ms, signal: gone }, async (signal) => {
      const bound = client.for(await subjectOf(subject, request))
      signal.throwIfAborted()
      const resource = await loadResource(requirement, argument)
      signal.throwIfAborted()
      const decisions = await ask(bound, requirement, resource, deadlineMs === undefined ? { signal } : { deadlineMs, signal })
      hold(requirement, decisions)
      return accessOf(bound, decisions)
    })
  }
}

async function loadResource<Argument>(
  { resource: load }: PermissionRequirement<Argument>,
  argument: Argument,
): Promise<Resource | undefined> {
  const resource = await load?.(argument)
  if (resource === undefined || (typeof resource === 'object' && resource !== null && !Array.isArray(resource))) return resource
  throw new CastellanError('The resource of a request is an object of attributes', {
    code: 'resource_unusable',
    hint: 'Return undefined from `resource` to ask without one; where there is no such thing, answer so before asking.',
  })
}

async function ask<Permission extends string>(
  bound: BoundClient<Permission>,
  { permissions }: PermissionRequirement<never>,
  resource: Resource | undefined,
  options: CallOptions,
): Promise<readonly Decision[]> {
  const [first, ...others] = permissions as readonly Permission[]
  if (first === undefined) throw unanswered()
  if (others.length === 0) return [await bound.check(first, resource, options)]
  const wanted = [first, ...others].map((permission) => (resource === undefined ? permission : { permission, resource }))
  return await bound.checkAll(wanted, options)
}

/** @throws DeniedError with the first decision that stands in the way */
function hold({ kind, permissions }: PermissionRequirement<never>, decisions: readonly Decision[]): void {
  if (decisions.length !== permissions.length) throw unanswered()
  const denied = permissions.flatMap((permission, index) => {
    const decision = decisions[index]
    if (decision === undefined || typeof decision.allowed !== 'boolean') throw unanswered()
    return decision.allowed ? [] : [{ permission, decision }]
  })
  const [first] = denied
  if (first === undefined || (kind === 'any' && denied.length < permissions.length)) return
  throw new DeniedError({ permission: first.permission }, first.decision)
}

function unanswered(): UnavailableError {
  return new UnavailableError('The answer does not fit the question', { code: 'answer_unusable' })
}

function accessOf<Permission extends string>(bound: BoundClient<Permission>, decisions: readonly Decision[]): Access<Permission> {
  return Object.freeze({
    // A handler must not make somebody else of whoever calls.
    subject: Object.freeze({ ...bound.subject }),
    decisions,
    check: (permission, resource, options) => bound.check(permission, resource, options),
    can: (permission, resource, options) => bound.can(permission, resource, options),
    enforce: (permission, resource, options) => bound.enforce(permission, resource, options),
    checkAll: (wanted, options) => bound.checkAll(wanted, options),
    listPermissions: (options) => bound.listPermissions(options),
  } satisfies Access<Permission>)
}
