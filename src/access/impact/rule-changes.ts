/** Rules that hold beside grants: which differ, and which are looser than they were. A duration or constraint that cannot be compared is looser. Pure. Floor 3. */
import type { Constraint, PolicyBundle } from '../../model/policy.ts'
import type { PolicyDiff } from '../../model/policy-diff.ts'
import { durationFromWords } from '../../policy/words.ts'

/** What one rule did to some permissions, for people. */
export interface RuleChange {
  /** By the names of both sides. */
  readonly permissions: readonly string[]
  readonly words: string
  /** Those of which more is possible than before. */
  readonly loosens: readonly string[]
}

/** Constraints, and how long roles may be given. */
export function ruleChanges(diff: PolicyDiff, after: Pick<PolicyBundle, 'roles' | 'constraints'>): readonly RuleChange[] {
  return [...constraintChanges(diff, after.constraints), ...roleChanges(diff, after.roles)]
}

function constraintChanges({ constraints, permissions }: PolicyDiff, after: readonly Constraint[]): readonly RuleChange[] {
  const nameAfter = new Map(permissions.renamed.map((one) => [one.before.name, one.after.name]))
  const renamed = (names: readonly string[]): readonly string[] => names.map((name) => nameAfter.get(name) ?? name)
  const named = (one: Constraint): readonly string[] =>
    one.type === 'separation-of-duty' ? [...one.permissions, ...renamed(one.permissions)] : []
  const looser = (before: Constraint): boolean =>
    before.type === 'separation-of-duty' && !after.some((one) => isAsStrict(one, { ...before, permissions: renamed(before.permissions) }))
  const change = (permissions: readonly string[], words: string, before?: Constraint): RuleChange => ({
    permissions,
    words,
    loosens: before !== undefined && looser(before) ? permissions : [],
  })
  return [
    ...constraints.removed.map((one) => change(named(one), `constraint ${one.id} is removed`, one)),
    ...constraints.changed.map((one) =>
      change([...named(one.before), ...named(one.after)], `constraint ${one.id} says something else`, one.before),
    ),
    ...constraints.added.map((one) => change(named(one), `constraint ${one.id} is added`)),
  ]
}

/** True: whoever `before` would stop, `after` stops too. */
function isAsStrict(after: Constraint, before: Constraint & { readonly type: 'separation-of-duty' }): boolean {
  return (
    after.type === before.type && after.max <= before.max && isWithin(before.permissions, after.permissions) && isEverywhere(after, before)
  )
}

function isEverywhere(after: Constraint, before: Constraint): boolean {
  return after.tenants === undefined || (before.tenants !== undefined && isWithin(before.tenants, after.tenants))
}

function isWithin(some: readonly string[], all: readonly string[]): boolean {
  return some.every((one) => all.includes(one))
}

const LENGTHS: ReadonlySet<string> = new Set(['assignable', 'maxGrant'])

function roleChanges({ roles }: PolicyDiff, after: PolicyBundle['roles']): readonly RuleChange[] {
  return roles.changed.flatMap(({ name, fields, lost }) => {
    const grants = after.find((role) => role.name === name)?.grants ?? []
    const kept = grants.map(({ permission }) => permission)
    return fields
      .filter(({ field }) => LENGTHS.has(field))
      .map((change) => ({
        permissions: [...kept, ...lost.map(({ permission }) => permission)],
        words: `${change.field} of role ${name} is "${change.after}" instead of "${change.before}"`,
        loosens: (change.field === 'assignable' ? change.after !== 'temporary' : isLonger(change.after, change.before)) ? kept : [],
      }))
  })
}

function isLonger(after: string, before: string): boolean {
  return before !== 'none' && !(durationFromWords(after) <= durationFromWords(before))
}
