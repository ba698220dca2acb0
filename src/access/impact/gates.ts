/** What a team lets no candidate do without a word: each fault says what is refused, by how much, and what to do. Pure. Floor 3. */

import { stableJson } from '../../ground/canonical-json.ts'
import type { PermissionEntry, PolicyBundle, Risk } from '../../model/policy.ts'
import type { PolicyDiff, RoleChange } from '../../model/policy-diff.ts'
import { GATE_EXAMPLES_MAX } from '../../model/policy-limits.ts'
import type { EffectCounts, PlanSummary } from '../../model/policy-plan.ts'
import { listInWords } from '../../policy/words.ts'
import { type RuleChange, ruleChanges } from './rule-changes.ts'

export interface Gates {
  readonly maxLost?: number
  readonly maxGained?: number
  /** Full names, codes, or all below a prefix: `finance.*`. */
  readonly protected: readonly string[]
  readonly requireApprovalFor: readonly Risk[]
  /** Who approved; absent or blank: nobody did. */
  readonly approved?: string
}

/**
 * @param candidate what a diff names a role to gain has its risk and code there, and what a role keeps is nowhere else
 * @returns sentences; empty when every gate lets it pass
 */
export function gateFaults(
  diff: PolicyDiff,
  summary: Pick<PlanSummary, 'effects' | 'byPermission'>,
  gates: Gates,
  { permissions, ...candidate }: Pick<PolicyBundle, 'permissions' | 'roles' | 'constraints'>,
): readonly string[] {
  const rules = ruleChanges(diff, candidate)
  const { gained, lost, widened, narrowed, changed } = summary.effects
  const allLost = `${lost} lost, ${narrowed} narrowed, ${changed} changed`
  const allGained = `${gained} gained, ${widened} widened, ${changed} changed`
  return [
    ...countFault('max-lost', 'lose', lost + narrowed + changed, allLost, gates.maxLost),
    ...countFault('max-gained', 'gain', gained + widened + changed, allGained, gates.maxGained),
    ...gates.protected.flatMap((pattern) => protectedFault(pattern, diff, summary, permissions, rules)),
    ...(gates.approved === undefined || gates.approved.trim() === ''
      ? [...new Set(gates.requireApprovalFor)].flatMap((risk) => approvalFault(risk, diff, permissions, rules))
      : []),
  ]
}

function countFault(gate: string, verb: string, count: number, parts: string, max: number | undefined): readonly string[] {
  if (max === undefined || count <= max) return []
  return [
    `${gate}: people would ${verb} ${count} (${parts}), ${count - max} more than the ${max} allowed. Split the change, or allow ${count} if that is meant.`,
  ]
}

function protectedFault(
  pattern: string,
  diff: PolicyDiff,
  summary: Pick<PlanSummary, 'byPermission'>,
  permissions: readonly PermissionEntry[],
  rules: readonly RuleChange[],
): readonly string[] {
  const { added, removed, renamed, changed } = diff.permissions
  const named = [...permissions, ...removed, ...renamed.flatMap(({ before, after }) => [before, after])]
  const known = new Set(named.filter(({ name, code }) => matches(pattern, name) || matches(pattern, code)).map(({ name }) => name))
  const isProtected = (name: string): boolean => known.has(name) || matches(pattern, name)
  const reasons = [
    ...removed.filter(({ name }) => isProtected(name)).map(({ name }) => `${name} is removed`),
    ...renamed
      .filter(({ before, after }) => isProtected(before.name) || isProtected(after.name))
      .map(({ before, after }) => `${before.name} (${before.code}) becomes ${after.name} (${after.code})`),
    // Nobody holds what is new, but a role may have got it, and that is told below.
    ...changed
      .filter(({ name }) => isProtected(name) && !added.some((one) => one.name === name))
      .flatMap(({ name, fields }) =>
        fields
          .filter(({ field }) => MEANING.has(field))
          .map(({ field, before, after }) => `${field} of ${name} is "${after}" instead of "${before}"`),
      ),
    ...grantChanges(diff)
      .filter(({ permission }) => isProtected(permission))
      .map(({ role, permission, verb }) => `role ${role} ${verb} ${permission}`),
    ...rules.filter((rule) => rule.permissions.some(isProtected)).map(({ words }) => words),
    ...summary.byPermission
      .filter(({ permission }) => isProtected(permission))
      .map(({ permission, ...counts }) => `people are touched in ${permission}: ${countsInWords(counts)}`),
  ]
  if (reasons.length === 0) return []
  return [`protected ${pattern}: ${examples(reasons)}. Leave it as it is, or lift the protection for this change.`]
}

/** Fields of a permission that say what it allows to whom, and how much care it needs. */
const MEANING: ReadonlySet<string> = new Set(['stage', 'attributes', 'risk'])

/** A name or code itself; of a prefix what is below it, never the prefix as a part of a word. */
function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('.*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

function approvalFault(
  risk: Risk,
  diff: PolicyDiff,
  permissions: readonly PermissionEntry[],
  rules: readonly RuleChange[],
): readonly string[] {
  const risky = new Set(permissions.filter((permission) => permission.risk === risk).map(({ name }) => name))
  // Lowering the risk and giving it away in one go would pass unseen.
  for (const { name, fields } of diff.permissions.changed)
    if (fields.some(({ field, before, after }) => field === 'risk' && before === risk && isLower(after, before))) risky.add(name)
  const reasons = [
    ...grantChanges(diff)
      .filter(({ permission, grows }) => grows && risky.has(permission))
      .map(({ role, permission, verb }) => `role ${role} ${verb} ${permission}`),
    ...diff.permissions.renamed
      .filter(({ before, after }) => before.name !== after.name && risky.has(after.name))
      .map(({ before, after }) => `${after.name} is a new name of ${before.name}`),
    ...diff.permissions.changed
      .filter(({ name, fields }) => risky.has(name) && fields.some(({ field, before }) => field === 'stage' && before === 'disabled'))
      .map(({ name }) => `${name} is no longer disabled`),
    ...rules.filter(({ loosens }) => loosens.some((name) => risky.has(name))).map(({ words }) => words),
  ]
  if (reasons.length === 0) return []
  return [`approval for risk:${risk}: ${examples(reasons)}. Have it approved, and say by whom.`]
}

function isLower(risk: string, than: string): boolean {
  const order = ['low', 'normal', 'high']
  return order.indexOf(risk) < order.indexOf(than)
}

interface NamedGrantChange {
  readonly role: string
  readonly permission: string
  readonly verb: 'gains' | 'loses' | 'changes its conditions for' | 'has no condition any more for'
  readonly grows: boolean
}

/** Of all roles, held or not. */
function grantChanges({ roles }: PolicyDiff): readonly NamedGrantChange[] {
  const gains = (role: string, permission: string): NamedGrantChange => ({ role, permission, verb: 'gains', grows: true })
  const loses = (role: string, permission: string): NamedGrantChange => ({ role, permission, verb: 'loses', grows: false })
  const all = [
    ...roles.added.flatMap(({ name, grants }) => grants.map(({ permission }) => gains(name, permission))),
    ...roles.removed.flatMap(({ name, grants }) => grants.map(({ permission }) => loses(name, permission))),
    ...roles.changed.flatMap(({ name, gained, lost, changed }) => [
      ...gained.map(({ permission }) => gains(name, permission)),
      ...lost.map(({ permission }) => loses(name, permission)),
      ...changed.map((change) => conditionChange(name, change)),
    ]),
  ]
  // One permission can stand in a role several times, under different conditions.
  return [...new Map(all.map((change) => [`${change.role} ${change.verb} ${change.permission}`, change])).values()]
}

/** A further alternative lets more through, whatever it asks. */
function conditionChange(role: string, { permission, before, after }: RoleChange['changed'][number]): NamedGrantChange {
  if (after === 'always') return { role, permission, verb: 'has no condition any more for', grows: true }
  const known = before === 'always' ? undefined : new Set(before.map(stableJson))
  const grows = known !== undefined && after.some((condition) => !known.has(stableJson(condition)))
  return { role, permission, verb: 'changes its conditions for', grows }
}

function countsInWords({ gained, lost, widened, narrowed, changed }: EffectCounts): string {
  const parts = Object.entries({ gained, lost, widened, narrowed, changed }).filter(([, count]) => count > 0)
  return listInWords(
    parts.map(([kind, count]) => `${count} ${kind}`),
    'and',
  )
}

function examples(reasons: readonly string[]): string {
  const more = reasons.length - GATE_EXAMPLES_MAX
  return more > 0 ? `${reasons.slice(0, GATE_EXAMPLES_MAX).join('; ')}; and ${more} more` : reasons.join('; ')
}
