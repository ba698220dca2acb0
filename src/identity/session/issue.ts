/** Issues access tokens for people and services (RFC 9068). What they list is a hint: the decision service is the authority. Floor 5. */
import type { AccessResolver } from '../../access/resolve.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { CompiledPolicy, RoleSet } from '../../model/compiled-policy.ts'
import type { SessionRecord } from '../../model/identity.ts'
import { SERVICE_TOKEN_SECONDS_MAX } from '../../model/identity-limits.ts'
import { REQUEST_TIMEOUT_MS } from '../../model/limits.ts'
import { AccessTokenSizeError, type PermissionClaims, type PersonClaims, signAccessToken } from '../../token/access-token.ts'
import { openRoleSet, permissionClaims, unconditionalPermissions } from '../../token/permission-claims.ts'
import type { SigningKey } from '../../token/signing-key.ts'
import type { TokenIssuer } from '../ports.ts'
import type { PermissionIndex } from './permission-index.ts'

export interface IssuerNeeds {
  readonly issuer: string
  readonly audience: string
  /** Life of an access token. */
  readonly accessTokenSeconds: number
  readonly clock: Clock
  readonly random: Random
  /** The key to sign with now. */
  readonly keys: { current(): Promise<SigningKey> }
  readonly resolver: Pick<AccessResolver, 'resolve'>
  readonly permissionIndex: PermissionIndex
  readonly observe: { issued(token: { readonly characters: number; readonly permissions: keyof typeof FORMS }): void }
}

const FORMS = { codes: true, bits: true, overage: true, none: true } as const
const NOTHING: PermissionClaims = { pc: '' }

export function openTokenIssuer(needs: IssuerNeeds): TokenIssuer {
  const { issuer: iss, audience: aud, clock, random } = needs
  /** A set of roles is of one policy and shared by all who hold just these. */
  const claimsOfRoles = new WeakMap<RoleSet, PermissionClaims>()

  async function claimsOf(policy: CompiledPolicy, roles: RoleSet): Promise<PermissionClaims> {
    const made = claimsOfRoles.get(roles)
    if (made !== undefined) return made
    const claims = permissionClaims(unconditionalPermissions(policy, roles), await needs.permissionIndex.forPolicy(policy))
    claimsOfRoles.set(roles, claims)
    return claims
  }

  async function permissionsOf(session: SessionRecord): Promise<PermissionClaims> {
    if (session.tenant === null) return NOTHING
    const found = await needs.resolver.resolve(session.tenant, session.user, undefined, AbortSignal.timeout(REQUEST_TIMEOUT_MS))
    const roles = openRoleSet(found.policy, found.value)
    return roles === undefined ? NOTHING : await claimsOf(found.policy, roles)
  }

  async function signWithin(
    claims: PersonClaims,
    key: SigningKey,
  ): Promise<{ readonly accessToken: string; readonly claims: PersonClaims }> {
    try {
      return { accessToken: await signAccessToken(claims, key), claims }
    } catch (fault) {
      if (!(fault instanceof AccessTokenSizeError) || 'pov' in claims) throw fault
    }
    // Long ids left no room: what a token lists can be asked for, so it goes first.
    const { pc, pb, pv, ...rest } = { pc: undefined, pb: undefined, pv: undefined, ...claims }
    const short = { ...rest, pov: true } as const
    return { accessToken: await signAccessToken(short, key), claims: short }
  }

  return {
    async issueForSession(session) {
      const permissions = await permissionsOf(session)
      const key = await needs.keys.current()
      const nowMs = clock.nowMs()
      const { iat, exp } = window(nowMs, needs.accessTokenSeconds, Math.min(session.expiresAtMs, session.idleExpiresAtMs))
      const claims: PersonClaims = {
        iss,
        aud,
        sub: session.user,
        client_id: session.clientId,
        iat,
        exp,
        jti: random.uuid(),
        sid: session.id,
        ...(session.tenant === null ? {} : { tid: session.tenant }),
        // The session's, not the account's: a token of a session from before a deactivation never becomes good again.
        epoch: session.epoch,
        auth_time: Math.floor(session.authenticatedAtMs / 1_000),
        amr: session.amr,
        ...permissions,
      }
      const { accessToken, claims: signed } = await signWithin(claims, key)
      const form = 'pov' in signed ? 'overage' : 'pb' in signed ? 'bits' : 'codes'
      needs.observe.issued({ characters: accessToken.length, permissions: form })
      return { accessToken, expiresInSeconds: exp - iat }
    },
    async issueForService(caller, scopes) {
      const key = await needs.keys.current()
      const seconds = Math.min(needs.accessTokenSeconds, SERVICE_TOKEN_SECONDS_MAX)
      const { iat, exp } = window(clock.nowMs(), seconds, caller.expiresAtMs ?? Number.POSITIVE_INFINITY)
      const identity = { iss, aud, sub: caller.id, client_id: caller.id }
      const accessToken = await signAccessToken({ ...identity, iat, exp, jti: random.uuid(), scope: scopes.join(' ') }, key)
      needs.observe.issued({ characters: accessToken.length, permissions: 'none' })
      return { accessToken, expiresInSeconds: exp - iat }
    },
  }
}

/** Never beyond the end of what the token stands for; what ends within this second is over at once. */
function window(nowMs: number, seconds: number, endMs: number): { readonly iat: number; readonly exp: number } {
  const iat = Math.floor(nowMs / 1_000)
  return { iat, exp: Math.max(iat, Math.min(iat + seconds, Math.floor(endMs / 1_000))) }
}
