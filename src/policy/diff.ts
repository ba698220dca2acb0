/** What differs between two bundles. Pure; says nothing of people (a plan does), writes nothing for a terminal. Floor 2. */

import { stableJson } from '../ground/canonical-json.ts'
import type { Condition, PermissionEntry, PolicyBundle, RoleEntry, RoleGrant } from '../model/policy.ts'
import type { FieldChange, GrantChange, PermissionChange, PolicyDiff, ReasonChange, RoleChange } from '../model/policy-diff.ts'
import { canonicalBundle } from './canonical.ts'
import { compareText } from './faults.ts'
import { attributesInWords, conditionInWords, deprecationInWords, durationInWords, loggedInWords } from './words.ts'

/** Empty (see `isEmptyDiff`) exactly when both have one revision. */
export function diffPolicies(before: PolicyBundle, after: PolicyBundle): PolicyDiff {
  const [from, to] = [canonicalBundle(before), canonicalBundle(after)]
  const { kept, added, removed } = pairPermissions(from.permissions, to.permissions)
  const nameAfter = new Map(kept.map(([one, other]) => [one.name, other.name]))
  const roles = pairBy(from.roles, to.roles, (role) => role.name)
  const reserved = pairBy(from.reserved, to.reserved, stableJson)
  const constraints = pairBy(from.constraints, to.constraints, (constraint) => constraint.id)
  return {
    permissions: {
      added,
      removed,
      changed: byName(kept.flatMap(([one, other]) => diffPermission(one, other))),
      renamed: kept
        .filter(([one, other]) => one.name !== other.name || one.code !== other.code)
        .map(([one, other]) => ({ before: { name: one.name, code: one.code }, after: { name: other.name, code: other.code } })),
    },
    reserved: { added: reserved.added, removed: reserved.removed },
    roles: {
      added: roles.added,
      removed: roles.removed,
      changed: roles.kept.flatMap(([one, other]) => diffRole(one, other, nameAfter)),
    },
    constraints: {
      added: constraints.added,
      removed: constraints.removed,
      changed: constraints.kept.flatMap(([one, other]) =>
        stableJson(one) === stableJson(other) ? [] : [{ id: other.id, before: one, after: other }],
      ),
    },
  }
}

/** True: the two mean the same. */
export function isEmptyDiff({ permissions, reserved, roles, constraints }: PolicyDiff): boolean {
  const lists = [permissions, reserved, roles, constraints].flatMap((part): readonly (readonly unknown[])[] => Object.values(part))
  return lists.every((list) => list.length === 0)
}

interface Pairs<T> {
  readonly kept: readonly (readonly [T, T])[]
  readonly added: readonly T[]
  readonly removed: readonly T[]
}

function pairBy<T>(before: readonly T[], after: readonly T[], key: (one: T) => string): Pairs<T> {
  const others = new Map(after.map((one) => [key(one), one]))
  const known = new Set(before.map(key))
  return {
    kept: before.flatMap((one) => {
      const other = others.get(key(one))
      return other === undefined ? [] : [[one, other] as const]
    }),
    added: after.filter((one) => !known.has(key(one))),
    removed: before.filter((one) => !others.has(key(one))),
  }
}

/** The same name is the same permission; of the others, the same code is. */
function pairPermissions(before: readonly PermissionEntry[], after: readonly PermissionEntry[]): Pairs<PermissionEntry> {
  const named = pairBy(before, after, (permission) => permission.name)
  const coded = pairBy(named.removed, named.added, (permission) => permission.code)
  return {
    kept: [...named.kept, ...coded.kept].sort(([a], [b]) => compareText(a.name, b.name)),
    added: coded.added,
    removed: coded.removed,
  }
}

function diffPermission(before: PermissionEntry, after: PermissionEntry): readonly PermissionChange[] {
  const fields = changedFields([
    ['title', before.title, after.title],
    ['service', before.service, after.service],
    ['owner', before.owner, after.owner],
    ['risk', before.risk, after.risk],
    ['stage', before.stage, after.stage],
    ['attributes', attributesInWords(before.attributes), attributesInWords(after.attributes)],
    ['log', loggedInWords(before.log), loggedInWords(after.log)],
    ['deprecated', deprecationInWords(before.deprecated), deprecationInWords(after.deprecated)],
  ])
  return fields.length === 0 ? [] : [{ name: after.name, code: after.code, fields }]
}

/** @param nameAfter of permissions that both bundles have, by the name before */
function diffRole(before: RoleEntry, after: RoleEntry, nameAfter: ReadonlyMap<string, string>): readonly RoleChange[] {
  const fields = changedFields([
    ['title', before.title, after.title],
    ['owner', before.owner, after.owner],
    ['bundle', before.bundle, after.bundle],
    ['assignable', before.assignable, after.assignable],
    ['maxGrant', durationInWords(before.maxGrantMs), durationInWords(after.maxGrantMs)],
  ])
  const held = grantsByPermission(before.grants, nameAfter)
  const holds = grantsByPermission(after.grants)
  const pairs = [...held].flatMap(([permission, grants]) => {
    const others = holds.get(permission)
    return others === undefined ? [] : [{ permission, grants, others }]
  })
  const change = {
    name: after.name,
    fields,
    gained: [...holds].flatMap(([permission, grants]) => (held.has(permission) ? [] : grants)),
    lost: [...held].flatMap(([permission, grants]) => (holds.has(permission) ? [] : grants)),
    changed: pairs.flatMap(({ permission, grants, others }) => diffConditions(permission, grants, others)).sort(byPermission),
    reasons: pairs.flatMap(({ permission, grants, others }) => diffReasons(permission, grants, others)).sort(byPermission),
  }
  return [change.fields, change.gained, change.lost, change.changed, change.reasons].every((list) => list.length === 0) ? [] : [change]
}

function grantsByPermission(
  grants: readonly RoleGrant[],
  nameAfter?: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly RoleGrant[]> {
  const found = new Map<string, RoleGrant[]>()
  for (const grant of grants) {
    const name = nameAfter?.get(grant.permission) ?? grant.permission
    const others = found.get(name)
    if (others === undefined) found.set(name, [grant])
    else others.push(grant)
  }
  return found
}

function diffConditions(permission: string, before: readonly RoleGrant[], after: readonly RoleGrant[]): readonly GrantChange[] {
  const [from, to] = [conditionsOf(before), conditionsOf(after)]
  return stableJson(from) === stableJson(to) ? [] : [{ permission, before: from, after: to }]
}

/** Sorted, each once: two alternatives may differ in their reason only. */
function conditionsOf(grants: readonly RoleGrant[]): readonly Condition[] | 'always' {
  const conditions = new Map<string, Condition>()
  for (const { when } of grants) {
    if (when === undefined) return 'always'
    conditions.set(stableJson(when), when)
  }
  return [...conditions].sort(([a], [b]) => compareText(a, b)).map(([, when]) => when)
}

/** Only of conditions that both sides have: a new condition brings its reason along. */
function diffReasons(permission: string, before: readonly RoleGrant[], after: readonly RoleGrant[]): readonly ReasonChange[] {
  const [from, to] = [reasonsOf(before), reasonsOf(after)]
  const sorted = [...from].sort(([a], [b]) => compareText(a, b))
  const changed = sorted.flatMap(([key, { when, reasons }]) => {
    const others = to.get(key)?.reasons
    return others === undefined || stableJson(others) === stableJson(reasons) ? [] : [{ when, before: reasons, after: others }]
  })
  // Which alternative it is matters only when there are several.
  const prefix = (when: Condition | undefined): string =>
    Math.max(from.size, to.size) > 1 && when !== undefined ? `when ${conditionInWords(when)}: ` : ''
  return changed.map((one) => ({
    permission,
    before: `${prefix(one.when)}${one.before.join('; ') || 'none'}`,
    after: `${prefix(one.when)}${one.after.join('; ') || 'none'}`,
  }))
}

function reasonsOf(
  grants: readonly RoleGrant[],
): ReadonlyMap<string, { readonly when: Condition | undefined; readonly reasons: string[] }> {
  const found = new Map<string, { readonly when: Condition | undefined; readonly reasons: string[] }>()
  for (const { when, reason } of grants) {
    const key = when === undefined ? '' : stableJson(when)
    const known = found.get(key) ?? { when, reasons: [] }
    // The same condition with and without a reason is two grants of the file.
    known.reasons.push(reason ?? '')
    found.set(key, known)
  }
  for (const { reasons } of found.values()) reasons.sort(compareText)
  return found
}

function changedFields(fields: readonly (readonly [string, string, string])[]): readonly FieldChange[] {
  return fields.flatMap(([field, before, after]) => (before === after ? [] : [{ field, before, after }]))
}

function byPermission(a: { readonly permission: string }, b: { readonly permission: string }): number {
  return compareText(a.permission, b.permission)
}

function byName<T extends { readonly name: string }>(list: readonly T[]): readonly T[] {
  return [...list].sort((a, b) => compareText(a.name, b.name))
}
