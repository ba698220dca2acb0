/** A payload → claims of ours, each held against its type and bounds. Checks no signature and no time of day (verify.ts). Floor 2. */
import { SCOPES, type Scope } from '../model/caller.ts'
import { ACCESS_TOKEN_SECONDS_MAX, SERVICE_TOKEN_SECONDS_MAX } from '../model/identity-limits.ts'
import { idFault } from '../model/ids.ts'
import type { PermissionClaims, PersonClaims, ServiceClaims } from './access-token.ts'

/** Whom a token proves. Frozen by type only: it is shared by everybody who presents the same token. */
export type TokenClaims =
  | { readonly kind: 'person'; readonly claims: PersonClaims }
  | { readonly kind: 'service'; readonly claims: ServiceClaims; readonly scopes: readonly Scope[] }

type Payload = Readonly<Record<string, unknown>>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const BITS = /^[A-Za-z0-9_-]*$/
const METHODS_MAX = 10

/**
 * A person has a session and a service has scopes: what has both or neither is no token of ours. Claims that we do not know are left out, so
 * that an issuer may be newer than we are.
 */
export function readClaims(payload: Payload): TokenClaims | undefined {
  const { iss, aud, sub, client_id, iat, exp, jti, sid, scope } = payload
  if (!isText(iss) || !isText(aud) || !isId(sub) || !isId(client_id) || !isText(jti) || !isCount(iat) || !isCount(exp)) return undefined
  if (exp <= iat) return undefined
  const common = { iss, aud, sub, client_id, iat, exp, jti }
  if (sid !== undefined && scope === undefined) {
    const person = exp - iat > ACCESS_TOKEN_SECONDS_MAX ? undefined : readPerson(payload)
    return person === undefined ? undefined : { kind: 'person', claims: { ...common, ...person } }
  }
  if (scope === undefined || sid !== undefined || exp - iat > SERVICE_TOKEN_SECONDS_MAX || client_id !== sub) return undefined
  const scopes = readScopes(scope)
  return scopes === undefined ? undefined : { kind: 'service', claims: { ...common, scope: scopes.join(' ') }, scopes }
}

function readPerson(payload: Payload): (Pick<PersonClaims, 'sid' | 'tid' | 'epoch' | 'auth_time' | 'amr'> & PermissionClaims) | undefined {
  const { sid, tid, epoch, auth_time, amr } = payload
  if (typeof sid !== 'string' || !UUID.test(sid) || !isCount(epoch) || !isCount(auth_time)) return undefined
  if (tid !== undefined && !isId(tid)) return undefined
  if (!Array.isArray(amr) || amr.length > METHODS_MAX || !amr.every(isText)) return undefined
  const permissions = readPermissions(payload)
  return permissions && { sid, ...(tid === undefined ? {} : { tid }), epoch, auth_time, amr, ...permissions }
}

/** Exactly one form. */
function readPermissions({ pc, pb, pv, pov }: Payload): PermissionClaims | undefined {
  const isBits = pb !== undefined || pv !== undefined
  if (Number(pc !== undefined) + Number(isBits) + Number(pov !== undefined) !== 1) return undefined
  if (typeof pc === 'string') return { pc }
  if (pov === true) return { pov }
  return typeof pb === 'string' && BITS.test(pb) && isCount(pv) ? { pb, pv } : undefined
}

function readScopes(scope: unknown): readonly Scope[] | undefined {
  if (typeof scope !== 'string') return undefined
  const names = scope.split(' ')
  const scopes = SCOPES.filter((known) => names.includes(known))
  // One that we do not know, or one twice, was never granted by us.
  return scopes.length === names.length ? scopes : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && idFault(value) === undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
