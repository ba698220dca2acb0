/** Compiled roles and the sets of them that people hold, each set built once and kept. Floor 2. */
import { LRUCache } from 'lru-cache'
import type { GrantWay, RoleSet } from '../model/compiled-policy.ts'
import { ROLE_SETS_KEPT_MAX } from '../model/limits.ts'
import type { AttributeType, RoleEntry } from '../model/policy.ts'
import { type AbilityGrant, buildAbility, type PermissionAbility } from './ability.ts'
import { type CompiledCondition, compileCondition } from './condition.ts'
import { compareText } from './faults.ts'

export interface CompiledRole {
  readonly name: string
  readonly ways: ReadonlyMap<string, readonly GrantWay[]>
  readonly grants: readonly AbilityGrant[]
}

/** @throws RangeError for a condition or permission that validation would have refused */
export function compileRole(role: RoleEntry, attributesOf: (permission: string) => Readonly<Record<string, AttributeType>>): CompiledRole {
  const ways = new Map<string, GrantWay[]>()
  const grants: AbilityGrant[] = []
  for (const { permission, when, reason } of role.grants) {
    const attributes = attributesOf(permission)
    const condition = when === undefined ? undefined : compileCondition(when, attributes)
    grants.push({ permission, condition })
    const way = grantWay(role.name, condition, reason)
    const others = ways.get(permission)
    if (others === undefined) ways.set(permission, [way])
    else others.push(way)
  }
  return { name: role.name, ways, grants }
}

function grantWay(role: string, condition: CompiledCondition | undefined, reason: string | undefined): GrantWay {
  return condition === undefined
    ? { role, conditional: false, reason, evaluate: () => undefined, variablesSet: () => true }
    : { role, conditional: true, reason, evaluate: condition.evaluate, variablesSet: condition.variablesSet }
}

const NO_WAYS: readonly GrantWay[] = []

/** The union of some roles. Its parts are made when first asked for: many sets are only ever asked one thing. */
class CompiledRoleSet implements RoleSet {
  readonly roles: readonly string[]
  readonly #compiled: readonly CompiledRole[]
  readonly #ways = new Map<string, readonly GrantWay[]>()
  #ability: PermissionAbility | undefined
  #permissions: readonly string[] | undefined

  constructor(compiled: readonly CompiledRole[]) {
    this.roles = compiled.map((role) => role.name)
    this.#compiled = compiled
  }

  can(permission: string, context: Parameters<PermissionAbility['can']>[1]): boolean {
    this.#ability ??= buildAbility(this.#compiled.flatMap((role) => role.grants))
    return this.#ability.can(permission, context)
  }

  waysTo(permission: string): readonly GrantWay[] {
    if (this.#compiled.length === 1) return this.#compiled[0]?.ways.get(permission) ?? NO_WAYS
    const known = this.#ways.get(permission)
    if (known !== undefined) return known
    const ways = this.#compiled.flatMap((role) => role.ways.get(permission) ?? NO_WAYS)
    // Only what is granted is kept, so that asking for any name whatever cannot fill the memory.
    if (ways.length === 0) return NO_WAYS
    this.#ways.set(permission, ways)
    return ways
  }

  get permissions(): readonly string[] {
    this.#permissions ??= [...new Set(this.#compiled.flatMap((role) => [...role.ways.keys()]))].sort(compareText)
    return this.#permissions
  }
}

/** Interns role sets by their sorted names: the same names in any order and number give the same object. */
export class RoleSets {
  readonly #roles: ReadonlyMap<string, CompiledRole>
  readonly #empty: RoleSet = new CompiledRoleSet([])
  /** Sets of one role are as many as roles, and most people's: kept for good. */
  readonly #singles = new Map<string, RoleSet>()
  readonly #sets = new LRUCache<string, RoleSet>({ max: ROLE_SETS_KEPT_MAX })

  constructor(roles: ReadonlyMap<string, CompiledRole>) {
    this.#roles = roles
  }

  get(names: Iterable<string>): RoleSet {
    let first: string | undefined
    let several: string[] | undefined
    for (const name of names) {
      if (!this.#roles.has(name)) continue
      if (first === undefined) first = name
      else if (several !== undefined) several.push(name)
      else if (name !== first) several = [first, name]
    }
    if (first === undefined) return this.#empty
    return several === undefined ? this.#single(first) : this.#several(several)
  }

  #single(name: string): RoleSet {
    const known = this.#singles.get(name)
    if (known !== undefined) return known
    const set = this.#build([name])
    this.#singles.set(name, set)
    return set
  }

  #several(names: string[]): RoleSet {
    names.sort(compareText)
    const distinct = names.filter((name, index) => name !== names[index - 1])
    // Unknown names never come here, and names of roles hold no blank.
    const key = distinct.join(' ')
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    const set = this.#build(distinct)
    this.#sets.set(key, set)
    return set
  }

  #build(names: readonly string[]): RoleSet {
    return new CompiledRoleSet(names.map((name) => this.#roles.get(name)).filter((role) => role !== undefined))
  }
}
