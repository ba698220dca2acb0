/** Access tokens as they are presented: signature, form, issuer, audience, times. Does not know whether the session still lives (access/). Floor 2. */
import { createHash } from 'node:crypto'
import { type CryptoKey, errors, importJWK, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../ground/clock.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm, type SigningKeyRecord } from '../model/identity.ts'
import {
  ACCESS_TOKEN_CHARACTERS_MAX,
  ACCESS_TOKEN_SECONDS_MAX,
  TOKEN_CLOCK_SKEW_MS,
  TOKENS_VERIFIED_BYTES_MAX,
  TOKENS_VERIFIED_KEPT_MAX,
} from '../model/identity-limits.ts'
import { ACCESS_TOKEN_TYPE } from './access-token.ts'
import { readClaims, type TokenClaims } from './claims.ts'

export interface VerifierNeeds {
  /** `iss` and `aud` of every token that is taken; compared as a whole. */
  readonly issuer: string
  readonly audience: string
  /** One for all replicas, so that none of them takes a token for longer because its own clock is behind. */
  readonly clock: Pick<Clock, 'nowMs'>
}

/** `expired`: in all else it is one of ours. */
export type TokenOutcome = TokenClaims | 'invalid' | 'expired'

interface Verified {
  readonly token: TokenClaims
  /** It says nothing any more once this key is not among those given. */
  readonly key: SigningKeyRecord
}

/** Three parts of base64url. */
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
const KID = /^[A-Za-z0-9_-]{1,64}$/
const SKEW_SECONDS = TOKEN_CLOCK_SKEW_MS / 1_000
/** Of a verified token, its texts aside: an object, a dozen fields, the digest, places in the cache. */
const VERIFIED_BYTES = 1_000
const REQUIRED = ['iss', 'aud', 'sub', 'client_id', 'iat', 'exp', 'jti']

/** Whether this may be a token at all, without looking into it. */
export function hasTokenForm(text: string): boolean {
  return text.length <= ACCESS_TOKEN_CHARACTERS_MAX && COMPACT.test(text)
}

export class TokenVerifier {
  readonly #needs: VerifierNeeds
  /** By SHA-256 of the whole token. */
  readonly #verified = new LRUCache<string, Verified>({ max: TOKENS_VERIFIED_KEPT_MAX, maxSize: TOKENS_VERIFIED_BYTES_MAX })
  readonly #imported = new WeakMap<SigningKeyRecord, Promise<CryptoKey | Uint8Array>>()

  constructor(needs: VerifierNeeds) {
    this.#needs = needs
  }

  /**
   * @param keys those that are published at this moment; a token of any other is refused, also one that was verified before
   * @throws Error when a published key cannot be used: that says nothing of the token
   */
  async verify(token: string, keys: readonly SigningKeyRecord[]): Promise<TokenOutcome> {
    if (token.length > ACCESS_TOKEN_CHARACTERS_MAX) return 'invalid'
    const digest = createHash('sha256').update(token).digest('base64url')
    const kept = this.#verified.get(digest)
    if (kept !== undefined && isAmong(keys, kept.key)) return this.#isOver(kept.token) ? 'expired' : kept.token
    const key = keyOf(token, keys)
    if (key === undefined) return 'invalid'
    const outcome = await this.#verifyWith(token, key)
    if (outcome !== 'invalid' && outcome !== 'expired')
      this.#verified.set(digest, { token: outcome, key }, { size: VERIFIED_BYTES + 2 * token.length })
    return outcome
  }

  async #verifyWith(token: string, key: SigningKeyRecord): Promise<TokenOutcome> {
    const { issuer, audience, clock } = this.#needs
    const publicKey = await this.#import(key)
    let payload: Readonly<Record<string, unknown>>
    let expired = false
    try {
      const verified = await jwtVerify(token, publicKey, {
        // The key's own algorithm alone: one key, one algorithm.
        algorithms: [key.algorithm],
        issuer,
        audience,
        typ: ACCESS_TOKEN_TYPE,
        requiredClaims: REQUIRED,
        maxTokenAge: ACCESS_TOKEN_SECONDS_MAX,
        clockTolerance: SKEW_SECONDS,
        currentDate: new Date(clock.nowMs()),
      })
      payload = verified.payload
    } catch (fault) {
      if (!(fault instanceof errors.JOSEError)) throw fault
      // Signature, issuer, audience and type were looked at before its age.
      if (!(fault instanceof errors.JWTExpired)) return 'invalid'
      payload = fault.payload
      expired = true
    }
    const claims = readClaims(payload)
    // The library takes a list that contains ours; none was ever made.
    if (claims === undefined || claims.claims.aud !== audience) return 'invalid'
    return expired ? 'expired' : claims
  }

  /** As the library judges it. A life longer than it may be was refused, so its end is all there is to look at. */
  #isOver({ claims }: TokenClaims): boolean {
    return claims.exp <= Math.floor(this.#needs.clock.nowMs() / 1_000) - SKEW_SECONDS
  }

  #import(key: SigningKeyRecord): Promise<CryptoKey | Uint8Array> {
    const imported = this.#imported.get(key) ?? importJWK(key.publicJwk, key.algorithm)
    this.#imported.set(key, imported)
    return imported
  }
}

/** Whether a key verifies at all: one that does not says nothing of any token. */
export async function isUsable({ publicJwk, algorithm }: Pick<SigningKeyRecord, 'publicJwk' | 'algorithm'>): Promise<boolean> {
  try {
    const key = await importJWK(publicJwk, algorithm)
    // Shorter ones import, and are refused at the first token (RFC 7518, 3.3).
    const { modulusLength = RSA_BITS_MIN } = 'algorithm' in key ? (key.algorithm as { readonly modulusLength?: number }) : {}
    return modulusLength >= RSA_BITS_MIN
  } catch {
    return false
  }
}
const RSA_BITS_MIN = 2_048

/** Whether it is of exactly the form that we make, and names a key that is not among these: one that is new may not be known here yet. */
export function namesUnknownKey(token: string, keys: readonly SigningKeyRecord[]): boolean {
  const header = readHeader(token)
  return header !== undefined && keys.every(({ kid }) => kid !== header.kid)
}

/** Records are read anew whenever any of them changed, so it is the key itself that is compared. */
function isAmong(keys: readonly SigningKeyRecord[], key: SigningKeyRecord): boolean {
  const same = published(keys, key.kid)
  if (same === undefined || same === key) return same !== undefined
  return same.algorithm === key.algorithm && JSON.stringify(same.publicJwk) === JSON.stringify(key.publicJwk)
}

function published(keys: readonly SigningKeyRecord[], kid: string): SigningKeyRecord | undefined {
  return keys.find((candidate) => candidate.kid === kid && candidate.state !== 'retired')
}

function keyOf(token: string, keys: readonly SigningKeyRecord[]): SigningKeyRecord | undefined {
  const header = readHeader(token)
  const key = header && published(keys, header.kid)
  return key?.algorithm === header?.alg ? key : undefined
}

/** A header of exactly the form that we make: nothing in it may name, bring or fetch a key of its own. */
function readHeader(token: string): { readonly alg: SigningAlgorithm; readonly kid: string } | undefined {
  const parts = token.length > ACCESS_TOKEN_CHARACTERS_MAX ? null : COMPACT.exec(token)
  // One spelling for the same bytes: the bits behind the last character mean nothing, and must be nothing.
  if (parts === null || !parts.slice(1).every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)) return undefined
  const header = parseHeader(parts[1] ?? '')
  if (header === undefined || Object.keys(header).length !== 3) return undefined
  const { kid, typ } = header
  const alg = SIGNING_ALGORITHMS.find((known) => known === header['alg'])
  return typeof kid === 'string' && KID.test(kid) && typ === ACCESS_TOKEN_TYPE && alg !== undefined ? { alg, kid } : undefined
}

function parseHeader(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof header === 'object' && header !== null ? (header as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
