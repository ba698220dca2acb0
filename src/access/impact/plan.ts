/** The plan of a candidate: looks at the holders of each changed role and streams what changes for them. Puts nothing in force. Floor 3. */
import { setImmediate } from 'node:timers/promises'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import { PLAN_PAIRS_READ_MAX, PLAN_STEPS_AT_ONCE_MAX } from '../../model/limits.ts'
import type { PlanEvent } from '../../model/policy-plan.ts'
import { diffPolicies } from '../../policy/diff.ts'
import type { ImpactReader } from '../../store/ports.ts'
import type { PermissionBits } from '../../token/permission-claims.ts'
import { abortable, throwIfAborted } from '../abortable.ts'
import { listChangedRoles, type World } from './changed-roles.ts'
import { ClaimSizes, foreseenBits } from './claim-sizes.ts'
import { HoldersWalk } from './holders-walk.ts'
import { NamedPeople } from './named-people.ts'
import { findPairBreaches } from './pair-breaches.ts'
import { findPairEffects, instantsOf } from './pair-effects.ts'
import { PlanCounts } from './plan-counts.ts'
import { RoleMeanings } from './role-meaning.ts'
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
  yield { event: 'begin', from: before.revision, to: after.revision, diff, changedRoles, pairsMax }

  const foreseen = foreseenBits(bits, [before, after])
  const sizes = { before: new ClaimSizes(before, foreseen), after: new ClaimSizes(after, foreseen) }
  const differences = new SetDifferences(was, is, sizes, changedRoles)
  const counts = new PlanCounts(before, after)
  const named = new NamedPeople()
  const walk = new HoldersWalk(impact, held, pairsAtOnce, signal)
  let steps = 0
  for await (const { readAtMs, fresh, pairsSoFar } of walk.pages()) {
    for (const pair of fresh) {
      const instants = instantsOf(pair, readAtMs)
      const dormant = pair.tenantSuspended || !pair.userActive
      const found = findPairEffects(pair, instants, differences)
      const breaches = findPairBreaches(pair, instants, before, after)
      counts.addPair(pair, dormant, found)
      counts.addBreaches(breaches)
      if (people) yield* named.add({ user: pair.user, tenant: pair.tenant, dormant, effects: found.effects }, breaches)
      steps += found.steps
      if (steps < PLAN_STEPS_AT_ONCE_MAX) continue
      steps = 0
      await setImmediate()
      throwIfAborted(signal)
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
