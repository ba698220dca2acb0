/** Faults of meaning in role bundles: names, sets, grants, windows of temporary roles. Floor 2. */

import { didYouMean } from '../ground/nearest.ts'
import { GRANTS_MAX, MAX_GRANT_DAYS_MAX, ROLES_MAX } from '../model/policy-limits.ts'
import { checkCondition } from './check-condition.ts'
import { parseDurationMs } from './grammar.ts'
import { checkName, checkNew, checkPermissionReference, type Names, textItems, warnRepeated } from './names.ts'
import { clip } from './parse.ts'
import { childOf, entriesOf, type FaultList, itemsOf, type Place, type SourceEntry, type SourceNode, textOf } from './source.ts'

/** Sets of all files: before any role, for a role may include a set of another file. */
export function collectSets(root: SourceNode, names: Names, faults: FaultList): void {
  for (const { key, keyAt, value } of entriesOf(childOf(root, 'sets'))) {
    checkName('set', key, keyAt, faults)
    const items = textItems(value)
    if (checkNew('set', key, names.sets, keyAt, faults)) names.sets.set(key, { at: keyAt, permissions: items.map(({ text }) => text) })
  }
}

export function collectRoles(root: SourceNode, names: Names, faults: FaultList): void {
  for (const { key, keyAt, value } of entriesOf(childOf(root, 'roles'))) {
    checkName('role', key, keyAt, faults)
    const direct = itemsOf(childOf(value, 'permissions')).map(grantedName)
    const includes = textItems(childOf(value, 'include'))
    // Also of a role that is given twice: it is looked at, too.
    countGrants(keyAt, direct.length, names, faults)
    for (const { text, at } of includes) countGrants(at, names.sets.get(text)?.permissions.length ?? 0, names, faults)
    if (!checkNew('role', key, names.roles, keyAt, faults)) continue
    const included = expand(includes, names)
    names.roles.set(key, {
      at: keyAt,
      temporary: textOf(childOf(value, 'assignable')) === 'temporary',
      maxGrantMs: parseDurationMs(textOf(childOf(value, 'maxGrant')) ?? ''),
      permissions: new Set([...direct.filter((name) => name !== undefined), ...included]),
    })
  }
}

function countGrants(at: Place, count: number, names: Names, faults: FaultList): void {
  if (names.grants.add(count))
    faults.error(
      at,
      'limit-exceeded',
      `the roles together grant more than ${GRANTS_MAX} permissions, each set counted wherever it is included`,
      'include smaller sets, or in fewer roles',
    )
}

/** Permissions of the sets; none when all together would be too many. */
function expand(includes: readonly { readonly text: string }[], names: Names): readonly string[] {
  return names.grants.isOver ? [] : includes.flatMap(({ text }) => names.sets.get(text)?.permissions ?? [])
}

/** When all names of all files are known. */
export function checkRoleBundle(root: SourceNode, names: Names, faults: FaultList): void {
  for (const set of entriesOf(childOf(root, 'sets'))) checkSet(set, names, faults)
  for (const role of entriesOf(childOf(root, 'roles'))) checkRole(role, names, faults)
}

export function checkRoleCount(names: Names, faults: FaultList): void {
  const first = names.roles.values().next().value
  if (first !== undefined && names.roles.size > ROLES_MAX)
    faults.error(first.at, 'limit-exceeded', `more than ${ROLES_MAX} roles in one bundle`)
}

function checkSet({ value }: SourceEntry, names: Names, faults: FaultList): void {
  const items = textItems(value)
  warnRepeated(items, faults)
  for (const { text, at } of items) {
    if (names.sets.has(text))
      faults.error(at, 'set-in-set', `"${text}" is a set: sets have one level only`, 'include both sets in the role')
    else checkGranted(text, at, names, faults)
  }
}

function checkRole({ key: name, value }: SourceEntry, names: Names, faults: FaultList): void {
  checkMaxGrant(value, faults)
  const includes = textItems(childOf(value, 'include'))
  warnRepeated(includes, faults)
  for (const { text, at } of includes) {
    names.setsInUse.add(text)
    if (names.sets.has(text)) continue
    faults.error(at, 'unknown-set', `set "${clip(text)}" is in no role bundle`, () =>
      names.roles.has(text) ? 'it is a role, and roles do not include roles' : didYouMean(text, names.sets.keys()),
    )
  }
  const unconditional = new Set(expand(includes, names))
  const grants = itemsOf(childOf(value, 'permissions'))
  warnRepeated(
    grants.flatMap((grant) => (textOf(grant) === undefined ? [] : [{ text: textOf(grant) ?? '', at: grant.at }])),
    faults,
  )
  for (const grant of grants) {
    const granted = grantedName(grant)
    if (granted !== undefined && childOf(grant, 'when') === undefined) unconditional.add(granted)
  }
  for (const grant of grants) checkGrant(name, grant, unconditional, names, faults)
}

function checkGrant(role: string, grant: SourceNode, unconditional: ReadonlySet<string>, names: Names, faults: FaultList): void {
  const granted = grantedName(grant)
  const node = grant.kind === 'map' ? childOf(grant, 'permission') : grant
  if (granted === undefined || node === undefined) return
  if (names.sets.has(granted)) faults.error(node.at, 'unknown-permission', `"${granted}" is a set`, 'move it to "include"')
  else checkGranted(granted, node.at, names, faults)
  const when = childOf(grant, 'when')
  const reason = childOf(grant, 'reason')
  if (when === undefined) {
    if (reason !== undefined)
      faults.warn(reason.at, 'condition-without-effect', '"reason" is only shown when a condition fails, and there is none')
    return
  }
  checkCondition(when, names.permissions.get(granted)?.attributes, faults)
  if (unconditional.has(granted))
    faults.error(
      when.at,
      'condition-without-effect',
      `role "${role}" also grants "${granted}" without a condition, so this one never matters`,
    )
}

function checkGranted(permission: string, at: Place, names: Names, faults: FaultList): void {
  checkPermissionReference(permission, at, names, faults)
  const known = names.permissions.get(permission)
  if (known?.deprecated === true)
    faults.warn(
      at,
      'deprecated-in-use',
      `permission "${permission}" is deprecated`,
      known.replacedBy === undefined ? undefined : `use "${known.replacedBy}"`,
    )
}

function checkMaxGrant(role: SourceNode, faults: FaultList): void {
  const node = childOf(role, 'maxGrant')
  const text = textOf(node)
  if (node === undefined || text === undefined) return
  if (parseDurationMs(text) === undefined)
    faults.error(
      node.at,
      'max-grant-invalid',
      `"${clip(text)}" is no duration between a minute and ${MAX_GRANT_DAYS_MAX} days`,
      'ISO 8601 with weeks, days, hours or minutes: PT12H, P14D, P1DT12H',
    )
  if (textOf(childOf(role, 'assignable')) !== 'temporary')
    faults.error(node.at, 'max-grant-without-temporary', '"maxGrant" is only for temporary roles', 'add "assignable: temporary"')
}

/** A grant is a name, or a mapping with one. */
function grantedName(grant: SourceNode): string | undefined {
  return textOf(grant.kind === 'map' ? childOf(grant, 'permission') : grant)
}
