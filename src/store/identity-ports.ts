/** What the identity service asks of storage, and what a check by token needs. As store/ports.ts. Floor 2. */
import type { PageInput } from '../model/administration.ts'
import type { CallerReading } from '../model/caller.ts'
import type {
  ChallengeRecord,
  LoginClientRecord,
  PermissionIndexEntry,
  Revocation,
  SealedKey,
  SessionEnd,
  SessionRecord,
  SigningKeyRecord,
} from '../model/identity.ts'
import type { Page, TenantRecord, UserRecord } from '../model/records.ts'

/** As AccessState: position and row of one snapshot, the time after it. */
export interface SessionReading {
  readonly position: number
  readonly readAtMs: number
  readonly session: SessionRecord | undefined
}
export interface KeysReading {
  readonly position: number
  readonly readAtMs: number
  /** Not retired, on the database's clock. */
  readonly keys: readonly SigningKeyRecord[]
}

/** Reads outside of transactions; each a statement of its own. */
export interface IdentityReader {
  /** Prepared. @param id a UUID; anything else is nobody's session */
  findSession(id: string): Promise<SessionReading>
  /** Prepared. */
  findKeys(): Promise<KeysReading>
  /** Prepared. Only a caller that is neither revoked nor expired. */
  findCallerById(id: string): Promise<CallerReading>
  /** All that are not retired, with their private parts. */
  listSealedKeys(): Promise<readonly SealedKey[]>
  /** Live ones of a user, by id: not revoked, not over, of the account's epoch. */
  listSessions(user: string, page: PageInput): Promise<Page<SessionRecord>>
  findClient(id: string): Promise<LoginClientRecord | undefined>
  listClients(page: PageInput): Promise<Page<LoginClientRecord>>
  findChallenge(id: string): Promise<ChallengeRecord | undefined>
  /** By SHA-256 of the link token. */
  findChallengeByToken(tokenHash: Uint8Array): Promise<ChallengeRecord | undefined>
  /** Users with this normalized address, two at most: two of them can both not log in by it. */
  listUsersByEmail(email: string): Promise<readonly UserRecord[]>
  /** Active tenants in which the user has an assignment in force, by id, at most TENANTS_TO_CHOOSE_MAX. */
  listTenantsOf(user: string): Promise<readonly TenantRecord[]>
  /** After `since`, in order, at most `limit` and then the rest of the last position, with the head of the same snapshot. */
  listRevocations(since: number, limit: number): Promise<{ readonly position: number; readonly revocations: readonly Revocation[] }>
  /** By bit. */
  listPermissionIndex(): Promise<readonly PermissionIndexEntry[]>
  /** Waiting mails that are due, by their time, at most `limit`. */
  listDueMail(limit: number): Promise<readonly ChallengeRecord[]>
  /** Waiting mails: how many, and how long the oldest has been due, in milliseconds (0 when none is). */
  mailBacklog(): Promise<{ readonly waiting: number; readonly oldestMs: number }>
  /** Removes what is long over, a bounded number at once: challenges and sessions IDENTITY_KEPT_MS after their end, revocations after REVOCATIONS_KEPT_MS. */
  prune(): Promise<boolean>
}

/** What changes inside the transaction of a change (ChangeTransaction). Lock order: tenant, user, challenge, application, session, feed head. */
export interface IdentityTransaction {
  /** As of the database's clock; the row is inserted with `createdAtMs` = now, `expiresAtMs` = now + `lifeMs`, mail due at once. */
  insertChallenge(row: NewChallenge): Promise<ChallengeRecord>
  /** Locks the row until the end of the transaction. */
  lockChallenge(id: string): Promise<ChallengeRecord | undefined>
  /** Takes a due waiting mail for `leaseMs`: raises its attempts and moves `mailAfter`, unless another worker did. Skips locked rows. */
  takeDueMail(id: string, leaseMs: number): Promise<ChallengeRecord | undefined>
  /** The mail of this challenge is about to carry these; it is counted as `sent` when the mail server took it. */
  prepareMail(
    id: string,
    secrets: { readonly user: string | null; readonly tokenHash: Uint8Array; readonly codeHash: Uint8Array },
  ): Promise<void>
  endMail(id: string, state: 'sent' | 'dropped' | 'failed'): Promise<void>
  /** Tries again after `afterMs`. */
  postponeMail(id: string, afterMs: number): Promise<void>
  /**
   * `by` was asked for: older open ones of its address, application and kind die that the same browser asked for, or no browser as well. One that
   * nobody is written to replaces none. @returns how many died
   */
  replaceChallenges(by: string): Promise<number>
  /** `by` signed somebody in: older open ones of its address and application die, and all open invitations of the address. @returns how many */
  supersedeChallenges(by: string): Promise<number>
  /** All open challenges of a user, and waiting mails to them, die. */
  killChallenges(user: string): Promise<void>
  /**
   * Raises `tries` of an open challenge, by one guarded UPDATE; also of one that nobody was written to, which has no code that could be right.
   * `undefined`: it is not open (any more), or there are no tries left.
   */
  raiseTries(id: string): Promise<ChallengeRecord | undefined>
  /** It was a right one that consumed nothing. Only while the challenge is open. */
  returnTry(id: string): Promise<void>
  killChallenge(id: string, reason: 'tries'): Promise<void>
  /** By one guarded UPDATE: open, not over, not consumed. `undefined`: it is none of these. */
  consumeChallenge(id: string, consumedBy: Uint8Array | undefined, sessionId: string): Promise<ChallengeRecord | undefined>

  /** Times are relative to the database's clock. */
  insertSession(row: NewSession): Promise<SessionRecord>
  /** Locks the row until the end of the transaction. */
  lockSession(id: string): Promise<SessionRecord | undefined>
  /** counter + 1, now, a new idle end (never beyond the absolute one). */
  rotateSession(id: string, agentHash: Uint8Array, idleMs: number): Promise<SessionRecord>
  /** Live sessions only. @returns those that this call ended, by id */
  revokeSessions(which: SessionChoice, reason: SessionEnd): Promise<readonly SessionRecord[]>
  /** Ends live sessions of a user but the newest `kept`, by their beginning. @returns those that this call ended */
  revokeOldestSessions(user: string, kept: number, reason: SessionEnd): Promise<readonly SessionRecord[]>

  listUsersByEmail(email: string): Promise<readonly UserRecord[]>
  insertClient(row: Pick<LoginClientRecord, 'id' | 'name' | 'redirectUris'>): Promise<LoginClientRecord>
  /** Inserts the row unless it is there, then locks it as it is. */
  ensureClient(
    row: Pick<LoginClientRecord, 'id' | 'name' | 'redirectUris'>,
  ): Promise<{ readonly record: LoginClientRecord; readonly created: boolean }>
  /** Locks the row. */
  findClient(id: string): Promise<LoginClientRecord | undefined>
  /** Until the end of the transaction it is neither changed nor revoked; others may hold it too. */
  holdClient(id: string): Promise<LoginClientRecord | undefined>
  updateClient(row: Pick<LoginClientRecord, 'id' | 'name' | 'redirectUris'>): Promise<LoginClientRecord>
  /** One that was revoked before keeps its first revocation. */
  revokeClient(id: string): Promise<LoginClientRecord | undefined>
  /** Its present key becomes the previous one, good for `keptMs` more. */
  rotateCallerKey(id: string, keyHash: Uint8Array, keptMs: number): Promise<void>

  /** One rotation at a time in the whole installation, until the end of the transaction. */
  lockKeys(): Promise<void>
  /** All that are not retired, with the database's time. */
  listSealedKeys(): Promise<readonly SealedKey[]>
  insertKey(row: Omit<SealedKey, 'createdAtMs' | 'activatedAtMs' | 'retiresAtMs'> & { readonly state: 'next' | 'current' }): Promise<void>
  /** `current` sets the time of activation; `previous` needs `retiresInMs`; `retired` forgets the private part. */
  setKeyState(kid: string, state: 'current' | 'previous' | 'retired', retiresInMs?: number): Promise<void>
  /** Encrypts the private part of a key anew, under another key. */
  resealKey(kid: string, sealed: Uint8Array, sealedBy: string): Promise<void>

  /** One addition at a time; entries that are there are left. @returns the whole index, by bit */
  extendPermissionIndex(entries: readonly Omit<PermissionIndexEntry, 'bit'>[]): Promise<readonly PermissionIndexEntry[]>
  /** Of the position that `appendFeed` gave. */
  insertRevocations(position: number, revocations: readonly Pick<Revocation, 'user' | 'sessionId' | 'epoch'>[]): Promise<void>
}

export type NewChallenge = Pick<
  ChallengeRecord,
  'id' | 'kind' | 'email' | 'user' | 'clientId' | 'redirectUri' | 'tenant' | 'locale' | 'agent' | 'bindingHash'
> & {
  readonly lifeMs: number
  /** `dropped`: nobody will be written to; the row is made all the same, so that it costs the same. */
  readonly mailState: 'waiting' | 'dropped'
}

export type NewSession = Pick<
  SessionRecord,
  'id' | 'user' | 'clientId' | 'tenant' | 'epoch' | 'rotatedAgent' | 'agent' | 'amr' | 'cookie'
> & {
  /** Absent: a login of its own. */
  readonly loginId?: string
  readonly idleMs: number
  readonly lifeMs: number
  /** Absent: now. A session that continues another one keeps its login's time … */
  readonly authenticatedAtMs?: number
  /** … and its end, when that is before `lifeMs` are over. */
  readonly expiresAtMs?: number
}

export type SessionChoice =
  | { readonly loginId: string }
  | { readonly user: string; readonly exceptLoginId?: string }
  | { readonly clientId: string }
