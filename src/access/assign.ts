/** Grants and revocations: rows with half-open windows on the database's clock, held against the policy's constraints. Floor 3. */
import type { ChangeContext, Changed, GrantInput } from '../model/administration.ts'
import { ConstraintError, NotFoundError, RequestError } from '../model/error-code.ts'
import { ASSIGNMENTS_PER_PAIR_MAX } from '../model/limits.ts'
import type { RoleEntry } from '../model/policy.ts'
import type { AssignmentRecord } from '../model/records.ts'
import type { ChangeTransaction } from '../store/ports.ts'
import { type ChangeNeeds, recordApplied, recordNoop } from './change.ts'
import { findNewBreach } from './constraints.ts'
import { requireScope, requireTenant } from './guard.ts'

/**
 * Gives a role in a tenant. The same grant again answers the row that is there.
 * @throws RequestError for a role in no bundle, or a window that is empty or over
 * @throws ConstraintError when the policy forbids it, naming the constraint and what collides
 */
export async function grant(needs: ChangeNeeds, context: ChangeContext, input: GrantInput): Promise<Changed<AssignmentRecord>> {
  requireScope(context.caller, 'administer')
  requireTenant(context.caller, input.tenant)
  return needs.store.change(async (transaction) => {
    const nowMs = await transaction.nowMs()
    // Both rows are locked before anything is counted: two grants that would only together break a constraint cannot both pass.
    await lockSubjects(needs, transaction, input)
    const live = await transaction.listLiveAssignments(input.tenant, input.user)
    const there = live.find((row) => isSameGrant(row, input, nowMs))
    const audited = { action: 'assignment.grant', tenant: input.tenant, user: input.user } as const
    if (there !== undefined) {
      const change = { ...audited, target: there.id, before: there, after: there }
      return { record: there, changed: false, position: await recordNoop(transaction, context, change) }
    }
    const wanted = { role: input.role, validFromMs: input.validFromMs ?? nowMs, expiresAtMs: input.expiresAtMs ?? null }
    requireWindow(wanted, nowMs)
    requireAllowedByPolicy(needs, input, live, wanted, nowMs)
    const record = await transaction.insertAssignment({
      ...wanted,
      id: needs.random.uuid(),
      tenant: input.tenant,
      user: input.user,
      reason: context.reason ?? null,
      createdBy: context.caller.id,
    })
    const change = { ...audited, target: record.id, before: null, after: record }
    const position = await recordApplied(transaction, context, change, [{ kind: 'assignment', tenant: input.tenant, user: input.user }])
    return { record, changed: true, position }
  })
}

/** Takes one row back; it stays as history. Revoking it again is a `noop`. */
export async function revoke(
  needs: ChangeNeeds,
  context: ChangeContext,
  tenant: string,
  user: string,
  assignmentId: string,
): Promise<Changed<AssignmentRecord>> {
  requireScope(context.caller, 'administer')
  requireTenant(context.caller, tenant)
  return needs.store.change(async (transaction) => {
    await transaction.lockUser(user)
    const before = await transaction.findAssignment(assignmentId)
    if (before === undefined || before.tenant !== tenant || before.user !== user) {
      throw new NotFoundError('The user has no assignment of this id in this tenant.')
    }
    const audited = { action: 'assignment.revoke', tenant, user, target: assignmentId, before } as const
    if (before.revokedAtMs !== null) {
      return { record: before, changed: false, position: await recordNoop(transaction, context, { ...audited, after: before }) }
    }
    const [record = before] = await transaction.revokeAssignments([assignmentId], context.caller.id)
    const position = await recordApplied(transaction, context, { ...audited, after: record }, [{ kind: 'assignment', tenant, user }])
    return { record, changed: true, position }
  })
}

/** Takes back every row of a role that is in force or to come. */
export async function revokeRole(
  needs: ChangeNeeds,
  context: ChangeContext,
  tenant: string,
  user: string,
  role: string,
): Promise<Changed<readonly AssignmentRecord[]>> {
  requireScope(context.caller, 'administer')
  requireTenant(context.caller, tenant)
  return needs.store.change(async (transaction) => {
    await transaction.lockUser(user)
    const before = (await transaction.listLiveAssignments(tenant, user)).filter((row) => row.role === role)
    const audited = { action: 'assignment.revoke', tenant, user, target: role, before } as const
    if (before.length === 0) {
      return { record: [], changed: false, position: await recordNoop(transaction, context, { ...audited, after: [] }) }
    }
    const record = await transaction.revokeAssignments(
      before.map((row) => row.id),
      context.caller.id,
    )
    const position = await recordApplied(transaction, context, { ...audited, after: record }, [{ kind: 'assignment', tenant, user }])
    return { record, changed: true, position }
  })
}

async function lockSubjects(needs: ChangeNeeds, transaction: ChangeTransaction, input: GrantInput): Promise<void> {
  if (!needs.strictSubjects) {
    await transaction.ensureTenant(input.tenant)
    await transaction.ensureUser(input.user)
    return
  }
  if ((await transaction.lockTenant(input.tenant)) === undefined) {
    throw new NotFoundError('The tenant is unknown.', 'Register it with `castellan tenant create` first.')
  }
  if ((await transaction.lockUser(input.user)) === undefined) {
    throw new NotFoundError('The user is unknown.', 'Register them with `castellan user create` first.')
  }
}

function isSameGrant(row: AssignmentRecord, input: GrantInput, nowMs: number): boolean {
  if (row.role !== input.role || row.expiresAtMs !== (input.expiresAtMs ?? null)) return false
  return input.validFromMs === undefined ? row.validFromMs <= nowMs : row.validFromMs === input.validFromMs
}

interface WantedWindow {
  readonly role: string
  readonly validFromMs: number
  readonly expiresAtMs: number | null
}

function requireWindow(wanted: WantedWindow, nowMs: number): void {
  if (wanted.expiresAtMs === null) return
  if (wanted.expiresAtMs <= wanted.validFromMs) {
    throw new RequestError([{ field: 'expiresAt', message: 'must be later than validFrom' }])
  }
  if (wanted.expiresAtMs <= nowMs) {
    throw new RequestError([
      { field: 'expiresAt', message: `must lie in the future; the database's clock says ${new Date(nowMs).toISOString()}` },
    ])
  }
}

function requireAllowedByPolicy(
  needs: ChangeNeeds,
  input: GrantInput,
  live: readonly AssignmentRecord[],
  wanted: WantedWindow,
  nowMs: number,
): void {
  const policy = needs.policy.current()
  const role = policy.findRole(input.role)
  if (role === undefined) {
    const near = policy.suggestRole(input.role)
    const message = 'is no role of the policy in force'
    throw new RequestError([{ field: 'role', message: near === undefined ? message : `${message}; did you mean "${near}"?` }])
  }
  requireTemporary(role, wanted)
  if (live.length >= ASSIGNMENTS_PER_PAIR_MAX) {
    throw new ConstraintError('assignments-per-pair', `A user holds at most ${ASSIGNMENTS_PER_PAIR_MAX} assignments in one tenant.`)
  }
  const breach = findNewBreach(policy, input.tenant, live, wanted, Math.max(nowMs, wanted.validFromMs))
  if (breach === undefined) return
  throw new ConstraintError(
    breach.constraint,
    `Constraint "${breach.constraint}": ${breach.message}, from ${new Date(breach.atMs).toISOString()}.`,
    'Revoke one of them first, or choose windows that do not overlap.',
  )
}

function requireTemporary(role: RoleEntry, wanted: WantedWindow): void {
  if (role.assignable !== 'temporary') return
  if (wanted.expiresAtMs === null) {
    throw new ConstraintError('temporary-only', `The role "${role.name}" is given only for a time: expiresAt is required.`)
  }
  if (role.maxGrantMs === undefined || wanted.expiresAtMs - wanted.validFromMs <= role.maxGrantMs) return
  throw new ConstraintError(
    'temporary-only',
    `The role "${role.name}" is given for at most ${role.maxGrantMs / 60_000} minutes at a time.`,
    `The latest expiresAt for this validFrom is ${new Date(wanted.validFromMs + role.maxGrantMs).toISOString()}.`,
  )
}
