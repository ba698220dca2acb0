/** Errors of the identity service that have a form of their own. Floor 5. */
import { AppError } from '../ground/errors.ts'
import type { TenantRecord } from '../model/records.ts'

/** One error for everything that is wrong with a link or a code: whoever tries learns nothing. */
export class LoginRefusedError extends AppError<'login_refused'> {
  constructor(cause: string) {
    super('login_refused', `Login refused: ${cause}`, 'This link or code is not valid: it is wrong, used, replaced or over.', {
      hint: 'Ask for a new one.',
    })
  }
}

/** The person has several tenants and a session is for one. Nothing was consumed. */
export class TenantRequiredError extends AppError<'conflict'> {
  readonly tenants: readonly TenantRecord[]
  constructor(tenants: readonly TenantRecord[]) {
    super('conflict', 'The person has several tenants', 'Choose a tenant.', { hint: 'Send it as `tenant`; nothing was consumed.' })
    this.tenants = tenants
  }
}

/** RFC 6749, 5.2; RFC 7009, 2.2.1; RFC 8693, 2.2.2. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'invalid_scope'
  | 'invalid_target'

export class OAuthError extends Error {
  readonly code: OAuthErrorCode
  /** For the client; says no secret and, with `invalid_grant`, no cause. */
  readonly description: string
  constructor(code: OAuthErrorCode, description: string, cause?: string) {
    super(cause === undefined ? description : `${description} (${cause})`)
    this.code = code
    this.description = description
  }
}
