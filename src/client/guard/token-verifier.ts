/** Access tokens of the identity service, verified in the application. Does not know whether their session still lives: the service does. Floor 6. */
import { type Clock, systemClock } from '../../ground/clock.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../model/identity.ts'
import { hasTokenForm, namesUnknownKey, TokenVerifier as SignatureVerifier } from '../../token/verify.ts'
import { UnauthenticatedError, UnavailableError } from '../errors.ts'
import { openPublishedKeys, readAddress } from './published-keys.ts'

export interface TokenVerifierOptions {
  /** As `CASTELLAN_ISSUER`: `iss` of every token, and where its keys are found. https, or http on this machine. */
  readonly issuer: string
  /** As `CASTELLAN_TOKEN_AUDIENCE`: `aud` of every token. */
  readonly audience: string
  /** Where the keys are; absent: where the metadata of the issuer says (RFC 8414). Never taken from a token. */
  readonly jwksUri?: string
  /** Signatures that are taken; the issuer makes ES256 unless it is told otherwise. */
  readonly algorithms?: readonly SigningAlgorithm[]
  readonly clock?: Pick<Clock, 'nowMs' | 'monotonicMs'>
}

/** What a token proves of a person. */
export interface VerifiedToken {
  readonly user: string
  /** Absent: the token is for no tenant. */
  readonly tenant?: string
  readonly sessionId: string
  /** The application that the person logged in to. */
  readonly clientId: string
  readonly issuedAt: Date
  /** Until then it is good here, also when its session ended meanwhile. */
  readonly expiresAt: Date
  /** How and when the person logged in (RFC 8176; `email` for a mailed link). */
  readonly methods: readonly string[]
  readonly authenticatedAt: Date
}

export interface TokenVerifier {
  /**
   * @param token without its scheme
   * @throws UnauthenticatedError `token_invalid` (also for a token of a service: it is nobody who can be asked about), `token_expired`
   * @throws UnavailableError `unreachable` when the keys cannot be had, `keys_unusable` when nothing can be verified with them; that says nothing of the token
   */
  verify(token: string): Promise<VerifiedToken>
}

/**
 * Takes what the identity service issues and nothing else: type `at+jwt`, its own three header fields, one audience, an algorithm of the list that is
 * also the key's own, every claim, at most 15 minutes of life, and 30 seconds of difference between clocks. Keys are fetched at the first token, kept for ten
 * minutes, and fetched anew for a `kid` that is unknown, at most once in five seconds.
 * @throws TypeError for an option that cannot be used
 */
export function createTokenVerifier({ issuer, audience, jwksUri, algorithms, clock = systemClock }: TokenVerifierOptions): TokenVerifier {
  const issuerUrl = readAddress(issuer, 'issuer')
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience is the text that tokens carry as `aud`')
  const keys = openPublishedKeys({
    issuer: issuerUrl,
    ...(jwksUri === undefined ? {} : { jwksUri: readAddress(jwksUri, 'jwksUri') }),
    algorithms: readAlgorithms(algorithms),
    clock,
  })
  const verifier = new SignatureVerifier({ issuer, audience, clock })
  return {
    async verify(token) {
      if (typeof token !== 'string' || !hasTokenForm(token)) throw invalid()
      const known = await keys.current()
      const published = namesUnknownKey(token, known) ? await keys.lookAgain() : known
      const outcome = await verifier.verify(token, published).catch((cause: unknown) => {
        throw new UnavailableError('The keys of the issuer cannot be used', { code: 'keys_unusable', cause })
      })
      if (outcome === 'expired') throw new UnauthenticatedError('The access token is over', { code: 'token_expired' })
      if (outcome === 'invalid' || outcome.kind !== 'person') throw invalid()
      const { sub, tid, sid, client_id, iat, exp, amr, auth_time } = outcome.claims
      return {
        user: sub,
        ...(tid === undefined ? {} : { tenant: tid }),
        sessionId: sid,
        clientId: client_id,
        issuedAt: new Date(iat * 1_000),
        expiresAt: new Date(exp * 1_000),
        methods: amr,
        authenticatedAt: new Date(auth_time * 1_000),
      }
    },
  }
}

/** One text for all that can be wrong: which of it was is of use to who forges. */
function invalid(): UnauthenticatedError {
  return new UnauthenticatedError('The access token is not valid', { code: 'token_invalid' })
}

function readAlgorithms(algorithms: readonly SigningAlgorithm[] = SIGNING_ALGORITHMS): readonly SigningAlgorithm[] {
  if (algorithms.length > 0 && algorithms.every((algorithm) => SIGNING_ALGORITHMS.includes(algorithm))) return [...algorithms]
  throw new TypeError(`algorithms is a list of: ${SIGNING_ALGORITHMS.join(', ')}`)
}
