/** Tokens for services (RFC 6749, 4.4): a caller that proved itself gets what it has, or less, for a short time. Floor 5. */
import { type Caller, SCOPES, type Scope } from '../../model/caller.ts'
import type { Store } from '../../store/ports.ts'
import { auditEvent } from '../audit.ts'
import { OAuthError } from '../errors.ts'
import type { TokenIssuer, Visitor } from '../ports.ts'

export interface ServiceGrantNeeds {
  readonly store: Pick<Store, 'change'>
  readonly issuer: Pick<TokenIssuer, 'issueForService'>
}

/** @param scope names, separated by spaces; absent: all that the caller has */
export async function grantToService(
  needs: ServiceGrantNeeds,
  caller: Caller,
  scope: string | undefined,
  visitor: Visitor,
): Promise<{ readonly accessToken: string; readonly expiresInSeconds: number; readonly scope: string }> {
  const scopes = scopesWithin(caller, scope)
  // First, so that no token is without its row.
  await needs.store.change((transaction) =>
    auditEvent(transaction, {
      action: 'token.issue',
      result: 'applied',
      user: null,
      target: caller.id,
      after: { caller: caller.name, scopes },
      requestId: visitor.requestId,
    }),
  )
  return { ...(await needs.issuer.issueForService(caller, scopes)), scope: scopes.join(' ') }
}

function scopesWithin(caller: Caller, asked: string | undefined): readonly Scope[] {
  const names = asked === undefined ? caller.scopes : asked.split(' ').filter((name) => name !== '')
  const scopes = SCOPES.filter((known) => names.includes(known) && caller.scopes.includes(known))
  if (scopes.length === 0 || scopes.length < new Set(names).size) {
    throw new OAuthError('invalid_scope', 'The client may have no more than its own scopes, and at least one.')
  }
  return scopes
}
