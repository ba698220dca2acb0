/** What a candidate changes for one pair of user and tenant, now and whenever a window of theirs begins or ends. Pure. Floor 3. */
import { inForce } from '../../model/access-state.ts'
import type { ConditionContext } from '../../model/condition.ts'
import type { Effect } from '../../model/policy-plan.ts'
import type { ClaimSize } from '../../model/policy-release.ts'
import { compareText } from '../../policy/faults.ts'
import type { LivePair } from '../../store/ports.ts'
import type { Pace } from './pace.ts'
import type { Difference, SetDifference, SetDifferences } from './set-differences.ts'

export interface PairEffects {
  readonly differences: readonly Difference[]
  /** The same, as they are streamed. */
  readonly effects: readonly Effect[]
  /** Claims of the largest form, and the longest codes, that a token would have at any of the instants. */
  readonly largestBefore: LargestClaim
  readonly largestAfter: LargestClaim
}

export type LargestClaim = Pick<ClaimSize, 'form' | 'codeCharacters'>

/** The instants at which what is held may change: now, and each later begin or end of a window. Sorted. */
export function instantsOf({ assignments }: Pick<LivePair, 'assignments'>, nowMs: number): readonly number[] {
  const later = new Set<number>()
  for (const { validFromMs, expiresAtMs } of assignments) {
    if (validFromMs > nowMs) later.add(validFromMs)
    if (expiresAtMs !== null && expiresAtMs > nowMs) later.add(expiresAtMs)
  }
  return [nowMs, ...[...later].sort((a, b) => a - b)]
}

/** As if account and tenant were open. @param instants as `instantsOf` gives them */
export async function findPairEffects(
  pair: LivePair,
  instants: readonly number[],
  differences: SetDifferences,
  pace: Pace,
): Promise<PairEffects> {
  const context: ConditionContext = {
    user: { id: pair.user, attributes: pair.userAttributes },
    tenant: { id: pair.tenant, attributes: pair.tenantAttributes },
    resource: undefined,
  }
  const [nowMs = 0, ...later] = instants
  const now = await differences.of(rolesAt(pair, nowMs))
  const atOnce = differences.forPerson(now, context)
  if (pace.took(stepsOf(pair, now))) await pace.rest()
  if (later.length === 0) {
    const effects = atOnce === now.fixed ? now.fixedEffects : atOnce.map((difference) => difference.effect)
    return { differences: atOnce, effects, largestBefore: now.sizeBefore, largestAfter: now.sizeAfter }
  }
  // Permission and kind, at the first instant.
  const first = new Map(atOnce.map((difference) => [keyOf(difference), difference]))
  let [largestBefore, largestAfter]: [LargestClaim, LargestClaim] = [now.sizeBefore, now.sizeAfter]
  for (const fromMs of later) {
    const set = await differences.of(rolesAt(pair, fromMs))
    for (const difference of differences.forPerson(set, context)) {
      const key = keyOf(difference)
      if (!first.has(key)) first.set(key, { effect: { ...difference.effect, fromMs }, roles: difference.roles })
    }
    largestBefore = largestOf(largestBefore, set.sizeBefore)
    largestAfter = largestOf(largestAfter, set.sizeAfter)
    if (pace.took(stepsOf(pair, set))) await pace.rest()
  }
  const sorted = [...first].sort(([a], [b]) => compareText(a, b)).map(([, difference]) => difference)
  return { differences: sorted, effects: sorted.map((difference) => difference.effect), largestBefore, largestAfter }
}

/** From what always travels to what never does. */
const FORMS: readonly ClaimSize['form'][] = ['codes', 'bits', 'overage']

export function isLargerForm(form: ClaimSize['form'], than: ClaimSize['form']): boolean {
  return FORMS.indexOf(form) > FORMS.indexOf(than)
}

function largestOf(a: LargestClaim, b: LargestClaim): LargestClaim {
  return { form: isLargerForm(b.form, a.form) ? b.form : a.form, codeCharacters: Math.max(a.codeCharacters, b.codeCharacters) }
}

function stepsOf({ assignments }: LivePair, { fixed, personal }: SetDifference): number {
  return assignments.length + fixed.length + personal.length
}

export function rolesAt({ assignments }: LivePair, atMs: number): readonly string[] {
  return assignments.filter((assignment) => inForce(assignment, atMs)).map((assignment) => assignment.role)
}

/** A blank comes before all that names are made of: sorted by this is sorted by permission, then kind. */
function keyOf({ effect }: Difference): string {
  return `${effect.permission} ${effect.kind}`
}
