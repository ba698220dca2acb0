/** Sums of a plan: whom it touches by kind, role, tenant and permission. Bounded whatever the number of people. Pure. Floor 3. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import { PLAN_TENANTS_COUNTED_MAX, PLAN_TENANTS_MAX } from '../../model/policy-limits.ts'
import type { EffectKind, PlanSummary, SubjectBreach } from '../../model/policy-plan.ts'
import { compareText } from '../../policy/faults.ts'
import type { LivePair } from '../../store/ports.ts'
import { isLargerForm, type PairEffects } from './pair-effects.ts'

type Tally = Record<EffectKind, number>
type PairTally = Tally & { pairs: number }

export class PlanCounts {
  readonly #before: CompiledPolicy
  readonly #after: CompiledPolicy
  readonly #effects = emptyTally()
  readonly #later = emptyTally()
  readonly #byRole = new Map<string, PairTally>()
  readonly #byTenant = new Map<string, PairTally>()
  readonly #byPermission = new Map<string, Tally>()
  readonly #breaches = new Map<string, number>()
  readonly #rolesGone = new Map<string, number>()
  readonly #tokens = { codesToBits: 0, toOverage: 0, charactersBefore: 0, charactersAfter: 0 }
  #pairs = 0
  #pairsAffected = 0
  #pairsDormant = 0
  #tenantsNotCounted = 0
  #lastTenantNotCounted: string | undefined

  constructor(before: CompiledPolicy, after: CompiledPolicy) {
    this.#before = before
    this.#after = after
  }

  addPair(pair: LivePair, dormant: boolean, found: PairEffects): void {
    this.#pairs += 1
    this.#addTokens(found)
    for (const role of new Set(pair.assignments.map((held) => held.role)))
      if (this.#before.findRole(role) !== undefined && this.#after.findRole(role) === undefined) add(this.#rolesGone, role)
    if (found.effects.length === 0) return
    if (dormant) this.#pairsDormant += 1
    else this.#addEffects(pair, found)
  }

  addBreaches(breaches: readonly SubjectBreach[]): void {
    for (const constraint of new Set(breaches.map((breach) => breach.constraint))) add(this.#breaches, constraint)
  }

  summary(read: Pick<PlanSummary, 'positionFirst' | 'positionLast'>): PlanSummary {
    const tenants = [...this.#byTenant].map(([tenant, tally]) => ({ tenant, total: totalOf(tally), tally }))
    tenants.sort((a, b) => b.total - a.total || compareText(a.tenant, b.tenant))
    const riskOf = (name: string) => (this.#after.findPermission(name) ?? this.#before.findPermission(name))?.risk ?? 'normal'
    return {
      from: this.#before.revision,
      to: this.#after.revision,
      ...read,
      pairs: this.#pairs,
      pairsAffected: this.#pairsAffected,
      pairsDormant: this.#pairsDormant,
      effects: { ...this.#effects },
      later: { ...this.#later },
      byRole: sorted(this.#byRole).map(([role, tally]) => ({ role, ...tally })),
      byTenant: tenants.slice(0, PLAN_TENANTS_MAX).map(({ tenant, tally }) => ({ tenant, ...tally })),
      tenantsLeftOut: Math.max(0, tenants.length - PLAN_TENANTS_MAX) + this.#tenantsNotCounted,
      byPermission: sorted(this.#byPermission).map(([permission, tally]) => ({ permission, ...tally, risk: riskOf(permission) })),
      breaches: sorted(this.#breaches).map(([constraint, pairs]) => ({ constraint, pairs })),
      rolesGone: sorted(this.#rolesGone).map(([role, pairs]) => ({ role, pairs })),
      tokens: { ...this.#tokens },
    }
  }

  #addEffects(pair: LivePair, { differences }: PairEffects): void {
    this.#pairsAffected += 1
    const tenant = this.#tenantTally(pair.tenant)
    if (tenant !== undefined) tenant.pairs += 1
    const roles = new Set<string>()
    for (const { effect, roles: by } of differences) {
      const { kind } = effect
      this.#effects[kind] += 1
      if (effect.fromMs !== undefined) this.#later[kind] += 1
      if (tenant !== undefined) tenant[kind] += 1
      tallyOf(this.#byPermission, effect.permission, emptyTally)[kind] += 1
      for (const role of by) {
        tallyOf(this.#byRole, role, emptyPairTally)[kind] += 1
        roles.add(role)
      }
    }
    for (const role of roles) tallyOf(this.#byRole, role, emptyPairTally).pairs += 1
  }

  #addTokens({ largestBefore, largestAfter, effects }: PairEffects): void {
    const tokens = this.#tokens
    if (isLargerForm(largestAfter.form, largestBefore.form)) {
      if (largestAfter.form === 'overage') tokens.toOverage += 1
      else tokens.codesToBits += 1
    }
    if (effects.length === 0) return
    tokens.charactersBefore = Math.max(tokens.charactersBefore, largestBefore.codeCharacters)
    tokens.charactersAfter = Math.max(tokens.charactersAfter, largestAfter.codeCharacters)
  }

  /** `undefined` beyond PLAN_TENANTS_COUNTED_MAX: such a tenant is counted as left out, once for each role by which it is come upon. */
  #tenantTally(tenant: string): PairTally | undefined {
    const known = this.#byTenant.get(tenant)
    if (known !== undefined || this.#byTenant.size < PLAN_TENANTS_COUNTED_MAX)
      return known ?? tallyOf(this.#byTenant, tenant, emptyPairTally)
    // Pairs of one role come tenant by tenant.
    if (tenant !== this.#lastTenantNotCounted) this.#tenantsNotCounted += 1
    this.#lastTenantNotCounted = tenant
    return undefined
  }
}

function emptyTally(): Tally {
  return { gained: 0, lost: 0, widened: 0, narrowed: 0, changed: 0 }
}

function emptyPairTally(): PairTally {
  return { ...emptyTally(), pairs: 0 }
}

function totalOf(tally: Tally): number {
  return tally.gained + tally.lost + tally.widened + tally.narrowed + tally.changed
}

function tallyOf<T>(tallies: Map<string, T>, key: string, empty: () => T): T {
  const known = tallies.get(key)
  if (known !== undefined) return known
  const made = empty()
  tallies.set(key, made)
  return made
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function sorted<T>(counts: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...counts].sort(([a], [b]) => compareText(a, b))
}
