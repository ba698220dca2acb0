/** How large the permission claim of a token is for a set of roles. Makes no token (identity/session/issue.ts does). Pure. Floor 3. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { PermissionEntry } from '../../model/policy.ts'
import type { ClaimSize } from '../../model/policy-release.ts'
import { compareText } from '../../policy/faults.ts'
import { type PermissionBits, permissionClaims, unconditionalPermissions } from '../../token/permission-claims.ts'
import type { Pace } from './pace.ts'

/** @param bits with each permission of the policy (`foreseenBits`): one without a bit cannot travel as bits */
export function claimSizeOf(policy: CompiledPolicy, roles: Iterable<string>, bits: PermissionBits): ClaimSize {
  return sizeOf(unconditionalPermissions(policy, policy.roleSet(roles)), bits)
}

function sizeOf(listed: readonly PermissionEntry[], bits: PermissionBits): ClaimSize {
  const codeCharacters = listed.reduce((sum, permission) => sum + permission.code.length + 1, 0) - (listed.length > 0 ? 1 : 0)
  const claims = permissionClaims(listed, bits)
  const permissions = listed.length
  if ('pc' in claims) return { permissions, form: 'codes', characters: claims.pc.length, codeCharacters }
  if ('pb' in claims) return { permissions, form: 'bits', characters: claims.pb.length, codeCharacters }
  return { permissions, form: 'overage', characters: 0, codeCharacters }
}

/** The same for many sets: what one role lists is found once. */
export class ClaimSizes {
  readonly #policy: CompiledPolicy
  readonly #bits: PermissionBits
  readonly #pace: Pace
  readonly #listedBy = new Map<string, readonly PermissionEntry[]>()

  constructor(policy: CompiledPolicy, bits: PermissionBits, pace: Pace) {
    this.#policy = policy
    this.#bits = bits
    this.#pace = pace
  }

  async of(roles: Iterable<string>): Promise<ClaimSize> {
    const listed = await this.#listed(roles)
    if (this.#pace.took(1 + listed.length)) await this.#pace.rest()
    return sizeOf(listed, this.#bits)
  }

  async #listed(roles: Iterable<string>): Promise<readonly PermissionEntry[]> {
    const known = [...new Set(roles)].filter((role) => this.#policy.findRole(role) !== undefined)
    const [first] = known
    if (known.length === 1 && first !== undefined) return this.#ofRole(first)
    const listed = new Map<string, PermissionEntry>()
    for (const role of known) {
      const own = this.#ofRole(role)
      for (const permission of own) listed.set(permission.name, permission)
      if (this.#pace.took(1 + own.length)) await this.#pace.rest()
    }
    return [...listed.values()].sort((a, b) => compareText(a.name, b.name))
  }

  /** Role by role, and not the compiled set of all: a look at everybody's sets must not push those that checks need out of memory. */
  #ofRole(role: string): readonly PermissionEntry[] {
    const known = this.#listedBy.get(role) ?? unconditionalPermissions(this.#policy, this.#policy.roleSet([role]))
    this.#listedBy.set(role, known)
    return known
  }
}

/** The index as it will be once these policies were in force, one after the other: what is new is appended in the order of its bundle. */
export function foreseenBits(bits: PermissionBits, policies: readonly CompiledPolicy[]): PermissionBits {
  const added = new Map<string, number>()
  const keyOf = (permission: Pick<PermissionEntry, 'name' | 'code'>): string => `${permission.name}\n${permission.code}`
  for (const policy of policies)
    for (const permission of policy.bundle.permissions)
      if (bits.bitOf(permission) === undefined && !added.has(keyOf(permission))) added.set(keyOf(permission), bits.version + added.size)
  return { version: bits.version + added.size, bitOf: (permission) => bits.bitOf(permission) ?? added.get(keyOf(permission)) }
}
