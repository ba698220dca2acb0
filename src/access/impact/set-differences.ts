/** What a candidate changes for all who hold one set of roles: found once a set, since most people share few. Pure. Floor 3. */
import type { ConditionContext } from '../../model/condition.ts'
import { PLAN_WEIGHT_KEPT_MAX } from '../../model/policy-limits.ts'
import type { Effect } from '../../model/policy-plan.ts'
import type { ClaimSize } from '../../model/policy-release.ts'
import { compareText } from '../../policy/faults.ts'
import { listChangedGrants, type World } from './changed-roles.ts'
import type { ClaimSizes } from './claim-sizes.ts'
import { KeptByUse } from './kept-by-use.ts'
import type { Pace } from './pace.ts'
import { type Alternative, sameAlternatives } from './role-meaning.ts'

/** One effect, and the changed roles by which it comes. */
export interface Difference {
  /** Without a time. */
  readonly effect: Effect
  /** In the candidate for a gain, in force for a loss. */
  readonly roles: readonly string[]
}

export interface SetDifference {
  /** The same for everybody with these roles; sorted by permission. */
  readonly fixed: readonly Difference[]
  /** As streamed: shared by all whom nothing else touches. */
  readonly fixedEffects: readonly Effect[]
  /** What depends on what is known of the person and the tenant. */
  readonly personal: readonly PersonalDifference[]
  readonly sizeBefore: ClaimSize
  readonly sizeAfter: ClaimSize
  readonly weight: number
}

interface PersonalDifference {
  readonly permission: string
  readonly before: SetGrant | undefined
  readonly after: SetGrant | undefined
}

/** How a set of roles grants a permission. */
interface SetGrant {
  /** Those that grant it without a condition; empty: none does. */
  readonly openRoles: readonly string[]
  readonly ways: readonly { readonly role: string; readonly alternative: Alternative }[]
}

/** How somebody holds it. */
interface Holding {
  readonly open: boolean
  readonly roles: readonly string[]
  readonly alternatives: readonly Alternative[]
}

export class SetDifferences {
  readonly #before: World
  readonly #after: World
  readonly #sizes: { readonly before: ClaimSizes; readonly after: ClaimSizes }
  readonly #changed: ReadonlySet<string>
  readonly #pace: Pace
  /** Changed roles to the permissions that they grant otherwise. */
  readonly #grants = new Map<string, readonly string[]>()
  readonly #known = new KeptByUse<SetDifference>(PLAN_WEIGHT_KEPT_MAX, (difference) => difference.weight)

  constructor(
    before: World,
    after: World,
    sizes: { readonly before: ClaimSizes; readonly after: ClaimSizes },
    changed: readonly string[],
    pace: Pace,
  ) {
    this.#pace = pace
    this.#before = before
    this.#after = after
    this.#sizes = sizes
    this.#changed = new Set(changed)
  }

  /** @param roles in force; those that neither policy has mean nothing */
  async of(roles: Iterable<string>): Promise<SetDifference> {
    const known = [...new Set(roles)].filter((role) => this.#before.policy.findRole(role) ?? this.#after.policy.findRole(role))
    known.sort(compareText)
    // Names of roles hold no blank.
    const key = known.join(' ')
    const found = this.#known.get(key)
    if (found !== undefined) return found
    const made = await this.#compare(known)
    this.#known.set(key, made)
    return made
  }

  async #compare(roles: readonly string[]): Promise<SetDifference> {
    // What no role of the set grants otherwise is held as before.
    const permissions = [...new Set(roles.flatMap((role) => this.#changedGrants(role)))].sort(compareText)
    const fixed: Difference[] = []
    const personal: PersonalDifference[] = []
    for (const permission of permissions) {
      if (this.#pace.took(2 * roles.length)) await this.#pace.rest()
      const before = grantOf(this.#before, roles, permission)
      const after = grantOf(this.#after, roles, permission)
      if (isPersonal(before) || isPersonal(after)) personal.push({ permission, before, after })
      else {
        const difference = this.#judge(permission, holdingOf(before, undefined), holdingOf(after, undefined))
        if (difference !== undefined) fixed.push(difference)
      }
    }
    return {
      fixed,
      fixedEffects: fixed.map((difference) => difference.effect),
      personal,
      sizeBefore: await this.#sizes.before.of(roles),
      sizeAfter: await this.#sizes.after.of(roles),
      weight: 1 + roles.length + fixed.length + personal.length * 4,
    }
  }

  /** All that is so for this person. Sorted by permission. */
  forPerson(difference: SetDifference, context: ConditionContext): readonly Difference[] {
    if (difference.personal.length === 0) return difference.fixed
    const own = difference.personal.flatMap(
      ({ permission, before, after }) => this.#judge(permission, holdingOf(before, context), holdingOf(after, context)) ?? [],
    )
    if (own.length === 0) return difference.fixed
    return [...difference.fixed, ...own].sort((a, b) => compareText(a.effect.permission, b.effect.permission))
  }

  #changedGrants(role: string): readonly string[] {
    if (!this.#changed.has(role)) return []
    const known = this.#grants.get(role) ?? listChangedGrants(this.#before, this.#after, role)
    this.#grants.set(role, known)
    return known
  }

  #judge(permission: string, before: Holding | undefined, after: Holding | undefined): Difference | undefined {
    const by = (...holdings: readonly Holding[]): readonly string[] =>
      [...new Set(holdings.flatMap((holding) => holding.roles))].filter((role) => this.#changed.has(role))
    if (before === undefined)
      return after === undefined ? undefined : { effect: { permission, kind: 'gained', conditional: !after.open }, roles: by(after) }
    if (after === undefined) return { effect: { permission, kind: 'lost', conditional: !before.open }, roles: by(before) }
    if (before.open) return after.open ? undefined : { effect: { permission, kind: 'narrowed', conditional: true }, roles: by(before) }
    if (after.open) return { effect: { permission, kind: 'widened', conditional: false }, roles: by(after) }
    if (sameAlternatives(before.alternatives, after.alternatives)) return undefined
    return { effect: { permission, kind: 'changed', conditional: true }, roles: by(before, after) }
  }
}

function grantOf(world: World, roles: readonly string[], permission: string): SetGrant | undefined {
  const grants = roles.flatMap((role) => {
    const grant = world.meanings.of(role).get(permission)
    return grant === undefined ? [] : [{ role, grant }]
  })
  if (grants.length === 0) return undefined
  return {
    openRoles: grants.filter(({ grant }) => grant.open).map(({ role }) => role),
    ways: grants.flatMap(({ role, grant }) => grant.alternatives.map((alternative) => ({ role, alternative }))),
  }
}

function isPersonal(grant: SetGrant | undefined): boolean {
  return grant !== undefined && grant.openRoles.length === 0 && grant.ways.some(({ alternative }) => alternative.personal)
}

/** As ListPermissions has it: open ways if there is one, else those whose variables are set. @param context absent: no way needs one */
function holdingOf(grant: SetGrant | undefined, context: ConditionContext | undefined): Holding | undefined {
  if (grant === undefined) return undefined
  if (grant.openRoles.length > 0) return { open: true, roles: grant.openRoles, alternatives: [] }
  const counted = context === undefined ? grant.ways : grant.ways.filter(({ alternative }) => alternative.variablesSet(context))
  if (counted.length === 0) return undefined
  const alternatives = new Map(counted.map(({ alternative }) => [alternative.text, alternative]))
  return {
    open: false,
    roles: counted.map(({ role }) => role),
    alternatives: [...alternatives.values()].sort((a, b) => compareText(a.text, b.text)),
  }
}
