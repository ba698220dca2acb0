/** Where a challenge stands, and why one is refused. Pure: reads and writes nothing. Floor 5. */

import { normalizeEmail } from '../../model/email.ts'
import type { ChallengeRecord, LoginClientRecord } from '../../model/identity.ts'
import type { UserRecord } from '../../model/records.ts'
import { isRegistered } from './redirect.ts'

/** For audit and log; whoever tries is told none of these. */
export type RefusalCause =
  | 'unknown'
  | 'not sent'
  | 'expired'
  | 'used'
  | 'too many tries'
  | 'superseded'
  | 'deactivated'
  | 'replaced'
  | 'wrong code'
  | 'too many codes'
  | 'other browser'
  | 'account'
  | 'application'
  | 'redirect'
  | 'tenant'

/** Ends a transaction without a trace; what it was is told outside of it. */
export class Refusal extends Error {
  readonly reason: RefusalCause
  constructor(reason: RefusalCause) {
    super(`Refused: ${reason}`)
    this.reason = reason
  }
}

/** @param nowMs on the database's clock, as the record's times are. @throws Refusal unless it can be answered */
export function requireOpen(challenge: ChallengeRecord, nowMs: number): void {
  if (challenge.deadReason !== null) throw new Refusal(challenge.deadReason === 'tries' ? 'too many tries' : challenge.deadReason)
  if (challenge.consumedAtMs !== null) throw new Refusal('used')
  if (challenge.tokenHash === null || challenge.mailState === 'dropped') throw new Refusal('not sent')
  if (challenge.expiresAtMs <= nowMs) throw new Refusal('expired')
}

/** @throws Refusal when the application, or where it wanted to go, is not registered (any more) */
export function requireApplication(challenge: ChallengeRecord, client: LoginClientRecord | undefined): LoginClientRecord {
  if (client === undefined || client.revokedAtMs !== null) throw new Refusal('application')
  if (challenge.redirectUri !== null && !isRegistered(client.redirectUris, challenge.redirectUri)) throw new Refusal('redirect')
  return client
}

/** Whether this account may log in by this address. */
export function mayLogIn(user: UserRecord | undefined, email: string): user is UserRecord {
  if (user === undefined || user.email === null) return false
  return user.state !== 'deactivated' && normalizeEmail(user.email) === email
}
