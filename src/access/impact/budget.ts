/** How large the permission claims of all tokens would be by one policy: the worst real person, and how many in which form. Floor 3. */
import { setImmediate } from 'node:timers/promises'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import { BUDGET_COMBINATIONS_READ_MAX, PERMISSION_CLAIM_CHARACTERS_MAX } from '../../model/limits.ts'
import type { PolicyBudget } from '../../model/policy-release.ts'
import type { RoleCombination } from '../../store/ports.ts'
import { abortable } from '../abortable.ts'
import { ClaimSizes, foreseenBits } from './claim-sizes.ts'
import { Pace } from './pace.ts'
import type { PlanNeeds } from './plan.ts'

/** @throws StoreError; what `abortable` makes of the signal */
export async function policyBudget({ impact, bits }: PlanNeeds, policy: CompiledPolicy, signal: AbortSignal): Promise<PolicyBudget> {
  const sizes = new ClaimSizes(policy, foreseenBits(bits, [policy]), new Pace(signal))
  const pairs = { codes: 0, bits: 0, overage: 0 }
  let combinations = 0
  let worst: PolicyBudget['worst']
  let page: readonly RoleCombination[] = []
  do {
    page = await abortable(impact.listRoleCombinations(page.at(-1)?.roles, BUDGET_COMBINATIONS_READ_MAX), signal)
    for (const { roles, pairs: holders, user, tenant } of page) {
      const size = await sizes.of(roles)
      combinations += 1
      pairs[size.form] += holders
      if (worst === undefined || size.codeCharacters > worst.codeCharacters) worst = { ...size, user, tenant, roles, holders }
    }
    await setImmediate()
  } while (page.length === BUDGET_COMBINATIONS_READ_MAX)
  return {
    revision: policy.revision,
    charactersMax: PERMISSION_CLAIM_CHARACTERS_MAX,
    combinations,
    pairs,
    ...(worst === undefined ? {} : { worst }),
  }
}
