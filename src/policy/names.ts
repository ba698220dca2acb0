/** Checks of single names, and what the names of all files together are. Floor 2. */

import { didYouMean } from '../ground/nearest.ts'
import type { AttributeType } from '../model/policy.ts'
import { CONSTRAINT_PERMISSIONS_MAX, GRANTS_MAX, POLICY_TEST_STEPS_MAX } from '../model/policy-limits.ts'
import { isPermissionName, isReservedWord, isRoleName } from './grammar.ts'
import { clip } from './parse.ts'
import type { FaultList, Place, SourceNode } from './source.ts'
import { Tally } from './tally.ts'

export interface KnownPermission {
  readonly at: Place
  readonly deprecated: boolean
  readonly replacedBy: string | undefined
  readonly attributes: ReadonlyMap<string, AttributeType>
}
export interface KnownSet {
  readonly at: Place
  readonly permissions: readonly string[]
}
export interface KnownRole {
  readonly at: Place
  readonly temporary: boolean
  readonly maxGrantMs: number | undefined
  /** Every permission it grants, with or without a condition. */
  readonly permissions: ReadonlySet<string>
}

/** All names of all files, also of entries that are otherwise at fault: a reference to them is no second fault. */
export interface Names {
  readonly permissions: Map<string, KnownPermission>
  /** Code to permission. */
  readonly codes: Map<string, { readonly at: Place; readonly permission: string }>
  /** Names and codes of tombstones. */
  readonly retired: Map<string, Place>
  readonly sets: Map<string, KnownSet>
  /** Sets that some role includes. */
  readonly setsInUse: Set<string>
  readonly roles: Map<string, KnownRole>
  /** By id. */
  readonly constraints: Map<string, { readonly at: Place }>
  /** Of all roles, sets expanded. */
  readonly grants: Tally
  readonly constraintPermissions: Tally
  readonly testSteps: Tally
}

export function openNames(): Names {
  return {
    permissions: new Map(),
    codes: new Map(),
    retired: new Map(),
    sets: new Map(),
    setsInUse: new Set(),
    roles: new Map(),
    constraints: new Map(),
    grants: new Tally(GRANTS_MAX),
    constraintPermissions: new Tally(CONSTRAINT_PERMISSIONS_MAX),
    testSteps: new Tally(POLICY_TEST_STEPS_MAX),
  }
}

export type NameKind = 'permission' | 'role' | 'set' | 'constraint'

/** Says what is wrong with a name where it is given; true for a good one. */
export function checkName(kind: NameKind, name: string, at: Place, faults: FaultList): boolean {
  if (isReservedWord(name)) {
    faults.error(at, 'reserved-word', `"${name}" stands for everything and is no name`)
    return false
  }
  if (name.includes('*')) {
    faults.error(
      at,
      'wildcard-refused',
      `"${clip(name)}" has a wildcard`,
      'name each permission: a new one must not enter a role by itself',
    )
    return false
  }
  if (kind === 'permission' ? isPermissionName(name) : isRoleName(name)) return true
  const form =
    kind === 'permission'
      ? 'two to five lower-case words with dots between, such as finance.invoice.read'
      : 'a lower-case word without a dot, such as dim-physician'
  faults.error(at, 'invalid-name', `"${clip(name)}" is no ${kind} name`, form)
  return false
}

/** A name given a second time, in whatever file; true when it is new. */
export function checkNew(
  what: string,
  name: string,
  known: ReadonlyMap<string, { readonly at: Place }>,
  at: Place,
  faults: FaultList,
): boolean {
  const first = known.get(name)?.at
  if (first === undefined) return true
  faults.error(at, 'duplicate-name', `${what} "${clip(name)}" is given a second time`, `first in ${first.file}:${first.line}`)
  return false
}

/** A permission named by a role, set, constraint or test. */
export function checkPermissionReference(name: string, at: Place, names: Names, faults: FaultList): void {
  if (names.permissions.has(name)) return
  const code = names.codes.get(name)
  if (code !== undefined) faults.error(at, 'unknown-permission', `"${name}" is a code`, `write its name, "${code.permission}"`)
  else if (isReservedWord(name) || name.includes('*')) checkName('permission', name, at, faults)
  else if (names.retired.has(name)) faults.error(at, 'unknown-permission', `permission "${name}" was removed`)
  else
    faults.error(at, 'unknown-permission', `permission "${clip(name)}" is in no catalogue`, () =>
      didYouMean(name, names.permissions.keys()),
    )
}

export function checkRoleReference(name: string, at: Place, names: Names, faults: FaultList): void {
  if (!names.roles.has(name))
    faults.error(at, 'unknown-role', `role "${clip(name)}" is in no role bundle`, () => didYouMean(name, names.roles.keys()))
}

export function checkConstraintReference(id: string, at: Place, names: Names, faults: FaultList): void {
  if (!names.constraints.has(id))
    faults.error(at, 'unknown-constraint', `constraint "${clip(id)}" is in no file`, () => didYouMean(id, names.constraints.keys()))
}

/** Texts of a list with their places; what is no text is a fault of the shape. */
export function textItems(list: SourceNode | undefined): readonly { readonly text: string; readonly at: Place }[] {
  if (list?.kind !== 'list') return []
  return list.items.flatMap((item) => (item.kind === 'scalar' && typeof item.value === 'string' ? [{ text: item.value, at: item.at }] : []))
}

/** An entry twice in one list: harmless, and surely not meant. */
export function warnRepeated(items: readonly { readonly text: string; readonly at: Place }[], faults: FaultList): void {
  const seen = new Set<string>()
  for (const { text, at } of items) {
    if (seen.has(text)) faults.warn(at, 'duplicate-entry', `"${clip(text)}" stands twice in this list`)
    seen.add(text)
  }
}
