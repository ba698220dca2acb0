/** Access tokens as we make them (RFC 9068). Does not verify them (verify.ts), nor say what they list (permission-claims.ts). Floor 2. */
import { SignJWT } from 'jose'
import { AppError } from '../ground/errors.ts'
import { ACCESS_TOKEN_CHARACTERS_MAX } from '../model/identity-limits.ts'
import type { SigningKey } from './signing-key.ts'

/** Of no other token that we make: a login link, an invitation or a refresh token never passes for one. */
export const ACCESS_TOKEN_TYPE = 'at+jwt'

/** Seconds since the epoch, as JWTs say them. */
interface CommonClaims {
  readonly iss: string
  /** One, as text; a list of audiences is never made and never taken. */
  readonly aud: string
  readonly sub: string
  readonly client_id: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
}

/** What a token lists is a hint; the decision service is the authority. */
export type PermissionClaims =
  /** Codes, joined by spaces. */
  | { readonly pc: string }
  /** Bits over the permission index, base64url, and the version of that index. */
  | { readonly pb: string; readonly pv: number }
  /** Too many: ask the service. */
  | { readonly pov: true }

export type PersonClaims = CommonClaims &
  PermissionClaims & {
    readonly sid: string
    /** Absent: the person had no tenant. */
    readonly tid?: string
    readonly epoch: number
    readonly auth_time: number
    readonly amr: readonly string[]
  }

/** A caller of ours; `sub` and `client_id` are its id. */
export type ServiceClaims = CommonClaims & {
  /** Names of scopes, joined by spaces (RFC 8693, 4.2). */
  readonly scope: string
}

/** The token would be longer than every proxy carries: list less in it. */
export class AccessTokenSizeError extends AppError<'access_token_too_large'> {
  constructor(characters: number) {
    const message = `An access token would have ${characters} characters, of at most ${ACCESS_TOKEN_CHARACTERS_MAX}`
    super('access_token_too_large', message, 'The access token would be too large.')
  }
}

/** @throws AccessTokenSizeError */
export async function signAccessToken(claims: PersonClaims | ServiceClaims, key: SigningKey): Promise<string> {
  const token = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: key.algorithm, typ: ACCESS_TOKEN_TYPE, kid: key.kid })
    .sign(key.privateKey)
  if (token.length > ACCESS_TOKEN_CHARACTERS_MAX) throw new AccessTokenSizeError(token.length)
  return token
}
