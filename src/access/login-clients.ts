/** Applications that people log in to: registered, changed, revoked, each change audited. Which redirects are sound is not judged here. Floor 3. */
import type { ChangeContext, Changed } from '../model/administration.ts'
import { NotFoundError, ServiceError } from '../model/error-code.ts'
import type { LoginClientRecord, SessionRecord } from '../model/identity.ts'
import { type ChangeNeeds, changeBy, recordApplied, recordNoop } from './change.ts'
import { requireAllTenants, requireScope } from './guard.ts'
import { sameData } from './same-data.ts'

type Needs = Pick<ChangeNeeds, 'store'>
type Input = Pick<LoginClientRecord, 'id' | 'name' | 'redirectUris'>

/** What the feed calls an application: services that keep callers read anew, which costs them little and happens rarely. */
const feedName = (id: string) => `login-client:${id}`

/** @throws ServiceError `conflict` for one that was revoked: its name may be known to people as ended */
export async function putLoginClient(needs: Needs, context: ChangeContext, input: Input): Promise<Changed<LoginClientRecord>> {
  requireClientChange(context)
  return changeBy(needs, context, async (change) => {
    const { identity } = change.transaction
    const { record: found, created } = await identity.ensureClient(input)
    if (found.revokedAtMs !== null)
      throw new ServiceError('conflict', 'The application was revoked.', { hint: 'Register it under another id.' })
    const audited = { action: 'client.put', target: input.id, before: created ? null : found } as const
    if (!created && sameData(dataOf(found), dataOf(input)))
      return { record: found, changed: false, position: await recordNoop(change, { ...audited, after: found }) }
    const record = created ? found : await identity.updateClient(input)
    const position = await recordApplied(change, { ...audited, after: record }, [{ kind: 'caller', caller: feedName(input.id) }])
    return { record, changed: true, position }
  })
}

/** Nobody logs in to it any more, and all its sessions end. */
export async function revokeLoginClient(needs: Needs, context: ChangeContext, id: string): Promise<Changed<LoginClientRecord>> {
  requireClientChange(context)
  return changeBy(needs, context, async (change) => {
    const { identity } = change.transaction
    // Its row is locked: a login that is under way has begun its session then, or never will.
    const before = await identity.findClient(id)
    if (before === undefined) throw new NotFoundError('There is no application of this id.')
    const audited = { action: 'client.revoke', target: id, before } as const
    if (before.revokedAtMs !== null)
      return { record: before, changed: false, position: await recordNoop(change, { ...audited, after: before }) }
    const record = (await identity.revokeClient(id)) ?? before
    const ended = await identity.revokeSessions({ clientId: id }, 'client')
    const position = await recordApplied(change, { ...audited, after: { ...record, sessionsEnded: ended.length } }, [
      { kind: 'caller', caller: feedName(id) },
      ...usersOf(ended).map((user) => ({ kind: 'user', user }) as const),
    ])
    await identity.insertRevocations(
      position,
      ended.map((session) => ({ user: session.user, sessionId: session.id })),
    )
    return { record, changed: true, position }
  })
}

function requireClientChange(context: ChangeContext): void {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
}

function dataOf({ id, name, redirectUris }: Input): Input {
  return { id, name, redirectUris: [...redirectUris] }
}

function usersOf(sessions: readonly SessionRecord[]): readonly string[] {
  return [...new Set(sessions.map((session) => session.user))]
}
