/** What every audited change shares: its needs, whether its caller and its policy stand, its audit row, and the checks on its reason. Floor 3. */
import type { Random } from '../ground/random.ts'
import type { ChangeContext } from '../model/administration.ts'
import type { Caller } from '../model/caller.ts'
import type { CompiledPolicy, PolicySource } from '../model/compiled-policy.ts'
import { CallerDeniedError, RequestError, StoreError, UnauthenticatedError } from '../model/error-code.ts'
import { POLICY_CONSULTED_ATTEMPTS_MAX } from '../model/limits.ts'
import type { AuditAction } from '../model/records.ts'
import type { ChangeStanding, ChangeTransaction, FeedChange, Store } from '../store/ports.ts'

export interface ChangeNeeds {
  readonly store: Store
  /** `position`: of its activation. */
  readonly policy: PolicySource & { readonly position: number }
  /** This replica's own reading of the feed. */
  readonly catchUp: () => Promise<void>
  readonly random: Random
  /** True: an assignment may only name users and tenants that were registered before. */
  readonly strictSubjects: boolean
  /** Where people administer; absent: nobody does but callers. */
  readonly adminTenant?: string | undefined
}

/** A change under way: only `changeBy` and `changeUnderPolicy` begin one, and nothing is recorded without it. */
export interface CallerChange {
  readonly transaction: ChangeTransaction
  readonly context: ChangeContext
}

type Work<T> = (change: CallerChange) => Promise<T>

export interface AuditedChange {
  readonly action: AuditAction
  readonly tenant?: string
  readonly user?: string
  readonly target?: string
  readonly before: unknown
  readonly after: unknown
}

/**
 * Runs `work` in one transaction for a caller that is in force when it begins and still is when the feed position was taken. A change and the
 * revocation of its caller meet at the feed's head, and the later one sees the other: nothing of a caller is committed after its revocation.
 * No lock is held on the caller's row, by which its own changes could keep its revocation waiting.
 * @throws UnauthenticatedError when the caller was revoked or is over: nothing was changed
 */
export async function changeBy<T>(needs: { readonly store: Pick<Store, 'change'> }, context: ChangeContext, work: Work<T>): Promise<T> {
  return await runChange(needs.store, context, () => ({ work }))
}

/**
 * As `changeBy`, for a change that the policy has a say in: the policy that `work` is given is the one in force at the position that the change
 * takes. When this replica has not applied that one yet it does so, and `work` begins anew.
 * @throws StoreError when this replica cannot have the policy in force: nothing was changed
 */
export async function changeUnderPolicy<T>(
  needs: Pick<ChangeNeeds, 'store' | 'policy' | 'catchUp'>,
  context: ChangeContext,
  work: (change: CallerChange, policy: CompiledPolicy) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runChange(needs.store, context, () => {
        const policy = needs.policy.current()
        return { consulted: { revision: policy.revision, position: needs.policy.position }, work: (change) => work(change, policy) }
      })
    } catch (fault) {
      if (!(fault instanceof PolicyBehindError) || attempt >= POLICY_CONSULTED_ATTEMPTS_MAX) throw fault
    }
    await needs.catchUp()
  }
}

class PolicyBehindError extends StoreError {
  constructor() {
    super('The policy in force is not the one that this replica has applied')
  }
}

interface Attempt<T> {
  readonly work: Work<T>
  /** The policy that `work` goes by. */
  readonly consulted?: ChangeStanding['policy']
}

async function runChange<T>(store: Pick<Store, 'change'>, context: ChangeContext, begin: () => Attempt<T>): Promise<T> {
  const { builtIn, person, id } = context.caller
  const callerId = builtIn === true || person !== undefined ? undefined : id
  return await store.change(async (transaction) => {
    const { work, consulted } = begin()
    if (person !== undefined) await requirePerson(transaction, person)
    const requireStanding = async () => {
      if (callerId === undefined && consulted === undefined && person === undefined) return
      const { callerInForce, policy } = await transaction.readStanding(callerId)
      if (!callerInForce) throw new UnauthenticatedError('revoked or over by the time of the change')
      if (person !== undefined) await requireAdministrator(transaction, person, policy)
      if (consulted === undefined) return
      if (consulted.position !== policy?.position || consulted.revision !== policy.revision) throw new PolicyBehindError()
    }
    // Before: a refusal is not by an old policy either, and who was revoked while the change waited for its turn learns nothing.
    await requireStanding()
    const result = await work({ transaction, context })
    await requireStanding()
    return result
  })
}

/**
 * Both rows stay locked until the end: nobody deactivates who is in the middle of a change, and nobody changes who was. Two who deactivate each
 * other wait for each other; the database ends one of them, who then begins anew and finds the account closed.
 */
async function requirePerson(transaction: ChangeTransaction, { user, sessionId }: NonNullable<Caller['person']>): Promise<void> {
  const account = await transaction.lockUser(user)
  if (account?.state !== 'active') throw new UnauthenticatedError('not active by the time of the change')
  const session = await transaction.identity.lockSession(sessionId)
  if (session?.user !== user || session.revokedAtMs !== null || session.epoch !== account.epoch)
    throw new UnauthenticatedError('the session ended by the time of the change')
}

/**
 * The body of a request may come long after its head, by which the person was let in.
 * @throws PolicyBehindError when they were let in by another policy than the one in force: whether they may by this one is asked anew
 */
async function requireAdministrator(
  transaction: ChangeTransaction,
  { user, tenant, roles, policyRevision }: NonNullable<Caller['person']>,
  policy: ChangeStanding['policy'],
): Promise<void> {
  if (!(await transaction.holdsRole(tenant, user, roles))) throw new CallerDeniedError('This person does not administer accounts any more.')
  if (policy?.revision !== policyRevision) throw new PolicyBehindError()
}

/** Takes the feed position and writes the audit rows, in order: the last steps of every change that changed something. */
export async function recordApplied(
  { transaction, context }: CallerChange,
  changes: AuditedChange | readonly AuditedChange[],
  feed: readonly FeedChange[],
): Promise<number> {
  const position = await transaction.appendFeed(feed)
  for (const change of [changes].flat()) await appendAudit(transaction, context, change, 'applied', position)
  return position
}

/** It was so already: audited all the same, and the feed stands still. */
export async function recordNoop({ transaction, context }: CallerChange, change: AuditedChange): Promise<number> {
  const position = await transaction.readPosition()
  await appendAudit(transaction, context, change, 'noop', position)
  return position
}

async function appendAudit(
  transaction: ChangeTransaction,
  context: ChangeContext,
  change: AuditedChange,
  result: 'applied' | 'noop',
  position: number,
): Promise<void> {
  await transaction.appendAudit({
    action: change.action,
    result,
    actor: context.caller.id,
    actorName: context.caller.name,
    tenant: change.tenant ?? null,
    user: change.user ?? null,
    target: change.target ?? null,
    reason: context.reason ?? null,
    before: change.before,
    after: change.after,
    position,
    requestId: context.requestId ?? null,
  })
}

/** @throws RequestError: some changes are never made without saying why */
export function requireReason(context: ChangeContext): string {
  const reason = context.reason?.trim()
  if (reason === undefined || reason === '') throw new RequestError([{ field: 'reason', message: 'is required for this change' }])
  return reason
}
