/** Who calls the application, read from a request. Decides nothing. Floor 6. */
import type { Subject } from '../client.ts'
import { CastellanError, UnauthenticatedError } from '../errors.ts'
import { AUTHORIZATION_CHARACTERS_MAX } from '../limits.ts'
import type { TokenVerifier } from './token-verifier.ts'

/** `undefined`: nobody, which is answered with 401. What it throws is never a way through. */
export type SubjectOf<Request> = (request: Request) => Subject | undefined | Promise<Subject | undefined>

/** What every HTTP framework's request has; gRPC calls are shown in this form. */
export interface WithHeaders {
  readonly headers: { readonly authorization?: string | undefined }
}

/** Codes of an `UnauthenticatedError` that is about whoever calls the application; with any other it is about the application's own key. */
export const CREDENTIAL_CODES = {
  credentials_missing: undefined,
  credentials_refused: 'invalid_token',
  token_invalid: 'invalid_token',
  token_expired: 'invalid_token',
  token_revoked: 'invalid_token',
} as const satisfies Record<string, string | undefined>
export type CredentialCode = keyof typeof CREDENTIAL_CODES

export function isCredentialCode(code: string): code is CredentialCode {
  return Object.hasOwn(CREDENTIAL_CODES, code)
}

export interface BearerOptions<Request> {
  /** The tenant that is asked about, beside tokens that are for none. */
  readonly tenant?: (request: Request) => string | undefined
}

/** RFC 6750, 2.1: one scheme, one token. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i
const SCHEME = /^bearer(?: |$)/i

/**
 * The bearer token of the request, as it is: the service looks at its signature, session and revocation at every check.
 * @throws UnauthenticatedError `token_invalid` for a bearer header that holds no token
 */
export function bearer<Request extends WithHeaders = WithHeaders>({ tenant }: BearerOptions<Request> = {}): SubjectOf<Request> {
  return (request) => {
    const accessToken = bearerToken(request)
    if (accessToken === undefined) return undefined
    const asked = tenant?.(request)
    return asked === undefined ? { accessToken } : { accessToken, tenant: asked }
  }
}

/**
 * The bearer token is verified here, and the service (or this process, with local checks) is asked by user and tenant. A session that ends
 * goes unnoticed until its token does; `bearer()` notices at once.
 * @throws UnauthenticatedError `token_invalid`, `token_expired`
 * @throws UnavailableError when the keys cannot be had
 */
export function verified<Request extends WithHeaders = WithHeaders>(
  verifier: TokenVerifier,
  { tenant }: BearerOptions<Request> = {},
): SubjectOf<Request> {
  return async (request) => {
    const accessToken = bearerToken(request)
    if (accessToken === undefined) return undefined
    const token = await verifier.verify(accessToken)
    const asked = token.tenant === undefined ? tenant?.(request) : token.tenant
    if (asked !== undefined) return { user: token.user, tenant: asked }
    throw new UnauthenticatedError('The token is for no tenant, and the application names none', {
      code: 'credentials_refused',
      hint: 'Give verified() a `tenant`, or let people log in for one.',
    })
  }
}

/** @throws CastellanError about whoever calls the application, whatever the application's own function threw */
export async function subjectOf<Request>(read: SubjectOf<Request>, request: Request): Promise<Subject> {
  let subject: Subject | undefined
  try {
    subject = await read(request)
  } catch (fault) {
    throw aboutCaller(fault)
  }
  if (subject === undefined || subject === null) {
    throw new UnauthenticatedError('No credentials', { code: 'credentials_missing', hint: 'Send an access token: Authorization: Bearer …' })
  }
  return readSubject(subject)
}

/** An `UnauthenticatedError` with a code of the application's own is about its caller; the service's own code is about the application's key. */
function aboutCaller(fault: unknown): unknown {
  if (!(fault instanceof UnauthenticatedError) || fault.code === 'unauthenticated' || isCredentialCode(fault.code)) return fault
  return new UnauthenticatedError('The credentials were refused', { code: 'credentials_refused', cause: fault })
}

/** Exactly one of the two forms: what asks about nobody, or about two at once, must not be asked at all. */
function readSubject(subject: Subject): Subject {
  const { user, tenant, accessToken } = subject
  if (isText(accessToken) && user === undefined && (tenant === undefined || isText(tenant)))
    return tenant === undefined ? { accessToken } : { accessToken, tenant }
  if (accessToken === undefined && isText(user) && isText(tenant)) return { user, tenant }
  throw new CastellanError('The subject of a request is { user, tenant } or { accessToken }, of texts that are not empty', {
    code: 'subject_unusable',
    hint: 'Look at the `subject` function of the guard; it returns undefined for nobody.',
  })
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Another scheme is no token: nobody has authenticated in a way that we know. */
function bearerToken(request: WithHeaders): string | undefined {
  const { authorization } = request.headers
  if (typeof authorization !== 'string' || !SCHEME.test(authorization)) return undefined
  const token = authorization.length > AUTHORIZATION_CHARACTERS_MAX ? undefined : BEARER.exec(authorization)?.[1]
  if (token !== undefined) return token
  throw new UnauthenticatedError('The bearer header holds no token', { code: 'token_invalid' })
}
