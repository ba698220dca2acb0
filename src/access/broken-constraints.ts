/** Which constraints of the policy the roles that a user holds break by now: a constraint can be younger than the grants. Floor 3. */
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { Store } from '../store/ports.ts'
import { findBreaches } from './constraints.ts'

/** In the tenants in which the user holds a role in force. @returns ids of constraints, distinct and sorted */
export async function listBrokenConstraints(
  store: Pick<Store, 'access' | 'identity'>,
  policy: CompiledPolicy,
  user: string,
): Promise<readonly string[]> {
  const broken = new Set<string>()
  // One after the other: bounded by TENANTS_TO_CHOOSE_MAX, and no check has to wait for this.
  for (const { id } of await store.identity.listTenantsOf(user)) {
    if (policy.constraintsFor(id).length === 0) continue
    const state = await store.access.resolve(id, user)
    for (const breach of findBreaches(policy, id, state.assignments, state.readAtMs)) broken.add(breach.constraint)
  }
  return [...broken].sort()
}
