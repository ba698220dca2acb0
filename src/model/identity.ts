/** People who log in: applications, sessions, challenges, keys. Times are the database's, in milliseconds since the epoch. Floor 1. */

/** An application that people log in to: a public client (RFC 6749, 2.1). Services are callers. */
export interface LoginClientRecord {
  readonly id: string
  readonly name: string
  /** Compared as a whole, character by character (RFC 9700, 2.1). */
  readonly redirectUris: readonly string[]
  readonly createdAtMs: number
  readonly revokedAtMs: number | null
}

export type SessionEnd =
  /** By its owner. */
  | 'logout'
  | 'administrator'
  /** The account was deactivated, reactivated, logged out everywhere, or its address changed. */
  | 'account'
  /** An old refresh token came back: somebody else has it too. */
  | 'reuse'
  /** A refresh token that was never issued, and yet signed: alarm. */
  | 'ahead'
  /** The application was revoked. */
  | 'client'

/** A family of refresh tokens: from a login, or a move to another tenant, until it ends. Only the counter of the newest token is kept. */
export interface SessionRecord {
  readonly id: string
  /** Id of the first session of the same login. What ends one of them as stolen or left ends all. */
  readonly loginId: string
  readonly user: string
  readonly clientId: string
  /** Tokens of this session are for this tenant; `null`: the person had none. */
  readonly tenant: string | null
  /** Of the account when the session began: another one now ends it. */
  readonly epoch: number
  /** Of the newest refresh token; the first one has 0. */
  readonly counter: number
  /** When the newest refresh token was made, and the digest of the user agent it was made for. */
  readonly rotatedAtMs: number
  readonly rotatedAgent: Uint8Array | null
  /** User agent of the login, cut to its beginning. */
  readonly agent: string | null
  /** Authentication methods (RFC 8176). */
  readonly amr: readonly string[]
  /** The refresh token lives in a cookie and is in no body. */
  readonly cookie: boolean
  readonly authenticatedAtMs: number
  readonly createdAtMs: number
  readonly idleExpiresAtMs: number
  readonly expiresAtMs: number
  readonly revokedAtMs: number | null
  readonly revokedReason: SessionEnd | null
}

export type Locale = 'en' | 'fr'
export const LOCALES: readonly Locale[] = ['en', 'fr']

export interface ChallengeRecord {
  readonly id: string
  readonly kind: 'login' | 'invitation'
  /** Normalized. */
  readonly email: string
  /** `null` until the mail was sent, and for somebody who signs up. */
  readonly user: string | null
  readonly clientId: string
  readonly redirectUri: string | null
  /** The tenant that was asked for. */
  readonly tenant: string | null
  readonly locale: Locale
  /** What asked, cut to its beginning. */
  readonly agent: string | null
  /** SHA-256 of the cookie of the browser that asked; `null`: an invitation, which no browser asked for. */
  readonly bindingHash: Uint8Array | null
  /** SHA-256 of the link token; `null`: no mail was sent. */
  readonly tokenHash: Uint8Array | null
  /** HMAC-SHA-256 of the code. */
  readonly codeHash: Uint8Array | null
  readonly tries: number
  readonly mailState: 'waiting' | 'sent' | 'dropped' | 'failed'
  readonly mailAttempts: number
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly consumedAtMs: number | null
  /** SHA-256 of the cookie of the browser that consumed it. */
  readonly consumedBy: Uint8Array | null
  readonly sessionId: string | null
  readonly deadReason: 'tries' | 'superseded' | 'deactivated' | null
}

export const SIGNING_ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** A key as everybody may know it. `next` is published and signs nothing yet; `previous` only verifies, until `retiresAtMs`. */
export interface SigningKeyRecord {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly publicJwk: Readonly<Record<string, unknown>>
  readonly state: 'next' | 'current' | 'previous' | 'retired'
  readonly createdAtMs: number
  readonly activatedAtMs: number | null
  readonly retiresAtMs: number | null
}

/** Its private part, encrypted; `null`: retired. */
export interface SealedKey extends SigningKeyRecord {
  readonly sealed: Uint8Array | null
  /** Id of the key that it is encrypted under. */
  readonly sealedBy: string | null
}

export interface PermissionIndexEntry {
  /** Position in compact tokens; version n of the index is the first n entries. */
  readonly bit: number
  readonly name: string
  readonly code: string
}

/** Tokens that end before their time: those of one session, or all of a user with a lower epoch. */
export interface Revocation {
  /** Feed position of the change. */
  readonly position: number
  readonly user: string
  readonly sessionId?: string
  /** Lowest epoch that is still good. */
  readonly epoch?: number
  readonly atMs: number
}
