/** The plan of a candidate: looks at the holders of each changed role and streams what changes for them. Puts nothing in force. Floor 3. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import { PLAN_DIFF_BYTES_MAX, PLAN_PAIRS_READ_MAX } from '../../model/policy-limits.ts'
import type { PlanEvent } from '../../model/policy-plan.ts'
import { diffPolicies } from '../../policy/diff.ts'
import type { ImpactReader } from '../../store/ports.ts'
import type { PermissionBits } from '../../token/permission-claims.ts'
import { abortable, throwIfAborted } from '../abortable.ts'
import { listChangedRoles, type World } from './changed-roles.ts'
import { ClaimSizes, foreseenBits } from './claim-sizes.ts'
import { cutDiff } from './cut-diff.ts'
import { HoldersWalk } from './holders-walk.ts'
import { NamedPeople } from './named-people.ts'
import { Pace } from './pace.ts'
import { type BreachNeeds, findPairBreaches } from './pair-breaches.ts'
import { findPairEffects, instantsOf } from './pair-effects.ts'
import { PlanCounts } from './plan-counts.ts'
import { RoleMeanings } from './role-meaning.ts'
import { SetBreaches } from './set-breaches.ts'
import { SetDifferences } from './set-differences.ts'

export interface PlanNeeds {
  readonly impact: ImpactReader
  /** As the database has them; what either policy adds is foreseen. */
  readonly bits: PermissionBits
}

export interface PlanOptions {
  /** Whether to name users and tenants event by event; the summary names tenants always. */
  readonly people: boolean
  /** Read by one statement; absent: PLAN_PAIRS_READ_MAX. */
  readonly pairsAtOnce?: number
}

/**
 * Work goes on only while somebody takes the events, and nothing is open between them: whoever stops taking them ends it.
 * @throws StoreError; what `abortable` makes of the signal, at once
 */
export async function* planPolicy(
  { impact, bits }: PlanNeeds,
  before: CompiledPolicy,
  after: CompiledPolicy,
  { people, pairsAtOnce = PLAN_PAIRS_READ_MAX }: PlanOptions,
  signal: AbortSignal,
): AsyncGenerator<PlanEvent, void, undefined> {
  throwIfAborted(signal)
  const [was, is] = [worldOf(before), worldOf(after)]
  const diff = diffPolicies(before.bundle, after.bundle)
  const liveRoles = new Set(await abortable(impact.listLiveRoles(), signal))
  const changedRoles = listChangedRoles(was, is, diff, [...liveRoles])
  const held = changedRoles.filter((role) => liveRoles.has(role))
  const pairsMax = held.length === 0 ? 0 : await abortable(impact.countLive(held), signal)
  const { diff: shown, leftOut } = cutDiff(diff, PLAN_DIFF_BYTES_MAX)
  yield { event: 'begin', from: before.revision, to: after.revision, diff: shown, diffLeftOut: leftOut, changedRoles, pairsMax }

  const foreseen = foreseenBits(bits, [before, after])
  const pace = new Pace(signal)
  const sizes = { before: new ClaimSizes(before, foreseen, pace), after: new ClaimSizes(after, foreseen, pace) }
  const differences = new SetDifferences(was, is, sizes, changedRoles, pace)
  const nameAfter = new Map(diff.permissions.renamed.map((renamed) => [renamed.before.name, renamed.after.name]))
  const breachNeeds: BreachNeeds = { before, after, sets: new SetBreaches(before, after, nameAfter, pace), pace }
  const counts = new PlanCounts(before, after)
  const named = new NamedPeople()
  const walk = new HoldersWalk(impact, held, pairsAtOnce, signal)
  for await (const { readAtMs, fresh, pairsSoFar } of walk.pages()) {
    for (const pair of fresh) {
      const instants = instantsOf(pair, readAtMs)
      const dormant = pair.tenantSuspended || !pair.userActive
      const found = await findPairEffects(pair, instants, differences, pace)
      const breaches = await findPairBreaches(pair, instants, breachNeeds)
      counts.addPair(pair, dormant, found)
      counts.addBreaches(breaches)
      if (people) yield* named.add({ user: pair.user, tenant: pair.tenant, dormant, effects: found.effects }, breaches)
    }
    yield* named.take()
    yield { event: 'progress', pairs: pairsSoFar, pairsMax }
  }
  throwIfAborted(signal)
  yield { event: 'end', summary: counts.summary(await walk.positions()) }
}

function worldOf(policy: CompiledPolicy): World {
  return { policy, meanings: new RoleMeanings(policy) }
}
