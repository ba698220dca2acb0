/** Ends sessions of people: by administrators, and by their owners through the identity service. Begins none. Floor 3. */
import type { ChangeContext, Changed } from '../model/administration.ts'
import { NotFoundError } from '../model/error-code.ts'
import type { SessionEnd, SessionRecord } from '../model/identity.ts'
import { type CallerChange, type ChangeNeeds, changeBy, recordNoop, requireReason } from './change.ts'
import { recordRevoked } from './cut-off.ts'
import { requireAllTenants, requireScope } from './guard.ts'

type Needs = Pick<ChangeNeeds, 'store'>

/** All live ones of a user. None left: `noop`. @returns those that this call ended */
export async function endSessions(needs: Needs, context: ChangeContext, user: string): Promise<Changed<readonly SessionRecord[]>> {
  requireSessionChange(context)
  return changeBy(needs, context, async (change) => {
    if ((await change.transaction.lockUser(user)) === undefined) throw new NotFoundError('The user is unknown.')
    return await endLive(change, user, {}, 'administrator')
  })
}

/** @throws NotFoundError when it is not a session of this user */
export async function endSession(
  needs: Needs,
  context: ChangeContext,
  user: string,
  sessionId: string,
): Promise<Changed<readonly SessionRecord[]>> {
  requireSessionChange(context)
  return changeBy(needs, context, (change) => endOne(change, user, sessionId, 'administrator'))
}

/** By their owner, which the identity service has made sure of. @throws NotFoundError as `endSession` */
export async function endOwnSession(
  needs: Needs,
  context: ChangeContext,
  user: string,
  sessionId: string,
): Promise<Changed<readonly SessionRecord[]>> {
  return changeBy(needs, context, (change) => endOne(change, user, sessionId, 'logout'))
}

/** By their owner: all but the one that asks. */
export async function endOtherSessions(
  needs: Needs,
  context: ChangeContext,
  user: string,
  keptId: string,
): Promise<Changed<readonly SessionRecord[]>> {
  return changeBy(needs, context, async (change) => {
    await change.transaction.lockUser(user)
    return await endLive(change, user, { exceptId: keptId }, 'logout')
  })
}

function requireSessionChange(context: ChangeContext): void {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  requireReason(context)
}

async function endOne(
  change: CallerChange,
  user: string,
  sessionId: string,
  reason: SessionEnd,
): Promise<Changed<readonly SessionRecord[]>> {
  // The account's row before the session's: as everybody who takes both does. A login that is under way has begun its session then, or never will.
  await change.transaction.lockUser(user)
  const session = await change.transaction.identity.lockSession(sessionId)
  // Another one's session is as unknown as one that never was.
  if (session === undefined || session.user !== user) throw new NotFoundError('There is no session of this id.')
  return await endLive(change, user, { id: sessionId }, reason)
}

async function endLive(
  change: CallerChange,
  user: string,
  which: { readonly id?: string; readonly exceptId?: string },
  reason: SessionEnd,
): Promise<Changed<readonly SessionRecord[]>> {
  const choice = which.id === undefined ? { user, ...(which.exceptId === undefined ? {} : { exceptId: which.exceptId }) } : { id: which.id }
  const record = await change.transaction.identity.revokeSessions(choice, reason)
  if (record.length === 0) {
    const noop = { action: 'session.end', user, before: null, after: null } as const
    const position = await recordNoop(change, which.id === undefined ? noop : { ...noop, target: which.id })
    return { record, changed: false, position }
  }
  const audited = record.map(
    (session) =>
      ({
        action: 'session.end',
        user,
        target: session.id,
        before: null,
        after: { revokedReason: session.revokedReason },
        ...(session.tenant === null ? {} : { tenant: session.tenant }),
      }) as const,
  )
  const revocations = record.map((session) => ({ sessionId: session.id }))
  const position = await recordRevoked(change, audited, user, revocations)
  return { record, changed: true, position }
}
