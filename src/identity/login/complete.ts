/** The transaction of a login: the account, the challenge, the session, and what is told of them. Compares no secret. Floor 5. */
import type { Random } from '../../ground/random.ts'
import type { ChallengeRecord, SessionRecord } from '../../model/identity.ts'
import { LOGIN_REPEAT_MS } from '../../model/identity-limits.ts'
import type { TenantRecord, UserRecord } from '../../model/records.ts'
import type { ChangeTransaction } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { TenantRequiredError } from '../errors.ts'
import type { LoginChoice, Visitor } from '../ports.ts'
import { ApplicationEndedError, beginSession, tellEnded } from '../session/begin.ts'
import { hashSecret, isSameDigest } from './secrets.ts'
import { mayLogIn, Refusal, requireOpen } from './standing.ts'

export interface CompleteNeeds {
  readonly random: Random
  readonly settings: { readonly signUp: boolean }
}

/** A challenge whose secret was shown, by a link or by a code. */
export interface Answered {
  readonly challenge: ChallengeRecord
  readonly way: 'link' | 'code'
  readonly otherDevice: boolean
}

export interface Completing {
  readonly answered: Answered
  /** Whose login it is; `null`: of somebody who signs up. */
  readonly user: string | null
  /** In which this user has something to do. */
  readonly tenants: readonly TenantRecord[]
  readonly choice: LoginChoice
  readonly visitor: Visitor
}

export interface Completed {
  readonly session: SessionRecord
  /** The answer of a login that this browser has made already. */
  readonly repeated: boolean
  /** Of the feed: absent when nothing changed but that there is a session. */
  readonly position?: number
}

/** For a code RFC 8176 has a word. For a link it has none, and allows others by agreement: `email`, as docs/identity.md says. */
const METHODS = { link: ['email'], code: ['otp'] } as const

/** @throws Refusal, TenantRequiredError: nothing was changed, and nothing consumed */
export async function completeLogin(needs: CompleteNeeds, transaction: ChangeTransaction, input: Completing): Promise<Completed> {
  const { answered, choice, visitor } = input
  // The account's row before the challenge's: as everybody who takes both does.
  const user = input.user === null ? undefined : await transaction.lockUser(input.user)
  const challenge = await transaction.identity.lockChallenge(answered.challenge.id)
  if (challenge === undefined) throw new Refusal('unknown')
  const nowMs = await transaction.nowMs()
  if (challenge.consumedAtMs !== null) return await repeat(transaction, challenge, user, nowMs, input)
  requireOpen(challenge, nowMs)
  // A mail that was sent again carries other secrets, and only the newest ones are good.
  if (!isSameDigest(challenge.tokenHash, answered.challenge.tokenHash)) throw new Refusal('replaced')
  if (input.user !== null && !mayLogIn(user, challenge.email)) throw new Refusal('account')
  const tenant = input.user === null ? noTenant(challenge, choice) : chooseTenant(challenge, choice, input.tenants)
  const account = user ?? (await signUp(needs, transaction, challenge))
  const isFirst = account.state === 'invited'
  if (isFirst) await transaction.updateUser({ ...account, state: 'active', stateReason: null, stateChangedAtMs: nowMs }, null)
  const begun = await beginSession(transaction, needs.random, {
    user: account,
    clientId: challenge.clientId,
    tenant,
    amr: METHODS[answered.way],
    cookie: choice.cookie,
    visitor,
  }).catch((fault: unknown) => {
    // Revoked since it was looked at.
    throw fault instanceof ApplicationEndedError ? new Refusal('application') : fault
  })
  const consumed = await transaction.identity.consumeChallenge(challenge.id, browserOf(visitor), begun.session.id)
  if (consumed === undefined) throw new Refusal('used')
  // Whoever is in needs no older way in, such as an invitation that is good for days.
  await transaction.identity.supersedeChallenges(challenge.id)
  const position = await tellFeed()
  if (user === undefined) await auditSignUp(transaction, account, challenge, position, visitor)
  await auditLogin()
  return { session: begun.session, repeated: false, ...(position === undefined ? {} : { position }) }

  /** Only where somebody's access changed: a login as such is nobody else's business. */
  async function tellFeed(): Promise<number | undefined> {
    if (!isFirst && user !== undefined && begun.ended.length === 0) return undefined
    return await tellEnded(transaction, account.id, begun.ended, { reason: 'too many sessions', requestId: visitor.requestId })
  }

  async function auditLogin(): Promise<void> {
    await auditEvent(transaction, {
      action: 'login.succeed',
      result: 'applied',
      user: account.id,
      target: begun.session.id,
      tenant,
      before: { state: account.state },
      after: { state: 'active', way: answered.way, otherDevice: answered.otherDevice, challenge: answered.challenge.id },
      ...(position === undefined ? {} : { position }),
      requestId: visitor.requestId,
    })
  }
}

/** The answer may have been lost on its way: the same browser gets the same session, for as long as nobody has refreshed it. */
async function repeat(
  transaction: ChangeTransaction,
  challenge: ChallengeRecord,
  user: UserRecord | undefined,
  nowMs: number,
  { choice, visitor }: Completing,
): Promise<Completed> {
  const { consumedAtMs, consumedBy, sessionId } = challenge
  const isRecent = consumedAtMs !== null && nowMs - consumedAtMs <= LOGIN_REPEAT_MS
  if (!isRecent || sessionId === null || !isSameDigest(consumedBy, browserOf(visitor))) throw new Refusal('used')
  const session = await transaction.identity.lockSession(sessionId)
  if (session === undefined || session.revokedAtMs !== null || session.counter !== 0) throw new Refusal('used')
  // What was put into a cookie is not given out in a body.
  if (session.cookie !== choice.cookie) throw new Refusal('used')
  if (session.user !== user?.id || user.state !== 'active' || user.epoch !== session.epoch) throw new Refusal('account')
  await auditEvent(transaction, {
    action: 'login.succeed',
    result: 'noop',
    user: user.id,
    target: session.id,
    tenant: session.tenant,
    requestId: visitor.requestId,
  })
  return { session, repeated: true }
}

function browserOf({ binding }: Visitor): Uint8Array | undefined {
  return binding === undefined ? undefined : hashSecret(binding)
}

/** The choice that was made now goes before the one that was made when the login was asked for. */
function chooseTenant(challenge: ChallengeRecord, choice: LoginChoice, tenants: readonly TenantRecord[]): string | null {
  const wanted = choice.tenant ?? challenge.tenant
  if (wanted !== null) {
    if (!tenants.some(({ id }) => id === wanted)) throw new Refusal('tenant')
    return wanted
  }
  if (tenants.length > 1) throw new TenantRequiredError(tenants)
  return tenants[0]?.id ?? null
}

/** Who signs up has none yet. */
function noTenant({ tenant }: ChallengeRecord, choice: LoginChoice): null {
  if ((choice.tenant ?? tenant) !== null) throw new Refusal('tenant')
  return null
}

/** The address is this person's: they have read its mail. Without roles, as everybody begins. */
async function signUp(
  { random, settings }: CompleteNeeds,
  transaction: ChangeTransaction,
  { email }: ChallengeRecord,
): Promise<UserRecord> {
  if (!settings.signUp) throw new Refusal('account')
  // Registered meanwhile: the next mail is for that account.
  if ((await transaction.identity.listUsersByEmail(email)).length > 0) throw new Refusal('account')
  const { record, created } = await transaction.ensureUser(random.uuid())
  if (!created) throw new Error('A new id is somebody else’s')
  const account: UserRecord = { ...record, email, state: 'active' }
  await transaction.updateUser(account, null)
  return account
}

/**
 * After the feed's head is held, at which all who register an address meet: of two sign-ups at once the later one sees the earlier one here, and
 * leaves no second account with its address.
 */
async function auditSignUp(
  transaction: ChangeTransaction,
  account: UserRecord,
  { email, id }: ChallengeRecord,
  position: number | undefined,
  visitor: Visitor,
): Promise<void> {
  if ((await transaction.identity.listUsersByEmail(email)).length > 1) throw new Refusal('account')
  await auditEvent(transaction, {
    action: 'user.sign-up',
    result: 'applied',
    user: account.id,
    target: id,
    after: { state: account.state },
    ...(position === undefined ? {} : { position }),
    requestId: visitor.requestId,
  })
}
