/** What a person holds in a tenant at the moment their state was read, under one policy: worked out once for as long as the state is kept. Pure but for what it keeps. Floor 5. */
import { type AccessState, type Assignment, inForce } from '../model/access-state.ts'
import type { CompiledPolicy, RoleSet } from '../model/compiled-policy.ts'

export interface Standing {
  readonly policy: CompiledPolicy
  readonly held: readonly Assignment[]
  readonly roles: RoleSet
}

export function standingOf(policy: CompiledPolicy, state: AccessState): Standing {
  const held = state.assignments.filter((assignment) => inForce(assignment, state.readAtMs))
  return { policy, held, roles: policy.roleSet(held.map((assignment) => assignment.role)) }
}

/** By state, for no longer than somebody else has it. */
export class Standings {
  readonly #byState = new WeakMap<AccessState, Standing>()

  of(policy: CompiledPolicy, state: AccessState): Standing {
    const kept = this.#byState.get(state)
    if (kept?.policy === policy) return kept
    const made = standingOf(policy, state)
    this.#byState.set(state, made)
    return made
  }
}
