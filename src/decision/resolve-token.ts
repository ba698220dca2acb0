/** Whom an access token proves and what they may be decided from, both as of one moment. Decides nothing. Floor 5. */
import type { Found } from '../access/fresh-reader.ts'
import { requireTenant } from '../access/guard.ts'
import type { PresentedToken, RefusedToken, TokenPresenter } from '../access/presented-token.ts'
import type { AccessResolver, Resolved } from '../access/resolve.ts'
import type { AccessState } from '../model/access-state.ts'
import type { ByToken, CheckQuestion } from '../model/decision.ts'
import { RequestError, StoreError } from '../model/error-code.ts'
import { RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'

export interface TokenNeeds {
  readonly resolver: AccessResolver
  /** Absent: this service knows no issuer. */
  readonly tokens?: TokenPresenter | undefined
}

/** A token's question with the names that it lacked. */
export interface Proved<Resolution extends Found<AccessState> = Found<AccessState>> {
  readonly user: string
  readonly tenant: string
  readonly token: PresentedToken
  readonly found: Resolution
}

/** What of a question says who it is about. */
export type TokenSubject = Pick<ByToken<CheckQuestion>, 'accessToken' | 'tenant' | 'minPosition' | 'heldTo'>

/**
 * What an end of the session or a change of the account has to tell is in it when that was effective before this was called: both are read after.
 * @throws RequestError for a tenant too many or too few, or where no token is accepted; CallerDeniedError; StoreError
 */
export async function resolveToken(
  { resolver, tokens }: TokenNeeds,
  subject: TokenSubject,
  signal: AbortSignal,
): Promise<Proved<Resolved> | RefusedToken> {
  if (tokens === undefined) throw notAccepted()
  for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
    const token = await tokens.present(subject.accessToken, subject.minPosition, signal)
    if ('refusal' in token) return token
    const { user } = token
    const tenant = tenantOf(subject, token)
    requireTenant(subject.heldTo, tenant)
    const found = await resolver.resolve(tenant, user, subject.minPosition, signal)
    // The state may have taken its time, and the session be over meanwhile.
    if (token.isCurrent()) return { user, tenant, token, found: { ...found, position: Math.min(found.position, token.position) } }
  }
  throw new StoreError('The database answers too slowly to say what an access token is worth now')
}

function tenantOf({ tenant }: TokenSubject, token: PresentedToken): string {
  if (token.tenant === undefined && tenant === undefined)
    throw new RequestError([{ field: 'tenant', message: 'is required: the access token is for none' }])
  if (token.tenant !== undefined && tenant !== undefined)
    throw new RequestError([{ field: 'tenant', message: 'must not be named: the access token is for one' }])
  return (token.tenant ?? tenant) as string
}

function notAccepted(): RequestError {
  return new RequestError(
    [{ field: 'accessToken', message: 'is not accepted here: this service was not told whose access tokens to take' }],
    'Set CASTELLAN_ISSUER and CASTELLAN_TOKEN_AUDIENCE, or name `user` and `tenant`.',
  )
}
