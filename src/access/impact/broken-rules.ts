/** Which rules of one policy a set of roles breaks, whatever the tenant: looks only at rules that name what the set grants. Pure. Floor 3. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Constraint } from '../../model/policy.ts'
import { PLAN_BREACH_PARTS_MAX } from '../../model/policy-limits.ts'
import { breachMessage } from '../constraints.ts'
import type { Pace } from './pace.ts'

export interface BrokenRules {
  readonly rules: readonly Constraint[]
  /** For a person, as constraints.ts says it; of long ones the first parts. */
  messageOf(rule: Constraint): string
}

export class RuleIndex {
  readonly #policy: CompiledPolicy
  readonly #pace: Pace
  readonly #limits: readonly Constraint[]
  /** Permissions to the separations of duty that name them. */
  readonly #naming = new Map<string, Constraint[]>()
  /** Roles to those of their permissions that a rule names. */
  readonly #named = new Map<string, readonly string[]>()

  constructor(policy: CompiledPolicy, pace: Pace) {
    const { constraints } = policy.bundle
    this.#policy = policy
    this.#pace = pace
    this.#limits = constraints.filter((rule) => rule.type === 'max-roles-per-tenant')
    for (const rule of constraints)
      if (rule.type === 'separation-of-duty')
        for (const permission of rule.permissions) {
          const known = this.#naming.get(permission)
          if (known === undefined) this.#naming.set(permission, [rule])
          else known.push(rule)
        }
  }

  /** @param roles sorted, each once, also such as no policy has: a limit counts them */
  async broken(roles: readonly string[]): Promise<BrokenRules> {
    const pace = this.#pace
    const grantedBy = new Map<string, string[]>()
    for (const role of roles) {
      const permissions = this.#namedPermissions(role)
      for (const permission of permissions) {
        const by = grantedBy.get(permission)
        if (by === undefined) grantedBy.set(permission, [role])
        else by.push(role)
      }
      if (pace.took(1 + permissions.length)) await pace.rest()
    }
    const counts = new Map<Constraint, number>(this.#limits.map((rule) => [rule, roles.length]))
    for (const permission of grantedBy.keys()) {
      const naming = this.#naming.get(permission) ?? []
      for (const rule of naming) counts.set(rule, (counts.get(rule) ?? 0) + 1)
      if (pace.took(1 + naming.length)) await pace.rest()
    }
    return {
      rules: [...counts].filter(([rule, count]) => count > rule.max).map(([rule]) => rule),
      messageOf: (rule) => messageOf(rule, counts.get(rule) ?? 0, roles, grantedBy),
    }
  }

  #namedPermissions(role: string): readonly string[] {
    const entry = this.#policy.findRole(role)
    // Not remembered: rows can name anything.
    if (entry === undefined) return []
    const known = this.#named.get(role)
    if (known !== undefined) return known
    const named = [...new Set(entry.grants.map((grant) => grant.permission))].filter((permission) => this.#naming.has(permission))
    this.#named.set(role, named)
    return named
  }
}

function messageOf(rule: Constraint, count: number, roles: readonly string[], grantedBy: ReadonlyMap<string, readonly string[]>): string {
  if (rule.type === 'max-roles-per-tenant') return breachMessage(rule, firstOf(roles, count))
  const parts: string[] = []
  for (const permission of rule.permissions) {
    if (parts.length === PLAN_BREACH_PARTS_MAX) break
    const by = grantedBy.get(permission)
    if (by !== undefined) parts.push(`${permission} (by ${firstOf(by, by.length).join(', ')})`)
  }
  return breachMessage(rule, firstOf(parts, count))
}

/** @param count of all, of which `parts` may be the first only */
function firstOf(parts: readonly string[], count: number): readonly string[] {
  if (count <= PLAN_BREACH_PARTS_MAX) return parts
  return [...parts.slice(0, PLAN_BREACH_PARTS_MAX), `${count - PLAN_BREACH_PARTS_MAX} more`]
}
