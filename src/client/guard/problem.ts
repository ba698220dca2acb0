/** Errors of a guard → RFC 9457, for whoever called the application. Writes nothing itself. Floor 6. */
import { CastellanError, DeniedError, InvalidRequestError, UnauthenticatedError, UnavailableError } from '../errors.ts'
import { RETRY_AFTER_SECONDS } from '../limits.ts'
import { CREDENTIAL_CODES, type CredentialCode, isCredentialCode } from './subjects.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** Nobody said who may call this. */
export const UNGUARDED = 'route_unguarded'

export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly reason?: string
  readonly decisionId?: string
  readonly hint?: string
}

export interface Problem {
  readonly body: ProblemBody
  readonly headers: Readonly<Record<string, string>>
}

/** A deny of the token itself says that nobody is known. */
const TOKEN_REASONS: Readonly<Record<string, CredentialCode>> = {
  TOKEN_INVALID: 'token_invalid',
  TOKEN_EXPIRED: 'token_expired',
  TOKEN_REVOKED: 'token_revoked',
}
const CREDENTIAL_DETAILS: Readonly<Record<CredentialCode, string>> = {
  credentials_missing: 'An access token is needed.',
  credentials_refused: 'The credentials were refused.',
  token_invalid: 'The access token is not valid.',
  token_expired: 'The access token is over.',
  token_revoked: 'The session of the access token has ended.',
}
/** Fields of a question that come from whoever calls; all others are the application's own. */
const SUBJECT_FIELD = /(?:^|\.)(?:user|tenant|accessToken|access_token)$/

/** @returns `undefined` for what is no error of ours: it is the application's to answer */
export function problemOf(error: unknown, { tellHints = false }: { readonly tellHints?: boolean | undefined } = {}): Problem | undefined {
  if (!(error instanceof CastellanError)) return undefined
  if (error instanceof DeniedError) return deniedProblem(error, tellHints)
  if (error instanceof UnauthenticatedError && isCredentialCode(error.code)) return credentialProblem(error.code)
  if (error instanceof UnavailableError) {
    const seconds = Math.max(1, Math.ceil(error.retryAfterSeconds ?? RETRY_AFTER_SECONDS))
    const detail = 'Whether this is allowed could not be decided. Try again later.'
    return problem(503, 'unavailable', 'Nothing could be decided', detail, {}, { 'retry-after': String(seconds) })
  }
  if (error.code === UNGUARDED)
    return problem(403, UNGUARDED, 'Nobody may do this', 'The application says of nobody that they may do this.')
  const { violations } = error instanceof InvalidRequestError ? error : { violations: [] }
  if (violations.length > 0 && violations.every(({ field }) => SUBJECT_FIELD.test(field)))
    return problem(
      400,
      'request_invalid',
      'The request is invalid',
      'The user or tenant of this request is not one that can be asked about.',
    )
  return problem(500, 'internal', 'Something failed inside', 'Something failed inside; nothing was decided.')
}

/** Whether the application wants to hear of it. That somebody left is nobody's fault. */
export function isOurFault(found: Problem, error: unknown): boolean {
  return found.body.status >= 500 && !(error instanceof UnavailableError && error.code === 'cancelled')
}

function deniedProblem({ decision }: DeniedError, tellHints: boolean): Problem {
  const { reason, decisionId, hint } = decision
  const told = { reason, ...(decisionId === undefined ? {} : { decisionId }), ...(tellHints && hint !== undefined ? { hint } : {}) }
  const code = Object.hasOwn(TOKEN_REASONS, reason) ? TOKEN_REASONS[reason] : undefined
  if (code !== undefined) return credentialProblem(code, told)
  return problem(403, 'denied', 'This is not allowed', 'Whoever called may not do this.', told)
}

function credentialProblem(code: CredentialCode, told: Partial<ProblemBody> = {}): Problem {
  const detail = CREDENTIAL_DETAILS[code]
  const error = CREDENTIAL_CODES[code]
  // RFC 6750, 3.1: who brought nothing is told no error.
  const challenge = error === undefined ? 'Bearer' : `Bearer error="${error}", error_description="${detail}"`
  return problem(401, code, 'Who calls is unknown', detail, told, { 'www-authenticate': challenge })
}

function problem(
  status: number,
  code: string,
  title: string,
  detail: string,
  told: Partial<ProblemBody> = {},
  headers: Readonly<Record<string, string>> = {},
): Problem {
  return {
    body: { type: `urn:castellan:problem:${code}`, title, status, detail, code, ...told },
    headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers },
  }
}
