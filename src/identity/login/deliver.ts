/** One mail of the outbox: who may get it, the secrets it carries, and what becomes of it. When that happens is the outbox's. Floor 5. */
import type { Random } from '../../ground/random.ts'
import type { ChallengeRecord, LoginClientRecord } from '../../model/identity.ts'
import { MAIL_ATTEMPTS_MAX, MAIL_RETRY_MS, MAIL_TIMEOUT_MS } from '../../model/identity-limits.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import { composeMail } from '../mail/compose.ts'
import { type Mail, MailError, type Mailer } from '../mail/mailer.ts'
import { hashCode, hashSecret, newCode, newSecret } from './secrets.ts'
import { mayLogIn } from './standing.ts'

export type MailResult = 'sent' | 'dropped' | 'postponed' | 'failed'

export interface DeliverNeeds {
  readonly store: Pick<Store, 'change' | 'identity'>
  readonly mailer: Mailer
  readonly random: Random
  /** For codes: the first one makes. */
  readonly codeKeys: readonly Buffer[]
  /** Public address of this service; the links of mails begin with it. */
  readonly base: string
  /** Whether somebody whom nobody invited is written to. */
  readonly signUp: boolean
  /** Gives up on the mail server after so long, or earlier when the process stops. */
  readonly within: <T>(ms: number, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
}

/** Longer than one attempt can take, so that no other worker begins meanwhile; a worker that dies is replaced after it. */
const LEASE_MS = 2 * MAIL_TIMEOUT_MS

/**
 * Of many workers one takes the mail. Who dies between two steps leaves it to another one, which sends a mail of its own: then only the newest
 * link works, as its digest replaced the older one's.
 * @returns `undefined` when another worker has it, and why it failed when it did
 */
export async function deliverMail(
  needs: DeliverNeeds,
  id: string,
): Promise<{ readonly result: MailResult; readonly fault?: MailError } | undefined> {
  const taken = await needs.store.change((transaction) => transaction.identity.takeDueMail(id, LEASE_MS))
  if (taken === undefined) return undefined
  const client = await needs.store.identity.findClient(taken.clientId)
  const mail = await needs.store.change((transaction) => prepare(needs, transaction, taken, client))
  if (mail === 'lost') return undefined
  if (mail === 'dropped') return { result: 'dropped' }
  try {
    await needs.within(MAIL_TIMEOUT_MS, (signal) => needs.mailer.send(mail, signal))
  } catch (fault) {
    const error = fault instanceof MailError ? fault : new MailError('unexpected', false)
    return { result: await putOff(needs, taken, error), fault: error }
  }
  await needs.store.change((transaction) => transaction.identity.endMail(id, 'sent'))
  return { result: 'sent' }
}

/** Secrets are made here, at the last moment, and leave by the mail alone. */
async function prepare(
  needs: DeliverNeeds,
  transaction: ChangeTransaction,
  taken: ChallengeRecord,
  client: LoginClientRecord | undefined,
): Promise<Mail | 'dropped' | 'lost'> {
  const { identity } = transaction
  const recipient = await findRecipient(needs, transaction, taken)
  const challenge = await identity.lockChallenge(taken.id)
  // It ended, and its mail with it; or its lease did, and another worker goes on.
  if (challenge?.mailState !== 'waiting' || challenge.mailAttempts !== taken.mailAttempts) return 'lost'
  const isOver = challenge.expiresAtMs <= (await transaction.nowMs())
  if (recipient === undefined || client === undefined || client.revokedAtMs !== null || isOver) {
    await identity.endMail(challenge.id, 'dropped')
    return 'dropped'
  }
  const [codeKey] = needs.codeKeys
  if (codeKey === undefined) throw new Error('A key is needed to make codes')
  const [token, code] = [newSecret(needs.random), newCode(needs.random)]
  await identity.prepareMail(challenge.id, {
    user: recipient.user,
    tokenHash: hashSecret(token),
    codeHash: hashCode(codeKey, challenge.id, code),
  })
  const content = { challenge, application: client.name, base: needs.base, token }
  return composeMail(challenge.bindingHash === null ? content : { ...content, code })
}

/**
 * Exactly one account that may log in, whose row is locked then, before the challenge's; or nobody, where anybody may sign up. Two accounts with
 * one address are nobody's: which of them it is cannot be known.
 */
async function findRecipient(
  { signUp }: DeliverNeeds,
  transaction: ChangeTransaction,
  { kind, email, user: invited }: ChallengeRecord,
): Promise<{ readonly user: string | null } | undefined> {
  const users = await transaction.identity.listUsersByEmail(email)
  const [found] = users
  if (found === undefined) return signUp && kind === 'login' ? { user: null } : undefined
  if (users.length > 1 || (invited !== null && invited !== found.id)) return undefined
  const user = await transaction.lockUser(found.id)
  return mayLogIn(user, email) ? { user: user.id } : undefined
}

async function putOff(needs: DeliverNeeds, { id, mailAttempts }: ChallengeRecord, fault: MailError): Promise<MailResult> {
  const isLast = fault.permanent || mailAttempts >= MAIL_ATTEMPTS_MAX
  await needs.store.change((transaction) =>
    isLast
      ? transaction.identity.endMail(id, 'failed')
      : transaction.identity.postponeMail(id, MAIL_RETRY_MS * 2 ** Math.max(0, mailAttempts - 1)),
  )
  return isLast ? 'failed' : 'postponed'
}
