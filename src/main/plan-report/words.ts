/** What all forms of a plan's report say in the same words. Escapes nothing. Floor 6. */
import type { Effect, EffectCounts, PlanSummary } from '../../model/policy-plan.ts'
import { counted } from '../../policy/words.ts'
import { EFFECT_KINDS, type PlanBegin } from './read-plan.ts'

/** `3 of 12 …`, and who is left out of it. */
export function reachInWords({ pairs, pairsAffected, pairsDormant }: PlanSummary): string {
  if (pairs === 0) return 'Nobody holds a role that changes.'
  const reach = `${pairsAffected} of ${counted(pairs, 'pair')} of user and tenant that hold a changed role ${pairsAffected === 1 ? 'is' : 'are'} affected.`
  return pairsDormant === 0
    ? reach
    : `${reach} Not counted: ${counted(pairsDormant, 'pair')} whose account or tenant is closed (deactivated, invited, suspended).`
}

/** At which state of the assignments it was looked. */
export function positionInWords({ positionFirst, positionLast }: PlanSummary): string {
  return positionFirst === positionLast
    ? `Read at position ${positionFirst}.`
    : `Read from position ${positionFirst} to ${positionLast}: changes were made meanwhile, and who was changed is seen as before or as after. Plan again to be sure.`
}

/** Nothing: the difference is whole. */
export function leftOutInWords({ diffLeftOut }: Pick<PlanBegin, 'diffLeftOut'>): string | undefined {
  if (diffLeftOut === 0) return undefined
  return `The two policies differ in too much for one plan: ${counted(diffLeftOut, 'line')} of it not shown here; castellan policy diff has all.`
}

/** Nothing: no token outgrows its form. */
export function tokensInWords({ tokens }: PlanSummary): string | undefined {
  const { codesToBits, toOverage, charactersBefore, charactersAfter } = tokens
  if (codesToBits === 0 && toOverage === 0) return undefined
  return `Access tokens that outgrow their form: ${codesToBits} from codes to bits, ${toOverage} beyond both (the holder's permissions are then asked for); longest codes ${charactersBefore} → ${charactersAfter} characters.`
}

export function countsOf(counts: EffectCounts): readonly string[] {
  return EFFECT_KINDS.map((kind) => String(counts[kind]))
}

/** Bounds a list, and says how much of it is not shown. */
export function firstOf<Item>(items: readonly Item[], most: number): { readonly shown: readonly Item[]; readonly more: number } {
  return { shown: items.slice(0, most), more: Math.max(0, items.length - most) }
}

export function effectInWords({ permission, kind, conditional, fromMs }: Effect): string {
  const notes = [
    // Of these two the kind says it already.
    ...(conditional && kind !== 'narrowed' && kind !== 'changed' ? ['under a condition'] : []),
    ...(fromMs === undefined ? [] : [`from ${new Date(fromMs).toISOString()}`]),
  ]
  return `${permission}${notes.length === 0 ? '' : `  (${notes.join(', ')})`}`
}
