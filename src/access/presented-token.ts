/** An access token → whom it proves and whether the session still lives, as of one moment. Does not decide what that allows (decision/). Floor 3. */
import { StoreError } from '../model/error-code.ts'
import { RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import type { TokenVerifier } from '../token/verify.ts'
import type { KeyFinder } from './find-keys.ts'
import { isLive, type SessionFinder } from './find-session.ts'
import type { Found } from './fresh-reader.ts'

/** What is wrong with the token itself; a session that ended is not. */
export type TokenRefusal = 'TOKEN_INVALID' | 'TOKEN_EXPIRED'

export interface PresentedToken {
  readonly user: string
  /** That the token is for; `undefined`: the person had none. */
  readonly tenant: string | undefined
  /** Of the account when the session began. */
  readonly epoch: number
  readonly sessionLive: boolean
  /** Everything up to here is reflected. */
  readonly position: number
  /** Whether this can be an answer at this moment. */
  isCurrent(): boolean
}

export interface RefusedToken {
  readonly refusal: TokenRefusal
  readonly position: number
}

export interface TokenPresenter {
  /**
   * @param minPosition the keys and the session must be at least this fresh (freshness, F3)
   * @throws StoreError when nothing fresh enough can be had; ServiceError as AccessResolver.resolve
   */
  present(accessToken: string, minPosition: number | undefined, signal: AbortSignal): Promise<PresentedToken | RefusedToken>
}

export interface TokenPresenterNeeds {
  readonly keys: KeyFinder
  readonly sessions: SessionFinder
  readonly verifier: TokenVerifier
}

export function openTokenPresenter({ keys, sessions, verifier }: TokenPresenterNeeds): TokenPresenter {
  return {
    async present(accessToken, minPosition, signal) {
      for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
        const published = await keys.find(minPosition, signal)
        const token = await verifier.verify(accessToken, published.value.keys)
        if (token === 'expired') return { refusal: 'TOKEN_EXPIRED', position: published.position }
        // A service is no person: nobody asks what it may do in a tenant.
        if (token === 'invalid' || token.kind === 'service') return { refusal: 'TOKEN_INVALID', position: published.position }
        const { sub, sid, tid, client_id, epoch } = token.claims
        const key = { id: sid, user: sub }
        const found = await sessions.find(key, minPosition, signal)
        // The session may have taken its time, and its key may be gone meanwhile.
        if (!keys.isCurrent(published)) continue
        const { session, readAtMs } = found.value
        return {
          user: sub,
          tenant: tid,
          epoch,
          sessionLive:
            session !== undefined &&
            session.clientId === client_id &&
            session.tenant === (tid ?? null) &&
            session.epoch === epoch &&
            isLive(session, readAtMs),
          position: earlier(published, found),
          isCurrent: () => keys.isCurrent(published) && sessions.isCurrent(key, found),
        }
      }
      throw new StoreError('The database answers too slowly to say what an access token is worth now')
    },
  }
}

function earlier(one: Found<unknown>, other: Found<unknown>): number {
  return Math.min(one.position, other.position)
}
