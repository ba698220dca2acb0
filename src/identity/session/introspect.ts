/**
 * What an access token is worth now (RFC 7662). Of nothing else: a refresh token that was told as active could pass for an access token where
 * only that word is looked at. Floor 5.
 */
import type { Store } from '../../store/ports.ts'
import type { TokenOutcome } from '../../token/verify.ts'
import { findStanding } from './standing.ts'

export interface IntrospectionNeeds {
  readonly store: Pick<Store, 'identity' | 'records'>
  /** Signature, form, issuer, audience and times, by the keys that are published now. */
  readonly verify: (token: string) => Promise<TokenOutcome>
}

const INACTIVE = Object.freeze({ active: false })

export async function introspectToken(needs: IntrospectionNeeds, presented: string): Promise<Readonly<Record<string, unknown>>> {
  const token = await needs.verify(presented)
  if (token === 'invalid' || token === 'expired') return INACTIVE
  if (token.kind === 'person') {
    const standing = await findStanding(needs.store, token.claims)
    return standing === undefined ? INACTIVE : { active: true, token_type: 'Bearer', ...token.claims }
  }
  const { caller } = await needs.store.identity.findCallerById(token.claims.sub)
  // A scope that was taken from the caller since is not the token's either.
  const scopes = token.scopes.filter((scope) => caller?.scopes.includes(scope))
  return scopes.length === 0 ? INACTIVE : { active: true, token_type: 'Bearer', ...token.claims, scope: scopes.join(' ') }
}
