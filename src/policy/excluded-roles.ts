/** Sets of roles that a constraint lets nobody hold together, the smallest ones, exactly. Bounded work; knows no people. Floor 2. */

import type { Constraint, RoleEntry } from '../model/policy.ts'
import { ROLE_SETS_SEARCHED_MAX, ROLE_SETS_TOLD_MAX } from '../model/policy-limits.ts'
import { compareText } from './faults.ts'

export interface ExcludedRoles {
  readonly constraint: Constraint
  /** Minimal: without any one of them the rest may be held. Smaller sets first. Empty for a constraint that counts roles, whichever they are. */
  readonly sets: readonly (readonly string[])[]
  /** False: there are more, or may be. */
  readonly complete: boolean
}

export function excludedRoles(constraint: Constraint, roles: readonly RoleEntry[]): ExcludedRoles {
  if (constraint.type === 'max-roles-per-tenant') return { constraint, sets: [], complete: true }
  const holders = holdersOf(constraint.permissions, roles)
  const search: Search = { holders, max: constraint.max, steps: 0, sets: [] }
  // Each role of a minimal set brings a permission that the others do not, so that one more than `max` is enough.
  for (let size = 1; size <= Math.min(constraint.max + 1, holders.length); size++) if (!extend(search, size, 0, [])) break
  const complete = search.steps <= ROLE_SETS_SEARCHED_MAX && search.sets.length <= ROLE_SETS_TOLD_MAX
  return { constraint, sets: search.sets.slice(0, ROLE_SETS_TOLD_MAX), complete }
}

interface Holder {
  readonly name: string
  /** Bits of the constraint's permissions that the role grants, under a condition or not: so constraints count. */
  readonly held: bigint
}
interface Search {
  readonly holders: readonly Holder[]
  readonly max: number
  steps: number
  readonly sets: (readonly string[])[]
}

function holdersOf(permissions: readonly string[], roles: readonly RoleEntry[]): readonly Holder[] {
  const bits = new Map(permissions.map((permission, index) => [permission, 1n << BigInt(index)]))
  return roles
    .map(({ name, grants }) => ({ name, held: grants.reduce((held, grant) => held | (bits.get(grant.permission) ?? 0n), 0n) }))
    .filter(({ held }) => held !== 0n)
    .sort((a, b) => compareText(a.name, b.name))
}

/** Finds the minimal sets of `size` roles that begin with `chosen`. False: enough was searched or found. */
function extend(search: Search, size: number, from: number, chosen: readonly Holder[]): boolean {
  for (let index = from; index <= search.holders.length - (size - chosen.length); index++) {
    if (++search.steps > ROLE_SETS_SEARCHED_MAX || search.sets.length > ROLE_SETS_TOLD_MAX) return false
    const holder = search.holders[index]
    if (holder === undefined) continue
    const set = [...chosen, holder]
    if (!eachBringsSomething(set)) continue
    if (set.length < size) {
      // What is broken already is not minimal with one role more.
      if (!isBroken(search, set) && !extend(search, size, index + 1, set)) return false
    } else if (isBroken(search, set) && set.every((one) => !isBroken(search, without(set, one))))
      search.sets.push(set.map(({ name }) => name))
  }
  return true
}

function eachBringsSomething(set: readonly Holder[]): boolean {
  return set.every((one) => (one.held & ~union(without(set, one))) !== 0n)
}

function isBroken({ max }: Search, set: readonly Holder[]): boolean {
  return countBits(union(set)) > max
}

function union(set: readonly Holder[]): bigint {
  return set.reduce((held, one) => held | one.held, 0n)
}

function without(set: readonly Holder[], one: Holder): readonly Holder[] {
  return set.filter((other) => other !== one)
}

function countBits(bits: bigint): number {
  let count = 0
  for (let rest = bits; rest !== 0n; rest &= rest - 1n) count++
  return count
}
