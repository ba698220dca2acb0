/** A bundle to something that answers: indexes, role sets, suggestions. Pure; the bundle was validated before. Floor 2. */
import { LRUCache } from 'lru-cache'
import { NameList } from '../ground/nearest.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { PermissionEntry, PolicyBundle } from '../model/policy.ts'
import { SUGGESTIONS_KEPT_MAX } from '../model/policy-limits.ts'
import { canonicalBundle, canonicalText, revisionOf } from './canonical.ts'
import { compareText, PolicyError } from './faults.ts'
import { matchesPattern } from './pattern.ts'
import { type CompiledRole, compileRole, RoleSets } from './role-set.ts'

/**
 * @param stored the revision that this bundle is stored as, when the stored text was found to have this hash: it is not worked out again
 * @throws PolicyError when the bundle is not sound in itself (it never went through validation)
 */
export function compilePolicy(bundle: PolicyBundle, stored?: string): CompiledPolicy {
  const canonical = canonicalBundle(bundle)
  const permissions = indexPermissions(canonical.permissions)
  const roleEntries = new Map(canonical.roles.map((role) => [role.name, role]))
  const compiled = new Map<string, CompiledRole>()
  for (const role of canonical.roles) {
    try {
      compiled.set(
        role.name,
        compileRole(role, (name) => {
          const permission = permissions.get(name)
          if (permission?.name !== name) throw new RangeError(`permission "${name}" is in no catalogue`)
          return permission.attributes
        }),
      )
    } catch (cause) {
      throw unsound(`role "${role.name}": ${cause instanceof Error ? cause.message : String(cause)}`)
    }
  }
  const granting = indexGranting(canonical)
  const roleSets = new RoleSets(compiled)
  const unlimited = canonical.constraints.filter((constraint) => constraint.tenants === undefined)
  return {
    revision: stored ?? revisionOf(canonicalText(canonical)),
    bundle: canonical,
    findPermission: (nameOrCode) => permissions.get(nameOrCode),
    findRole: (name) => roleEntries.get(name),
    suggestPermission: suggester(permissions.keys()),
    suggestRole: suggester(roleEntries.keys()),
    roleSet: (roles) => roleSets.get(roles),
    rolesGranting: (permission) => granting.get(permission) ?? [],
    constraintsFor: (tenant) =>
      unlimited.length === canonical.constraints.length
        ? unlimited
        : canonical.constraints.filter(
            ({ tenants }) => tenants === undefined || tenants.some((pattern) => matchesPattern(pattern, tenant)),
          ),
  }
}

function indexPermissions(entries: readonly PermissionEntry[]): ReadonlyMap<string, PermissionEntry> {
  const index = new Map<string, PermissionEntry>()
  for (const entry of entries)
    for (const key of new Set([entry.name, entry.code])) {
      if (index.has(key)) throw unsound(`"${key}" is the name or code of two permissions`)
      index.set(key, entry)
    }
  return index
}

function indexGranting(bundle: PolicyBundle): ReadonlyMap<string, readonly string[]> {
  const granting = new Map<string, string[]>()
  for (const role of bundle.roles)
    for (const permission of new Set(role.grants.map((grant) => grant.permission))) {
      const roles = granting.get(permission)
      if (roles === undefined) granting.set(permission, [role.name])
      else roles.push(role.name)
    }
  for (const roles of granting.values()) roles.sort(compareText)
  return granting
}

/** Remembers its answers: a caller with a typing error repeats it, thousands of times a second if it may. */
function suggester(names: Iterable<string>): (wanted: string) => string | undefined {
  const known = new NameList(names)
  const answers = new LRUCache<string, { readonly nearest: string | undefined }>({ max: SUGGESTIONS_KEPT_MAX })
  return (wanted) => {
    const remembered = answers.get(wanted)
    if (remembered !== undefined) return remembered.nearest
    const nearest = known.findNearest(wanted)
    answers.set(wanted, { nearest })
    return nearest
  }
}

function unsound(message: string): PolicyError {
  return new PolicyError([{ file: 'bundle', line: 1, col: 1, severity: 'error', code: 'invalid-value', message }])
}
