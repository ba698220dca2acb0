/** Ends sessions of people: by administrators, and by their owners through the identity service. Begins none. Floor 3. */
import type { ChangeContext, Changed } from '../model/administration.ts'
import { NotFoundError } from '../model/error-code.ts'
import type { SessionEnd, SessionRecord } from '../model/identity.ts'
import { SESSIONS_PER_USER_MAX } from '../model/identity-limits.ts'
import type { SessionChoice } from '../store/identity-ports.ts'
import type { ChangeTransaction } from '../store/ports.ts'
import { type CallerChange, type ChangeNeeds, changeBy, recordNoop, requireReason } from './change.ts'
import { recordRevoked } from './cut-off.ts'
import { requireAllTenants, requireScope } from './guard.ts'

type Needs = Pick<ChangeNeeds, 'store'>
type Ended = Changed<readonly SessionRecord[]>

/** All live ones of a user. None left: `noop`. @returns those that this call ended */
export async function endSessions(needs: Needs, context: ChangeContext, user: string): Promise<Ended> {
  requireSessionChange(context)
  return changeBy(needs, context, async (change) => {
    if ((await change.transaction.lockUser(user)) === undefined) throw new NotFoundError('The user is unknown.')
    const ended = await endLive(change, user, { user }, 'administrator')
    return ended ?? (await noop(change, user))
  })
}

/** With all of the same login: who took one may have moved on from it. @throws NotFoundError when it is not a session of this user */
export async function endSession(needs: Needs, context: ChangeContext, user: string, sessionId: string): Promise<Ended> {
  requireSessionChange(context)
  return changeBy(needs, context, async (change) => {
    const ended = await endLogin(change, user, sessionId, 'administrator')
    return ended ?? (await noop(change, user, sessionId))
  })
}

/**
 * As `endSession`, by their owner, which the identity service has made sure of. What had ended already is no change, and has no row: people may
 * ask for it without end.
 */
export async function endOwnSession(needs: Needs, context: ChangeContext, user: string, sessionId: string): Promise<Ended> {
  const live = await listLive(needs, user)
  const { session, position } = await needs.store.identity.findSession(sessionId)
  if (session?.user !== user) throw unknownSession()
  if (!live.some(({ loginId }) => loginId === session.loginId)) return { record: [], changed: false, position }
  return changeBy(
    needs,
    context,
    async (change) => (await endLogin(change, user, sessionId, 'logout')) ?? (await unchanged(change.transaction)),
  )
}

/** By their owner: all but those of the login that asks. */
export async function endOtherSessions(needs: Needs, context: ChangeContext, user: string, keptId: string): Promise<Ended> {
  const live = await listLive(needs, user)
  const { session: kept, position } = await needs.store.identity.findSession(keptId)
  if (kept?.user !== user) throw unknownSession()
  const { loginId: exceptLoginId } = kept
  if (live.every(({ loginId }) => loginId === exceptLoginId)) return { record: [], changed: false, position }
  return changeBy(needs, context, async (change) => {
    await change.transaction.lockUser(user)
    return (await endLive(change, user, { user, exceptLoginId }, 'logout')) ?? (await unchanged(change.transaction))
  })
}

function requireSessionChange(context: ChangeContext): void {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  requireReason(context)
}

/** Before the position is read by which the caller waits: what is not listed any more has ended by then. */
async function listLive({ store }: Needs, user: string): Promise<readonly SessionRecord[]> {
  return (await store.identity.listSessions(user, { pageSize: SESSIONS_PER_USER_MAX })).items
}

async function endLogin(change: CallerChange, user: string, sessionId: string, reason: SessionEnd): Promise<Ended | undefined> {
  // The account's row before the session's: as everybody who takes both does. A login that is under way has begun its session then, or never will.
  await change.transaction.lockUser(user)
  const session = await change.transaction.identity.lockSession(sessionId)
  // Another one's session is as unknown as one that never was.
  if (session === undefined || session.user !== user) throw unknownSession()
  return await endLive(change, user, { loginId: session.loginId }, reason)
}

/** @returns `undefined`: none was live */
async function endLive(change: CallerChange, user: string, which: SessionChoice, reason: SessionEnd): Promise<Ended | undefined> {
  const record = await change.transaction.identity.revokeSessions(which, reason)
  if (record.length === 0) return undefined
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

async function noop(change: CallerChange, user: string, target?: string): Promise<Ended> {
  const audited = { action: 'session.end', user, before: null, after: null } as const
  const position = await recordNoop(change, target === undefined ? audited : { ...audited, target })
  return { record: [], changed: false, position }
}

async function unchanged(transaction: ChangeTransaction): Promise<Ended> {
  return { record: [], changed: false, position: await transaction.readPosition() }
}

function unknownSession(): NotFoundError {
  return new NotFoundError('There is no session of this id.')
}
