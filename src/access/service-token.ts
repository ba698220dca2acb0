/** An access token of a service → the caller as it is now, with the scopes that the token has. Takes no token of a person. Floor 3. */
import type { Caller } from '../model/caller.ts'
import type { TokenVerifier } from '../token/verify.ts'
import type { CallerFinder } from './find-caller.ts'
import type { KeyFinder } from './find-keys.ts'
import { verifyAccessToken } from './verify-access-token.ts'

export interface ServiceTokens {
  /** `undefined` for whatever is no token of a caller in force. @throws StoreError when that cannot be said freshly */
  findCaller(accessToken: string): Promise<Caller | undefined>
}

export interface ServiceTokenNeeds {
  readonly keys: KeyFinder
  readonly callers: Pick<CallerFinder, 'findById'>
  readonly verifier: TokenVerifier
}

export function openServiceTokens({ keys, callers, verifier }: ServiceTokenNeeds): ServiceTokens {
  return {
    async findCaller(accessToken) {
      const { token } = await verifyAccessToken({ keys, verifier }, accessToken, undefined)
      if (token === 'invalid' || token === 'expired' || token.kind === 'person') return undefined
      const caller = await callers.findById(token.claims.sub)
      if (caller === undefined) return undefined
      return {
        ...caller,
        // A scope that was taken from the caller since is not the token's either.
        scopes: caller.scopes.filter((scope) => token.scopes.includes(scope)),
        // Who comes by a token is over with it. Its key may have been on its way out: then nobody may make one without an end by it.
        expiresAtMs: Math.min(caller.expiresAtMs ?? Number.POSITIVE_INFINITY, token.claims.exp * 1_000),
      }
    },
  }
}
