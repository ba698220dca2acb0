/** Which rules of a candidate all who hold one set of roles would break that they do not break today: judged once a set. Pure. Floor 3. */
import { createHash } from 'node:crypto'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Constraint } from '../../model/policy.ts'
import { PLAN_WEIGHT_KEPT_MAX } from '../../model/policy-limits.ts'
import { compareText } from '../../policy/faults.ts'
import { matchesPattern } from '../../policy/pattern.ts'
import { RuleIndex } from './broken-rules.ts'
import { KeptByUse } from './kept-by-use.ts'
import type { Pace } from './pace.ts'

export interface SetBreach {
  readonly rule: Constraint
  readonly message: string
  /** Rules in force about the same, no laxer, and broken by the same roles: where one of them rules, this is no news. Ids say nothing. */
  readonly known: readonly Constraint[]
}

interface KeptBreaches {
  readonly breaches: readonly SetBreach[]
  readonly weight: number
}

export class SetBreaches {
  readonly #before: RuleIndex
  readonly #after: RuleIndex
  readonly #nameAfter: ReadonlyMap<string, string>
  readonly #pace: Pace
  readonly #kept = new KeptByUse<KeptBreaches>(PLAN_WEIGHT_KEPT_MAX, ({ weight }) => weight)
  /** Of one tenant at a time: the pairs of a role come tenant by tenant. */
  #tenant: string | undefined
  readonly #ruling = new Map<Constraint, boolean>()

  readonly #subjects = new Map<Constraint, string>()

  /** @param nameAfter in the candidate, of permissions that it renames */
  constructor(before: CompiledPolicy, after: CompiledPolicy, nameAfter: ReadonlyMap<string, string>, pace: Pace) {
    this.#nameAfter = nameAfter
    this.#before = new RuleIndex(before, pace)
    this.#after = new RuleIndex(after, pace)
    this.#pace = pace
  }

  /** Whatever the tenant. @param roles in force, sorted, each once */
  async of(roles: readonly string[]): Promise<readonly SetBreach[]> {
    // Names of roles hold no blank.
    const key = roles.join(' ')
    const found = this.#kept.get(key)
    if (found !== undefined) return found.breaches
    const breaches = await this.#compare(roles)
    const weight = breaches.reduce(
      (sum, { message, known }) => sum + 1 + known.length + message.length / CHARACTERS_OF_WEIGHT,
      1 + roles.length,
    )
    this.#kept.set(key, { breaches, weight })
    return breaches
  }

  /** Whether this is news for who holds the set in `tenant`. */
  async isNew({ rule, known }: SetBreach, tenant: string): Promise<boolean> {
    if (!this.#rules(rule, tenant)) return false
    for (const one of known) {
      if (this.#rules(one, tenant)) return false
      if (this.#pace.took(1)) await this.#pace.rest()
    }
    return true
  }

  async #compare(roles: readonly string[]): Promise<readonly SetBreach[]> {
    const after = await this.#after.broken(roles)
    if (after.rules.length === 0) return []
    const before = await this.#before.broken(roles)
    const known = new Map<string, Constraint[]>()
    for (const rule of before.rules) {
      const subject = await this.#subjectOf(rule, (permission) => this.#nameAfter.get(permission) ?? permission)
      known.set(subject, [...(known.get(subject) ?? []), rule])
    }
    const breaches: SetBreach[] = []
    for (const rule of after.rules) {
      const others = known.get(await this.#subjectOf(rule, (permission) => permission)) ?? []
      breaches.push({ rule, message: after.messageOf(rule), known: others.filter(({ max }) => max <= rule.max) })
      const named = rule.type === 'separation-of-duty' ? rule.permissions.length : 1
      if (this.#pace.took(named + others.length)) await this.#pace.rest()
    }
    return breaches
  }

  /** The same text: the rule is about the same, whatever it is called. A digest, since a rule may name thousands. */
  async #subjectOf(rule: Constraint, nameAfter: (permission: string) => string): Promise<string> {
    if (rule.type === 'max-roles-per-tenant') return rule.type
    const known = this.#subjects.get(rule)
    if (known !== undefined) return known
    const names = [...new Set(rule.permissions.map(nameAfter))].sort(compareText)
    const subject = createHash('sha256').update(names.join(' ')).digest('base64')
    this.#subjects.set(rule, subject)
    if (this.#pace.took(names.length * 2)) await this.#pace.rest()
    return subject
  }

  #rules(rule: Constraint, tenant: string): boolean {
    if (rule.tenants === undefined) return true
    if (tenant !== this.#tenant) this.#ruling.clear()
    this.#tenant = tenant
    const known = this.#ruling.get(rule)
    if (known !== undefined) return known
    this.#pace.took(rule.tenants.length)
    const rules = rule.tenants.some((pattern) => matchesPattern(pattern, tenant))
    this.#ruling.set(rule, rules)
    return rules
  }
}

/** Of a message, as long in memory as one single difference. */
const CHARACTERS_OF_WEIGHT = 50
