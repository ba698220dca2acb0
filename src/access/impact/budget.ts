/** How large the permission claims of all tokens would be by one policy: the worst real person, and how many in which form. Floor 3. */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import { PERMISSION_CLAIM_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import { BUDGET_COMBINATIONS_COUNTED_MAX, BUDGET_ROWS_READ_MAX, PLAN_WEIGHT_KEPT_MAX } from '../../model/policy-limits.ts'
import type { ClaimSize, PolicyBudget } from '../../model/policy-release.ts'
import type { HeldSet, HeldSets } from '../../store/ports.ts'
import { abortable } from '../abortable.ts'
import { ClaimSizes, foreseenBits } from './claim-sizes.ts'
import { KeptByUse } from './kept-by-use.ts'
import { Pace } from './pace.ts'
import type { PlanNeeds } from './plan.ts'

export interface BudgetBounds {
  /** Absent: BUDGET_ROWS_READ_MAX. */
  readonly rowsAtOnce?: number
  /** Absent: BUDGET_COMBINATIONS_COUNTED_MAX. */
  readonly countedMax?: number
}

interface Worst extends HeldSet {
  readonly size: ClaimSize
  readonly key: string
  holders: number
}

/**
 * Everybody is gone through page by page, nothing held open between pages: as of the time at which each was read. Memory does not grow with them.
 * @throws StoreError; what `abortable` makes of the signal
 */
export async function policyBudget(
  { impact, bits }: PlanNeeds,
  policy: CompiledPolicy,
  signal: AbortSignal,
  { rowsAtOnce = BUDGET_ROWS_READ_MAX, countedMax = BUDGET_COMBINATIONS_COUNTED_MAX }: BudgetBounds = {},
): Promise<PolicyBudget> {
  const pace = new Pace(signal)
  const sizes = new ClaimSizes(policy, foreseenBits(bits, [policy]), pace)
  const known = new KeptByUse<ClaimSize & { readonly weight: number }>(PLAN_WEIGHT_KEPT_MAX, ({ weight }) => weight)
  const combinations = new Set<string>()
  const pairs = { codes: 0, bits: 0, overage: 0 }
  let worst: Worst | undefined
  let page: HeldSets | undefined
  do {
    page = await abortable(impact.listHeldSets(page?.next, rowsAtOnce), signal)
    for (const { user, tenant, roles } of page.sets) {
      // Names of roles hold no blank.
      const key = roles.join(' ')
      let size = known.get(key)
      if (size === undefined) {
        size = { ...(await sizes.of(roles)), weight: 1 + roles.length }
        known.set(key, size)
        if (combinations.size < countedMax)
          combinations.add(createHash('sha256').update(key).digest('base64url').slice(0, DIGEST_CHARACTERS))
      }
      pairs[size.form] += 1
      // The first holder of the worst set makes it the worst: whoever holds it comes after.
      if (worst === undefined || size.codeCharacters > worst.size.codeCharacters) worst = { user, tenant, roles, size, key, holders: 0 }
      if (key === worst.key) worst.holders += 1
      if (pace.took(1 + roles.length)) await pace.rest()
    }
    // A database inside this process answers without ever letting others run.
    await setImmediate()
  } while (page.next !== undefined)
  return {
    revision: policy.revision,
    charactersMax: PERMISSION_CLAIM_CHARACTERS_MAX,
    combinations: combinations.size,
    pairs,
    ...(worst === undefined ? {} : { worst: worstOf(worst) }),
  }
}

function worstOf({ user, tenant, roles, size, holders }: Worst): NonNullable<PolicyBudget['worst']> {
  const { permissions, form, characters, codeCharacters } = size
  return { permissions, form, characters, codeCharacters, user, tenant, roles, holders }
}

/** 132 bits: no two of them are the same by chance. */
const DIGEST_CHARACTERS = 22
