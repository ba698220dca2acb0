/** Accounts: registered, deactivated, reactivated, logged out. The state stands beside the roles: reactivation finds them as they were. Floor 3. */
import type { ChangeContext, Changed, UserInput } from '../model/administration.ts'
import { normalizeEmail } from '../model/email.ts'
import { NotFoundError, ServiceError } from '../model/error-code.ts'
import type { AssignmentRecord, UserRecord } from '../model/records.ts'
import { requireOtherAdministrator } from './administrators.ts'
import { listBrokenConstraints } from './broken-constraints.ts'
import { type CallerChange, type ChangeNeeds, changeBy, changeUnderPolicy, recordNoop, requireReason } from './change.ts'
import { cutOff, recordRevoked } from './cut-off.ts'
import { requireAllTenants, requireScope } from './guard.ts'
import { sameData } from './same-data.ts'

/**
 * Registers a user or changes what is said of them; a field left out keeps its value. Another e-mail address is another way in: what was
 * given to who could read the one before ends.
 * @throws ServiceError `conflict` when the address is another user's: neither could log in by it
 */
export async function putUser(needs: ChangeNeeds, context: ChangeContext, input: UserInput): Promise<Changed<UserRecord>> {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const { record: before, created } = await transaction.ensureUser(input.user)
    const said: UserRecord = {
      ...before,
      email: input.email ?? before.email,
      displayName: input.displayName ?? before.displayName,
      attributes: input.attributes ?? before.attributes,
    }
    const audited = { action: 'user.put', user: input.user, before: created ? null : before } as const
    if (!created && sameData(before, said)) {
      return { record: before, changed: false, position: await recordNoop(change, { ...audited, after: said }) }
    }
    const moved = before.email !== null && mailboxOf(before.email) !== mailboxOf(said.email)
    const record = moved ? { ...said, epoch: before.epoch + 1 } : said
    await transaction.updateUser(record, before.stateReason)
    if (moved) await cutOff(change, input.user, 'account')
    const position = await recordRevoked(change, { ...audited, after: record }, input.user, moved ? [{ epoch: record.epoch }] : [])
    if (input.email !== undefined) await requireOwnAddress(change, record)
    return { record, changed: true, position }
  })
}

/**
 * Every check of this user is a deny from the moment this has answered, in every tenant, and all that was issued to them is void.
 * @throws ServiceError `conflict` for oneself and the last administrator
 */
export async function deactivateUser(needs: ChangeNeeds, context: ChangeContext, user: string): Promise<Changed<UserRecord>> {
  requireAccountChange(context)
  const deactivate = async (change: CallerChange) => {
    const { record, changed, position } = await setState(change, user, 'deactivated')
    return { record, changed, position }
  }
  const { adminTenant } = needs
  if (adminTenant === undefined) return changeBy(needs, context, deactivate)
  return changeUnderPolicy(needs, context, async (change, policy) => {
    await requireOtherAdministrator(change, policy, adminTenant, user)
    return await deactivate(change)
  })
}

/** The roles are as they were: what ended meanwhile is told, not restored, and so is what the policy would not allow any more. */
export async function reactivateUser(
  needs: ChangeNeeds,
  context: ChangeContext,
  user: string,
): Promise<
  Changed<UserRecord> & { readonly expiredMeanwhile: readonly AssignmentRecord[]; readonly brokenConstraints: readonly string[] }
> {
  requireAccountChange(context)
  // Before the change: it is about roles, which the change leaves as they are, and must not fail a change that is made already.
  const brokenConstraints = await listBrokenConstraints(needs.store, needs.policy.current(), user)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const { before, record, changed, position } = await setState(change, user, 'active')
    const expiredMeanwhile: readonly AssignmentRecord[] = changed
      ? await transaction.listEndedAssignments(user, before.stateChangedAtMs, await transaction.nowMs())
      : []
    return { record, changed, position, expiredMeanwhile, brokenConstraints }
  })
}

/** By the person themselves, which the identity service has made sure of: no token, session or link from before is good any more. */
export async function logOutEverywhere(
  needs: Pick<ChangeNeeds, 'store'>,
  context: ChangeContext,
  user: string,
): Promise<Changed<UserRecord>> {
  return changeBy(needs, context, async (change) => {
    const before = await lockAccount(change, user)
    const record: UserRecord = { ...before, epoch: before.epoch + 1 }
    await change.transaction.updateUser(record, before.stateReason)
    const sessions = await cutOff(change, user, 'logout')
    const after = { epoch: record.epoch, sessionsEnded: sessions }
    const audited = { action: 'user.log-out', user, before: { epoch: before.epoch }, after } as const
    const position = await recordRevoked(change, audited, user, [{ epoch: record.epoch }])
    return { record, changed: true, position }
  })
}

function requireAccountChange(context: ChangeContext): void {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  requireReason(context)
}

async function lockAccount({ transaction }: CallerChange, user: string): Promise<UserRecord> {
  const record = await transaction.lockUser(user)
  if (record === undefined) throw new NotFoundError('The user is unknown.', 'Register them with `castellan user create`.')
  return record
}

async function setState(change: CallerChange, user: string, state: 'active' | 'deactivated') {
  const { transaction, context } = change
  const before = await lockAccount(change, user)
  const action = state === 'active' ? 'user.reactivate' : 'user.deactivate'
  if (before.state === state) {
    const same = { state: before.state, epoch: before.epoch }
    const position = await recordNoop(change, { action, user, before: same, after: same })
    return { before, record: before, changed: false, position }
  }
  // Both ways raise the epoch: nothing issued before either change is ever revived.
  const record: UserRecord = {
    ...before,
    state,
    epoch: before.epoch + 1,
    stateReason: requireReason(context),
    stateChangedAtMs: await transaction.nowMs(),
  }
  await transaction.updateUser(record, record.stateReason)
  const sessionsEnded = await cutOff(change, user, 'account')
  const audited = {
    action,
    user,
    before: { state: before.state, epoch: before.epoch },
    after: { state, epoch: record.epoch, sessionsEnded },
  } as const
  const position = await recordRevoked(change, audited, user, [{ epoch: record.epoch }])
  return { before, record, changed: true, position }
}

/** The form that addresses are compared in; one that is none can only be equal to itself. */
function mailboxOf(email: string | null): string | null {
  return email === null ? null : (normalizeEmail(email) ?? email)
}

/** After the feed position is taken: of two changes that give one address to two users the later one sees the other. */
async function requireOwnAddress({ transaction }: CallerChange, record: UserRecord): Promise<void> {
  const email = record.email === null ? undefined : normalizeEmail(record.email)
  if (email === undefined) return
  const others = (await transaction.identity.listUsersByEmail(email)).filter((other) => other.id !== record.id)
  if (others.length === 0) return
  throw new ServiceError('conflict', 'Another user has this e-mail address.', {
    hint: 'Give one of the two another address first.',
  })
}
