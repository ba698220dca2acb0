/** An access token → whom it proves and whether the session still lives, as of one moment. Does not decide what that allows (decision/). Floor 3. */
import type { TokenRefusal, TokenStanding } from '../model/decision.ts'
import { StoreError } from '../model/error-code.ts'
import { RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import { isLive, type SessionFinder } from './find-session.ts'
import type { Found } from './fresh-reader.ts'
import { type VerifyingNeeds, verifyAccessToken } from './verify-access-token.ts'

export interface PresentedToken extends TokenStanding {
  readonly user: string
  /** That the token is for; `undefined`: the person had none. */
  readonly tenant: string | undefined
  /** Everything up to here is reflected. */
  readonly position: number
  /** Whether this can be an answer at this moment. */
  isCurrent(): boolean
}

export interface RefusedToken {
  readonly refusal: TokenRefusal
  readonly position: number
  isCurrent(): boolean
}

export interface TokenPresenter {
  /**
   * @param minPosition the keys and the session must be at least this fresh (freshness, F3)
   * @throws StoreError when nothing fresh enough can be had; ServiceError as AccessResolver.resolve
   */
  present(accessToken: string, minPosition: number | undefined, signal: AbortSignal): Promise<PresentedToken | RefusedToken>
}

export interface TokenPresenterNeeds extends VerifyingNeeds {
  readonly sessions: SessionFinder
}

export function openTokenPresenter({ keys, sessions, verifier }: TokenPresenterNeeds): TokenPresenter {
  return {
    async present(accessToken, minPosition, signal) {
      for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
        const { token, published } = await verifyAccessToken({ keys, verifier }, accessToken, minPosition, signal)
        const refused = (refusal: TokenRefusal) => ({
          refusal,
          position: published.position,
          isCurrent: () => keys.isCurrent(published),
        })
        if (token === 'expired') return refused('TOKEN_EXPIRED')
        // A service is no person: nobody asks what it may do in a tenant.
        if (token === 'invalid' || token.kind === 'service') return refused('TOKEN_INVALID')
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
