/** A link or a code is answered: who answers it rightly is signed in. What was wrong is told to the audit alone. Floor 5. */
import type { Acknowledgement } from '../../access/acknowledge.ts'
import type { Random } from '../../ground/random.ts'
import type { ChallengeRecord, SessionRecord } from '../../model/identity.ts'
import { CODE_TRIES_MAX } from '../../model/identity-limits.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { LoginRefusedError, TenantRequiredError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { LoginAnswer, LoginChoice, SignedIn, TokenIssuer, Visitor } from '../ports.ts'
import { refreshTokenOf } from '../session/refresh-token.ts'
import { type Answered, type Completed, completeLogin } from './complete.ts'
import { isOtherBrowser } from './peek.ts'
import { hashSecret, isCode, isSecretForm } from './secrets.ts'
import { Refusal, requireApplication } from './standing.ts'

export type LoginResult = 'link' | 'code' | 'repeated' | 'refused' | 'tenant-required'

export interface VerifyNeeds {
  readonly store: Pick<Store, 'change' | 'identity' | 'records'>
  readonly limits: Pick<Limits, 'verify' | 'code'>
  readonly random: Random
  /** For codes: the first one makes, all check. */
  readonly codeKeys: readonly Buffer[]
  /** For refresh tokens, likewise. */
  readonly refreshKeys: readonly Buffer[]
  readonly issuer: Pick<TokenIssuer, 'issueForSession'>
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  readonly settings: {
    /** Whether somebody whom nobody invited is registered by their login. */
    readonly signUp: boolean
    /** Whether a link is refused in another browser than the one that asked. */
    readonly sameBrowser: boolean
  }
  readonly observe: { loggedIn(result: LoginResult): void }
}

export async function verifyLogin(needs: VerifyNeeds, answer: LoginAnswer, choice: LoginChoice, visitor: Visitor): Promise<SignedIn> {
  await needs.limits.verify(visitor.address)
  let known: ChallengeRecord | undefined
  try {
    known = 'token' in answer ? await findByToken(needs, answer.token) : await findOwn(needs, answer.challengeId, visitor)
    if (known === undefined) throw new Refusal('unknown')
    const answered = 'token' in answer ? byLink(needs, known, visitor) : await byCode(needs, known, answer.code, visitor)
    return await signIn(needs, answered, choice, visitor)
  } catch (fault) {
    if (fault instanceof TenantRequiredError) {
      needs.observe.loggedIn('tenant-required')
      // The code was the right one, and with its tenant it comes again.
      if (known !== undefined && 'code' in answer) await returnTry(needs, known)
    }
    if (!(fault instanceof Refusal)) throw fault
    needs.observe.loggedIn('refused')
    if (known !== undefined) await recordRefusal(needs, known, fault, visitor)
    throw new LoginRefusedError(fault.reason)
  }
}

async function findByToken({ store }: VerifyNeeds, token: string): Promise<ChallengeRecord | undefined> {
  return isSecretForm(token) ? await store.identity.findChallengeByToken(hashSecret(token)) : undefined
}

/** Of no code: nobody knows what has this digest. */
const NO_CODE = new Uint8Array(32)

/** A code is for the browser that asked: any other one may try neither it nor the patience of its owner. */
async function findOwn({ store }: VerifyNeeds, challengeId: string, visitor: Visitor): Promise<ChallengeRecord | undefined> {
  const challenge = await store.identity.findChallenge(challengeId)
  return challenge === undefined || challenge.bindingHash === null || isOtherBrowser(challenge.bindingHash, visitor) ? undefined : challenge
}

function byLink({ settings }: VerifyNeeds, challenge: ChallengeRecord, visitor: Visitor): Answered {
  const otherDevice = isOtherBrowser(challenge.bindingHash, visitor)
  if (otherDevice && settings.sameBrowser) throw new Refusal('other browser')
  return { challenge, way: 'link', otherDevice }
}

/** The try is counted, and committed, before the code is looked at: whatever fails afterwards, it was one. */
async function byCode(
  { store, codeKeys, limits }: VerifyNeeds,
  found: ChallengeRecord,
  code: string,
  { address }: Visitor,
): Promise<Answered> {
  const raised = await store.change((transaction) => transaction.identity.raiseTries(found.id))
  // Not open: a double click, whose first one has just signed in, goes on to be compared; the browser is the one that asked either way.
  const challenge = raised ?? (await store.identity.findChallenge(found.id))
  if (challenge === undefined) throw new Refusal('unknown')
  if (raised === undefined && challenge.consumedAtMs === null)
    throw new Refusal(challenge.tries >= CODE_TRIES_MAX ? 'too many tries' : 'expired')
  if (raised !== undefined && !(await limits.code({ email: challenge.email, address }))) throw new Refusal('too many codes')
  // Where nobody was written to there is no code, and finding that out takes as long.
  if (!isCode(codeKeys, challenge.id, code, challenge.codeHash ?? NO_CODE)) throw new Refusal('wrong code')
  return { challenge, way: 'code', otherDevice: false }
}

async function signIn(needs: VerifyNeeds, answered: Answered, choice: LoginChoice, visitor: Visitor): Promise<SignedIn> {
  const { store } = needs
  const { challenge, way, otherDevice } = answered
  requireApplication(challenge, await store.identity.findClient(challenge.clientId))
  // Before the transaction, which has the only connection of an embedded database. A tenant that is lost meanwhile is refused at each check.
  const user = challenge.user ?? (await ownerOf(needs, challenge.sessionId))
  const tenants = user === null ? [] : await store.identity.listTenantsOf(user)
  const completed = await store.change((transaction) => completeLogin(needs, transaction, { answered, user, tenants, choice, visitor }))
  if (completed.position !== undefined) {
    // A first login: the very next check is to know of it, on any replica.
    needs.acknowledgement.announce()
    await needs.acknowledgement.effective(completed.position)
  }
  needs.observe.loggedIn(completed.repeated ? 'repeated' : way)
  return await answerFor(needs, completed, challenge, otherDevice)
}

/** Of somebody who signed up, whom the challenge does not name. */
async function ownerOf({ store }: VerifyNeeds, sessionId: string | null): Promise<string | null> {
  const session: SessionRecord | undefined = sessionId === null ? undefined : (await store.identity.findSession(sessionId)).session
  return session?.user ?? null
}

async function answerFor(
  { issuer, refreshKeys }: VerifyNeeds,
  { session }: Completed,
  { redirectUri }: ChallengeRecord,
  otherDevice: boolean,
): Promise<SignedIn> {
  const access = await issuer.issueForSession(session)
  const tokens = { ...access, refreshToken: refreshTokenOf(refreshKeys, session), session }
  return { ...tokens, otherDevice, ...(redirectUri === null ? {} : { redirectUri }) }
}

async function returnTry({ store }: VerifyNeeds, { id }: ChallengeRecord): Promise<void> {
  await store.change((transaction) => transaction.identity.returnTry(id))
}

/** Both are codes that were no good; of which there are five. */
const TRIED: ReadonlySet<string> = new Set(['wrong code', 'too many codes'])

/** The fifth wrong code ends the challenge. In one transaction with its audit row; both limits bound how many of these there can be. */
async function recordRefusal({ store }: VerifyNeeds, known: ChallengeRecord, { reason }: Refusal, visitor: Visitor): Promise<void> {
  await store.change(async (transaction: ChangeTransaction) => {
    const challenge = await transaction.identity.lockChallenge(known.id)
    if (TRIED.has(reason) && (challenge?.tries ?? 0) >= CODE_TRIES_MAX) await transaction.identity.killChallenge(known.id, 'tries')
    await auditEvent(transaction, {
      action: 'login.refuse',
      result: 'refused',
      user: challenge?.user ?? known.user,
      target: known.id,
      reason,
      after: { tries: challenge?.tries ?? known.tries },
      requestId: visitor.requestId,
    })
  })
}
