/** What an access token lists of a person's permissions: codes, bits, or that there are too many. A hint, never a decision. Pure. Floor 2. */
import { type AccessState, inForce } from '../model/access-state.ts'
import type { CompiledPolicy, RoleSet } from '../model/compiled-policy.ts'
import type { PermissionIndexEntry } from '../model/identity.ts'
import { PERMISSION_CLAIM_CHARACTERS_MAX } from '../model/identity-limits.ts'
import type { PermissionEntry } from '../model/policy.ts'
import type { PermissionClaims } from './access-token.ts'

/** The append-only index as far as it is known here. */
export interface PermissionBits {
  /** Number of entries. */
  readonly version: number
  bitOf(permission: Pick<PermissionEntry, 'name' | 'code'>): number | undefined
}

/** @param entries the whole index */
export function bitsOf(entries: readonly PermissionIndexEntry[]): PermissionBits {
  // Neither a name nor a code has a line break.
  const keyOf = ({ name, code }: Pick<PermissionEntry, 'name' | 'code'>): string => `${name}\n${code}`
  const bits = new Map(entries.map((entry) => [keyOf(entry), entry.bit]))
  return { version: entries.length, bitOf: (permission) => bits.get(keyOf(permission)) }
}

/** Roles in force at the time of the state; `undefined` where nothing at all can be allowed. */
export function openRoleSet(policy: CompiledPolicy, state: AccessState): RoleSet | undefined {
  if (state.tenant === undefined || state.tenant.suspended || state.user === undefined || state.user.deactivated) return undefined
  return policy.roleSet(state.assignments.filter((held) => inForce(held, state.readAtMs)).map((held) => held.role))
}

/** Those that a role grants whatever the resource; what depends on one cannot be told before, and a disabled one is denied to all. */
export function unconditionalPermissions(policy: CompiledPolicy, roles: RoleSet): readonly PermissionEntry[] {
  return roles.permissions.flatMap((name) => {
    const entry = policy.findPermission(name)
    if (entry === undefined || entry.stage === 'disabled') return []
    return roles.waysTo(name).some((way) => !way.conditional) ? [entry] : []
  })
}

/** The shortest form that people can read first: codes, then bits; when neither fits, the service has to be asked. */
export function permissionClaims(listed: readonly PermissionEntry[], bits: PermissionBits): PermissionClaims {
  const codes = listed.map((permission) => permission.code).join(' ')
  if (codes.length <= PERMISSION_CLAIM_CHARACTERS_MAX) return { pc: codes }
  const set = bitset(listed, bits)
  return set === undefined || set.length > PERMISSION_CLAIM_CHARACTERS_MAX ? { pov: true } : { pb: set, pv: bits.version }
}

/** Bit n is bit n mod 8, from the lowest, of byte n div 8; bytes after the last one that is set are left out. */
function bitset(listed: readonly PermissionEntry[], { bitOf }: PermissionBits): string | undefined {
  const positions: number[] = []
  for (const permission of listed) {
    const bit = bitOf(permission)
    if (bit === undefined) return undefined
    positions.push(bit)
  }
  const last = positions.reduce((highest, bit) => Math.max(highest, bit), -1)
  // Four characters for three bytes: what cannot fit is not made.
  if (last >= PERMISSION_CLAIM_CHARACTERS_MAX * 6) return undefined
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1)
  for (const bit of positions) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7))
  return bytes.toString('base64url')
}
