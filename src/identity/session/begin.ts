/** Begins a session inside the transaction of a login or an exchange. Says nothing of who may: that was shown before. Floor 5. */
import { createHash } from 'node:crypto'
import type { Random } from '../../ground/random.ts'
import type { SessionRecord } from '../../model/identity.ts'
import { SESSION_IDLE_MS, SESSION_LIFE_MS, SESSIONS_PER_USER_MAX, USER_AGENT_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import type { UserRecord } from '../../model/records.ts'
import type { ChangeTransaction } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import type { Visitor } from '../ports.ts'

export interface Beginning {
  /** As it is in this transaction, which holds its lock (`lockUser`, `ensureUser`): its epoch is the session's. */
  readonly user: Pick<UserRecord, 'id' | 'epoch'>
  readonly clientId: string
  readonly tenant: string | null
  readonly amr: readonly string[]
  readonly cookie: boolean
  readonly visitor: Pick<Visitor, 'agent'>
  /** The session whose login this one continues; absent: the login is now. */
  readonly continues?: Pick<SessionRecord, 'loginId' | 'authenticatedAtMs' | 'expiresAtMs'>
}

/** `ended`: the oldest ones, when there were too many: give them to `tellEnded` as the last step of the transaction. */
export interface Begun {
  readonly session: SessionRecord
  readonly ended: readonly SessionRecord[]
}

/** The application was revoked, or never was: nobody begins a session for it. */
export class ApplicationEndedError extends Error {
  constructor() {
    super('The application is not in force')
  }
}

/**
 * Takes no feed position and writes no audit row: the caller knows what it is that began.
 * @throws ApplicationEndedError: nothing was changed
 */
export async function beginSession(transaction: ChangeTransaction, random: Random, beginning: Beginning): Promise<Begun> {
  const { user, clientId, tenant, amr, cookie, visitor, continues } = beginning
  const { identity } = transaction
  // Held before any session is: who revokes it either finds the new session, or is found here.
  const client = await identity.holdClient(clientId)
  if (client === undefined || client.revokedAtMs !== null) throw new ApplicationEndedError()
  // Before the new one, which so can never be among those that end.
  const ended = await identity.revokeOldestSessions(user.id, SESSIONS_PER_USER_MAX - 1, 'account')
  const session = await identity.insertSession({
    id: random.uuid(),
    user: user.id,
    clientId,
    tenant,
    epoch: user.epoch,
    rotatedAgent: hashAgent(visitor.agent),
    agent: visitor.agent?.slice(0, USER_AGENT_CHARACTERS_MAX).toWellFormed().replaceAll('\0', '') ?? null,
    amr,
    cookie,
    idleMs: SESSION_IDLE_MS,
    lifeMs: SESSION_LIFE_MS,
    // As an instant: exchanges in a row must not make a login last a little longer each time.
    ...(continues === undefined ? {} : continuation(continues)),
  })
  return { session, ended }
}

function continuation({ loginId, authenticatedAtMs, expiresAtMs }: NonNullable<Beginning['continues']>) {
  return { loginId, authenticatedAtMs, expiresAtMs }
}

/**
 * The last step of a transaction that ended sessions: takes the feed position, which tells that this user has changed, and writes audit rows and
 * revocations. It may be called with no session for any other change of the user. Acknowledge the position after the commit.
 */
export async function tellEnded(
  transaction: ChangeTransaction,
  user: string,
  ended: readonly SessionRecord[],
  why: { readonly reason: string; readonly requestId: string },
): Promise<number> {
  const position = await transaction.appendFeed([{ kind: 'user', user }])
  for (const session of ended) {
    await auditEvent(transaction, {
      action: 'session.end',
      result: 'applied',
      user,
      target: session.id,
      tenant: session.tenant,
      reason: why.reason,
      after: { revokedReason: session.revokedReason },
      position,
      requestId: why.requestId,
    })
  }
  await transaction.identity.insertRevocations(
    position,
    ended.map((session) => ({ user, sessionId: session.id })),
  )
  return position
}

/** What a user agent is compared by; one that is not told is one of its own. */
export function hashAgent(agent: string | undefined): Uint8Array {
  return createHash('sha256')
    .update(agent ?? '', 'utf8')
    .digest()
}
