/** Answers of /oauth/* as RFC 6749 has them: snake case, errors of 5.2. Floor 5. */
import type { KnownError } from '../../wire/error-table.ts'
import { OAuthError } from '../errors.ts'
import type { IssuedTokens } from '../ports.ts'

export interface OAuthFault {
  readonly code: string
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** What is no mistake of the grant keeps its status; the codes for it are those of RFC 6749, 4.1.2.1, which clients know too. */
export function oauthFault(fault: unknown, known: KnownError): OAuthFault {
  if (fault instanceof OAuthError) {
    const unknownClient = fault.code === 'invalid_client'
    return {
      code: fault.code,
      status: unknownClient ? 401 : 400,
      body: JSON.stringify({ error: fault.code, error_description: fault.description }),
      headers: unknownClient ? { 'www-authenticate': 'Basic realm="castellan"' } : {},
    }
  }
  const status = known.row.http
  const error =
    status === 429 || status >= 503
      ? 'temporarily_unavailable'
      : status >= 499
        ? 'server_error'
        : known.code === 'permission_denied'
          ? 'access_denied'
          : 'invalid_request'
  const retry = known.error.retryAfterSeconds
  return {
    code: known.code,
    status,
    body: JSON.stringify({ error, error_description: known.error.publicMessage }),
    headers: retry === undefined ? {} : { 'retry-after': String(retry) },
  }
}

/** @param inCookie the refresh token travels in a cookie, and therefore in no body */
export function tokenMessage(issued: IssuedTokens, inCookie: boolean): Record<string, unknown> {
  return {
    access_token: issued.accessToken,
    token_type: 'Bearer',
    expires_in: issued.expiresInSeconds,
    ...(inCookie ? {} : { refresh_token: issued.refreshToken }),
  }
}
