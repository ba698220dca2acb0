/** Accounts: registered, deactivated, reactivated. The state stands beside the roles: reactivation finds them as they were. Floor 3. */
import type { ChangeContext, Changed, UserInput } from '../model/administration.ts'
import { NotFoundError } from '../model/error-code.ts'
import type { AssignmentRecord, UserRecord } from '../model/records.ts'
import { type CallerChange, type ChangeNeeds, changeBy, recordApplied, recordNoop, requireReason } from './change.ts'
import { requireAllTenants, requireScope } from './guard.ts'
import { sameData } from './same-data.ts'

/** Registers a user or changes what is said of them; a field left out keeps its value. */
export async function putUser(needs: ChangeNeeds, context: ChangeContext, input: UserInput): Promise<Changed<UserRecord>> {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const { record: before, created } = await transaction.ensureUser(input.user)
    const record: UserRecord = {
      ...before,
      email: input.email ?? before.email,
      displayName: input.displayName ?? before.displayName,
      attributes: input.attributes ?? before.attributes,
    }
    const audited = { action: 'user.put', user: input.user, before: created ? null : before, after: record } as const
    if (!created && sameData(before, record)) {
      return { record: before, changed: false, position: await recordNoop(change, audited) }
    }
    await transaction.updateUser(record, before.stateReason)
    const position = await recordApplied(change, audited, [{ kind: 'user', user: input.user }])
    return { record, changed: true, position }
  })
}

/** Every check of this user is a deny from the moment this has answered, in every tenant. */
export async function deactivateUser(needs: ChangeNeeds, context: ChangeContext, user: string): Promise<Changed<UserRecord>> {
  requireAccountChange(context)
  return changeBy(needs, context, async (change) => {
    const { record, changed, position } = await setState(change, user, 'deactivated')
    return { record, changed, position }
  })
}

/** The roles are as they were; what ended meanwhile is told, not restored. */
export async function reactivateUser(
  needs: ChangeNeeds,
  context: ChangeContext,
  user: string,
): Promise<Changed<UserRecord> & { readonly expiredMeanwhile: readonly AssignmentRecord[] }> {
  requireAccountChange(context)
  return changeBy(needs, context, async (change) => {
    const { transaction } = change
    const { before, record, changed, position } = await setState(change, user, 'active')
    const expiredMeanwhile: readonly AssignmentRecord[] = changed
      ? await transaction.listEndedAssignments(user, before.stateChangedAtMs, await transaction.nowMs())
      : []
    return { record, changed, position, expiredMeanwhile }
  })
}

function requireAccountChange(context: ChangeContext): void {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  requireReason(context)
}

async function setState(change: CallerChange, user: string, state: UserRecord['state']) {
  const { transaction, context } = change
  const before = await transaction.lockUser(user)
  if (before === undefined) throw new NotFoundError('The user is unknown.', 'Register them with `castellan user create`.')
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
  const audited = {
    action,
    user,
    before: { state: before.state, epoch: before.epoch },
    after: { state, epoch: record.epoch },
  } as const
  const position = await recordApplied(change, audited, [{ kind: 'user', user }])
  return { before, record, changed: true, position }
}
