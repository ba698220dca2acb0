/** Grants and revocations: rows with half-open windows on the database's clock, held against the policy's constraints. Floor 3. */
import type { ChangeContext, Changed, GrantInput } from '../model/administration.ts'
import { NotFoundError } from '../model/error-code.ts'
import type { AssignmentRecord } from '../model/records.ts'
import type { ChangeTransaction, FeedChange } from '../store/ports.ts'
import { type AuditedChange, type ChangeNeeds, changeBy, changeUnderPolicy, recordApplied, recordNoop } from './change.ts'
import { requireAllowedByPolicy, requireWindow, unknownRole } from './grant-rules.ts'
import { requireScope, requireTenant } from './guard.ts'

/**
 * Gives a role in a tenant. The same grant again answers the row that is there.
 * @throws RequestError for a role in no bundle, or a window that is empty or over
 * @throws ConstraintError when the policy forbids it, naming the constraint and what collides
 */
export async function grant(needs: ChangeNeeds, context: ChangeContext, input: GrantInput): Promise<Changed<AssignmentRecord>> {
  requireScope(context.caller, 'administer')
  requireTenant(context.caller, input.tenant)
  return changeUnderPolicy(needs, context, async (change, policy) => {
    const { transaction } = change
    // Both rows are locked before anything is counted or timed: two grants that would only together break a constraint cannot
    // both pass, and of two equal ones the second sees the first as in force already.
    const made = await lockSubjects(needs, transaction, input)
    const nowMs = await transaction.nowMs()
    const live = await transaction.listLiveAssignments(input.tenant, input.user, nowMs)
    const there = live.find((row) => isSameGrant(row, input, nowMs))
    const audited = { action: 'assignment.grant', tenant: input.tenant, user: input.user } as const
    if (there !== undefined) {
      const same = { ...audited, target: there.id, before: there, after: there }
      return { record: there, changed: false, position: await recordNoop(change, same) }
    }
    const wanted = { role: input.role, validFromMs: input.validFromMs ?? nowMs, expiresAtMs: input.expiresAtMs ?? null }
    requireWindow(wanted, nowMs)
    requireAllowedByPolicy(policy, input.tenant, live, wanted, nowMs)
    const record = await transaction.insertAssignment({
      ...wanted,
      id: needs.random.uuid(),
      tenant: input.tenant,
      user: input.user,
      reason: context.reason ?? null,
      createdBy: context.caller.id,
    })
    const changes = [...made.changes, { ...audited, target: record.id, before: null, after: record }]
    const touched = { kind: 'assignment', tenant: input.tenant, user: input.user } as const
    const position = await recordApplied(change, changes, [...made.feed, touched])
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
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    await transaction.lockUser(user)
    const before = await transaction.findAssignment(assignmentId)
    if (before === undefined || before.tenant !== tenant || before.user !== user) {
      throw new NotFoundError('The user has no assignment of this id in this tenant.')
    }
    const audited = { action: 'assignment.revoke', tenant, user, target: assignmentId, before } as const
    if (before.revokedAtMs !== null) {
      return { record: before, changed: false, position: await recordNoop(change, { ...audited, after: before }) }
    }
    const [record = before] = await transaction.revokeAssignments([assignmentId], context.caller.id)
    const position = await recordApplied(change, { ...audited, after: record }, [{ kind: 'assignment', tenant, user }])
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
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    await transaction.lockUser(user)
    const before = (await transaction.listLiveAssignments(tenant, user, await transaction.nowMs())).filter((row) => row.role === role)
    const audited = { action: 'assignment.revoke', tenant, user, target: role, before } as const
    if (before.length === 0) {
      await requireEverMeant(needs, transaction, tenant, user, role)
      return { record: [], changed: false, position: await recordNoop(change, { ...audited, after: [] }) }
    }
    const record = await transaction.revokeAssignments(
      before.map((row) => row.id),
      context.caller.id,
    )
    const position = await recordApplied(change, { ...audited, after: record }, [{ kind: 'assignment', tenant, user }])
    return { record, changed: true, position }
  })
}

/** Takes the locks, in their order; a subject that the grant names first comes into being, and is audited as any other. */
async function lockSubjects(
  needs: ChangeNeeds,
  transaction: ChangeTransaction,
  { tenant, user }: GrantInput,
): Promise<{ readonly changes: readonly AuditedChange[]; readonly feed: readonly FeedChange[] }> {
  const changes: AuditedChange[] = []
  const feed: FeedChange[] = []
  if (!needs.strictSubjects) {
    const tenantRow = await transaction.ensureTenant(tenant)
    if (tenantRow.created) {
      changes.push({ action: 'tenant.put', tenant, before: null, after: tenantRow.record })
      feed.push({ kind: 'tenant', tenant })
    }
    const userRow = await transaction.ensureUser(user)
    if (userRow.created) {
      changes.push({ action: 'user.put', user, before: null, after: userRow.record })
      feed.push({ kind: 'user', user })
    }
    return { changes, feed }
  }
  if ((await transaction.lockTenant(tenant)) === undefined) {
    throw new NotFoundError('The tenant is unknown.', 'Register it with `castellan tenant create` first.')
  }
  if ((await transaction.lockUser(user)) === undefined) {
    throw new NotFoundError('The user is unknown.', 'Register them with `castellan user create` first.')
  }
  return { changes, feed }
}

/**
 * Nothing to revoke is fine when it is so already; a role that nobody ever had here is a typing error that leaves access standing.
 * By what this replica knows of the policy: no revocation waits for a policy, and here nothing is given or taken by it.
 */
async function requireEverMeant(
  needs: ChangeNeeds,
  transaction: ChangeTransaction,
  tenant: string,
  user: string,
  role: string,
): Promise<void> {
  const policy = needs.policy.current()
  if (policy.findRole(role) === undefined && !(await transaction.everHeld(tenant, user, role))) throw unknownRole(policy, role)
}

function isSameGrant(row: AssignmentRecord, input: GrantInput, nowMs: number): boolean {
  if (row.role !== input.role || row.expiresAtMs !== (input.expiresAtMs ?? null)) return false
  return input.validFromMs === undefined ? row.validFromMs <= nowMs : row.validFromMs === input.validFromMs
}
