/** Says who calls, from an `Authorization` value. What a caller may do is access/guard.ts. Floor 4. */
import { timingSafeEqual } from 'node:crypto'
import { hashCallerKey } from '../access/callers.ts'
import { type Caller, type CallerRecord, SCOPES } from '../model/caller.ts'
import { UnauthenticatedError } from '../model/error-code.ts'
import { AUTHORIZATION_CHARACTERS_MAX, AUTHORIZATIONS_KEPT_MAX } from '../model/limits.ts'
import { hasTokenForm } from '../token/verify.ts'

export interface AuthenticationNeeds {
  /** As findCallerByKeyHash, of what memory has; absent: nobody is found without waiting. */
  readonly recallCallerByKeyHash?: (keyHash: Uint8Array) => CallerRecord | undefined
  /** By SHA-256 of the key; only callers that are neither revoked nor expired. */
  readonly findCallerByKeyHash: (keyHash: Uint8Array) => Promise<CallerRecord | undefined>
  /** Of an access token: the service that it was issued to, as it is now. Absent: this service was not told whose tokens to take. */
  readonly findCallerByToken?: ((accessToken: string) => Promise<Caller | undefined>) | undefined
  /** A first administrator's key, for automation; `undefined`: there is none. */
  readonly adminKey: string | undefined
}

export interface Authentication {
  /** Whom `authenticate` would name, where memory alone says so; otherwise ask it, which also says what is wrong. Never waits. Absent: nobody. */
  recall?(authorization: string | undefined): Caller | undefined
  /**
   * @param authorization the header or metadata value as it came, `undefined` when there was none
   * @throws UnauthenticatedError for everything but a known key, and an access token of a known service: a person calls nobody
   * @throws StoreError when callers cannot be looked up
   */
  authenticate(authorization: string | undefined): Promise<Caller>
}

/** RFC 6750 `b64token`; the scheme is case-insensitive (RFC 9110). */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i
/** As access/callers.ts makes them: 32 bytes in base64url behind the prefix. The admin key may have any form. */
const CALLER_KEY = /^cst_[A-Za-z0-9_-]{43}$/
/** Longest value kept, in characters: a key that callers are given makes 54, and an admin key that is longer than this only waits a moment more. */
const KEPT_CHARACTERS_MAX = 256
const ADMIN: Caller = { id: 'admin-key', name: 'admin-key', scopes: SCOPES, tenants: null, builtIn: true }

export function openAuthentication(needs: AuthenticationNeeds): Authentication {
  const adminDigest = needs.adminKey === undefined || needs.adminKey === '' ? undefined : hashCallerKey(needs.adminKey)
  /** Digests of what callers sent: each request of theirs brings the same again, and a digest costs as much as a check. */
  const digests = new Map<string, Uint8Array>()
  const keep = (authorization: string | undefined, key: string, digest: Uint8Array) => {
    // In one spelling alone: with others one key could take all of the room, and push out everybody else's.
    const usual = `Bearer ${key}`
    if (authorization !== usual || usual.length > KEPT_CHARACTERS_MAX) return
    if (digests.size >= AUTHORIZATIONS_KEPT_MAX) digests.clear()
    digests.set(usual, digest)
  }
  return {
    recall(authorization) {
      // Only what proved good stands here, found by a hash over all of it: the time taken tells nothing of a key that is nearly one.
      const digest = authorization === undefined ? undefined : digests.get(authorization)
      if (authorization === undefined || digest === undefined) return undefined
      if (digest === adminDigest) return ADMIN
      const caller = needs.recallCallerByKeyHash?.(digest)
      // Revoked, rotated or only forgotten: a key that is good no more is not held on to, and one that is good comes back with its next answer.
      if (caller === undefined) digests.delete(authorization)
      return caller
    },
    async authenticate(authorization) {
      const key = bearerKey(authorization)
      const presented = hashCallerKey(key)
      // Digests are compared, so that neither length nor a shared beginning of the keys shows in the time taken.
      if (adminDigest !== undefined && timingSafeEqual(presented, adminDigest)) {
        keep(authorization, key, adminDigest)
        return ADMIN
      }
      // No key of a caller has a dot.
      if (needs.findCallerByToken !== undefined && hasTokenForm(key)) return known(await needs.findCallerByToken(key), 'token')
      // What was never made costs the database nothing.
      if (!CALLER_KEY.test(key)) throw new UnauthenticatedError('key is not of the form of a caller key')
      const caller = known(await needs.findCallerByKeyHash(presented), 'key')
      keep(authorization, key, presented)
      return caller
    },
  }
}

function known(caller: Caller | undefined, what: 'key' | 'token'): Caller {
  if (caller === undefined) throw new UnauthenticatedError(`${what} not known`)
  return caller
}

function bearerKey(authorization: string | undefined): string {
  if (authorization === undefined) throw new UnauthenticatedError('no authorization was sent')
  if (authorization.length > AUTHORIZATION_CHARACTERS_MAX) throw new UnauthenticatedError('authorization is too long')
  const key = BEARER.exec(authorization)?.[1]
  if (key === undefined) throw new UnauthenticatedError('authorization is not "Bearer <key>"')
  return key
}
