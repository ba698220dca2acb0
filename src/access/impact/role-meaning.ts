/** What a role means for its holder under one policy, so that two policies can be compared. Decides nothing (decision/list.ts does). Pure. Floor 3. */

import { stableJson } from '../../ground/canonical-json.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { ConditionContext } from '../../model/condition.ts'
import type { Condition, PermissionEntry } from '../../model/policy.ts'
import { compileCondition, typeOf } from '../../policy/condition.ts'
import { compareText } from '../../policy/faults.ts'

/** One conditional way to a permission. */
export interface Alternative {
  /** The same text: the same condition, on attributes of the same types. */
  readonly text: string
  /** Whether it asks for something of the person or the tenant. */
  readonly personal: boolean
  variablesSet(context: ConditionContext): boolean
}

/** How a role grants a permission: whatever the resource, or under these alternatives. */
export interface Grant {
  readonly open: boolean
  /** Sorted by text, each once; empty where it is open: what is held without a condition needs none. */
  readonly alternatives: readonly Alternative[]
}

/** By permission, full names; without those that are disabled, which nobody holds. */
export type RoleMeaning = ReadonlyMap<string, Grant>

const OPEN: Grant = { open: true, alternatives: [] }
const NOTHING: RoleMeaning = new Map()

/** Role by role, each read when it is first asked for. */
export class RoleMeanings {
  readonly #policy: CompiledPolicy
  readonly #known = new Map<string, RoleMeaning>()

  constructor(policy: CompiledPolicy) {
    this.#policy = policy
  }

  /** Empty for a role that the policy does not have. */
  of(role: string): RoleMeaning {
    const entry = this.#policy.findRole(role)
    // Not remembered: rows can name anything.
    if (entry === undefined) return NOTHING
    const known = this.#known.get(role)
    if (known !== undefined) return known
    const meaning = new Map<string, Grant>()
    for (const { permission: name, when } of entry.grants) {
      const permission = this.#policy.findPermission(name)
      if (permission === undefined || permission.stage === 'disabled') continue
      meaning.set(name, withGrant(meaning.get(name), permission, when))
    }
    this.#known.set(role, meaning)
    return meaning
  }
}

function withGrant(grant: Grant | undefined, permission: PermissionEntry, when: Condition | undefined): Grant {
  if (when === undefined || grant?.open === true) return OPEN
  const added = alternativeOf(permission, when)
  const others = (grant?.alternatives ?? []).filter((other) => other.text !== added.text)
  return { open: false, alternatives: [...others, added].sort((a, b) => compareText(a.text, b.text)) }
}

function alternativeOf(permission: PermissionEntry, when: Condition): Alternative {
  const condition = stableJson(when)
  const types = Object.fromEntries(Object.keys(when).map((attribute) => [attribute, typeOf(attribute, permission.attributes)]))
  return {
    text: `${condition} ${stableJson(types)}`,
    personal: condition.includes('"$var"'),
    variablesSet: compileCondition(when, permission.attributes).variablesSet,
  }
}

export function sameGrant(a: Grant | undefined, b: Grant | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.open === b.open && sameAlternatives(a.alternatives, b.alternatives)
}

/** Both sorted, each once. */
export function sameAlternatives(a: readonly Alternative[], b: readonly Alternative[]): boolean {
  return a.length === b.length && a.every((alternative, index) => alternative.text === b[index]?.text)
}
