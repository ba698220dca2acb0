/** Which rules of a candidate one pair would break that it does not break today. Pure. Floor 3. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { SubjectBreach } from '../../model/policy-plan.ts'
import { compareText } from '../../policy/faults.ts'
import type { LivePair } from '../../store/ports.ts'
import type { Pace } from './pace.ts'
import { rolesAt } from './pair-effects.ts'
import type { SetBreaches } from './set-breaches.ts'

export interface BreachNeeds {
  readonly before: CompiledPolicy
  readonly after: CompiledPolicy
  readonly sets: SetBreaches
  readonly pace: Pace
}

/** Each constraint once, at the first instant; sorted by constraint. Rows break rules also while account or tenant is closed. */
export async function findPairBreaches(pair: LivePair, instants: readonly number[], needs: BreachNeeds): Promise<readonly SubjectBreach[]> {
  const { before, after, sets, pace } = needs
  const { user, tenant } = pair
  const [nowMs = 0] = instants
  const found = new Map<string, SubjectBreach>()
  if (after.bundle.constraints.length > 0)
    for (const atMs of instants) {
      const breaches = await sets.of([...new Set(rolesAt(pair, atMs))].sort())
      if (pace.took(1 + pair.assignments.length)) await pace.rest()
      for (const breach of breaches) {
        const { rule, message } = breach
        if (pace.took(1)) await pace.rest()
        if (found.has(rule.id) || !(await sets.isNew(breach, tenant))) continue
        found.set(rule.id, { user, tenant, constraint: rule.id, message, ...(atMs > nowMs ? { fromMs: atMs } : {}) })
      }
    }
  const temporary = findTemporaryBreach(pair, nowMs, before, after)
  return [...found.values(), ...(temporary === undefined ? [] : [temporary])].sort((a, b) => compareText(a.constraint, b.constraint))
}

/** All roles of the pair in one: from when the first of them begins. */
function findTemporaryBreach(pair: LivePair, nowMs: number, before: CompiledPolicy, after: CompiledPolicy): SubjectBreach | undefined {
  const rows = pair.assignments.filter((held) => tooLong(after, held) !== undefined && tooLong(before, held) === undefined)
  if (rows.length === 0) return undefined
  const fromMs = Math.min(...rows.map((held) => held.validFromMs))
  const message = [...new Set(rows.map((held) => tooLong(after, held)))].toSorted().join('; ')
  const { user, tenant } = pair
  return { user, tenant, constraint: 'temporary-only', message, ...(fromMs > nowMs ? { fromMs } : {}) }
}

/** The rule of assign.ts, for rows that are there. @returns why it would not be given like this today */
function tooLong(policy: CompiledPolicy, held: LivePair['assignments'][number]): string | undefined {
  const role = policy.findRole(held.role)
  if (role?.assignable !== 'temporary') return undefined
  if (held.expiresAtMs === null) return `${role.name} is given only for a time and held without end`
  if (role.maxGrantMs === undefined || held.expiresAtMs - held.validFromMs <= role.maxGrantMs) return undefined
  return `${role.name} is given for at most ${role.maxGrantMs / 60_000} minutes and held for longer`
}
