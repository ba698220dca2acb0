/** Counts decisions, for dashboards: plain numbers grow on the way of a check, which are read when somebody asks. Labels are bounded. Floor 5. */
import type { Buckets } from '../../ground/histogram.ts'
import type { Metrics } from '../../ground/metrics.ts'
import type { Level } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { PermissionsAnswer, Reason } from '../../model/decision.ts'
import type { DecisionObserver } from '../../model/decision-record.ts'
import { METRIC_CALLERS_MAX, METRIC_PERMISSIONS_MAX, NAME_LISTS_KEPT_MAX } from '../../model/observation-limits.ts'
import { KeptLists } from '../kept-lists.ts'

/** From half of a warm check to the deadline of a request. */
const SECONDS_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
const WIRES = ['grpc', 'http'] as const
const LEVELS = ['memory', 'redis', 'store', 'none'] as const
/** No permission, caller or tenant is called so by chance alone: whoever is, is counted among them. */
const OTHER = 'other'

interface Tally {
  allow: number
  deny: number
}

/** By name, at most so many; who comes later is counted together. */
class Tallies {
  readonly #max: number
  readonly #byName = new Map<string, Tally>()
  readonly #other: Tally = { allow: 0, deny: 0 }

  constructor(max: number) {
    this.#max = max
  }

  /** @param name absent: no name of ours */
  of(name: string | undefined): Tally {
    if (name === undefined) return this.#other
    const found = this.#byName.get(name)
    if (found !== undefined) return found
    if (this.#byName.size >= this.#max) return this.#other
    const made = { allow: 0, deny: 0 }
    this.#byName.set(name, made)
    return made
  }

  *entries(): Iterable<readonly [string, 'allow' | 'deny', number]> {
    for (const [name, tally] of [...this.#byName, [OTHER, this.#other] as const])
      for (const outcome of ['allow', 'deny'] as const) if (tally[outcome] > 0) yield [name, outcome, tally[outcome]]
  }
}

interface ReasonTally {
  readonly allowed: boolean
  count: number
}

/** Once per process. @param tenants that have series of their own; others have none at all, for there may be any number of them */
export function openDecisionCounts(metrics: Metrics, tenants: readonly string[]): DecisionObserver {
  const permissions = new Tallies(METRIC_PERMISSIONS_MAX)
  const callers = new Tallies(METRIC_CALLERS_MAX)
  const ofTenant = new Map(tenants.map((tenant): [string, Tally] => [tenant, { allow: 0, deny: 0 }]))
  const reasons = { grpc: new Map<Reason, ReasonTally>(), http: new Map<Reason, ReasonTally>() }
  const seconds = openSeconds(metrics)

  metrics.counter(
    'castellan_decisions_total',
    'Decisions by wire, outcome and reason: of Check, CheckStream and the items of BatchCheck. CheckPermissions has no reason for each name and is in castellan_permission_decisions_total',
    ['wire', 'outcome', 'reason'],
    (set) => {
      for (const wire of WIRES)
        for (const [reason, { allowed, count }] of reasons[wire]) set({ wire, outcome: outcomeOf(allowed), reason }, count)
    },
  )
  metrics.counter(
    'castellan_permission_decisions_total',
    `Decisions by permission; CheckPermissions counts once for each name. The first ${METRIC_PERMISSIONS_MAX} of the policy that were asked for; later ones, and names of no catalogue, are "${OTHER}"`,
    ['permission', 'outcome'],
    (set) => {
      for (const [permission, outcome, count] of permissions.entries()) set({ permission, outcome }, count)
    },
  )
  metrics.counter(
    'castellan_caller_decisions_total',
    `Decisions by the name of the caller; CheckPermissions counts once for each name. The first ${METRIC_CALLERS_MAX} that asked; later ones are "${OTHER}"`,
    ['caller', 'outcome'],
    (set) => {
      for (const [caller, outcome, count] of callers.entries()) set({ caller, outcome }, count)
    },
  )
  metrics.counter(
    'castellan_tenant_decisions_total',
    'Decisions by tenant, of those that CASTELLAN_METRICS_TENANTS names; CheckPermissions counts once for each name',
    ['tenant', 'outcome'],
    (set) => {
      for (const [tenant, tally] of ofTenant) for (const outcome of ['allow', 'deny'] as const) set({ tenant, outcome }, tally[outcome])
    },
  )

  /** Tallies of lists that are asked again, with one policy. */
  const lists = new KeptLists<readonly Tally[]>(NAME_LISTS_KEPT_MAX)
  let policy: CompiledPolicy | undefined
  const tallyOf = (asked: string | undefined, { findPermission }: CompiledPolicy) =>
    permissions.of(asked === undefined ? undefined : findPermission(asked)?.name)
  const countMany = ({ allowed, basis }: PermissionsAnswer): number => {
    if (policy !== basis.policy) lists.clear()
    policy = basis.policy
    const tallies = lists.of(basis.permissions, (names) => names.map((name) => tallyOf(name, basis.policy)))
    let allows = 0
    for (let index = 0; index < allowed.length; index++) {
      const isAllowed = allowed[index] === true
      if (isAllowed) allows++
      add(tallies[index] ?? permissions.of(undefined), isAllowed ? 1 : 0, isAllowed ? 0 : 1)
    }
    return allows
  }
  const countOthers = (tenant: string | undefined, caller: string, allows: number, denies: number) => {
    add(callers.of(caller), allows, denies)
    const tally = ofTenant.size === 0 || tenant === undefined ? undefined : ofTenant.get(tenant)
    if (tally !== undefined) add(tally, allows, denies)
  }
  return {
    decided(event) {
      const { decision, method, wire, trace } = event
      // Who asks why does not ask whether.
      if (method === 'Explain') return
      const { basis } = decision
      // Items of a batch wait for one another: how long it took is the request's.
      if (method !== 'BatchCheck')
        seconds[wire][basis.found?.level ?? 'none'].observe(
          event.elapsedMs / 1_000,
          trace?.sampled === true ? trace : undefined,
          event.atMs,
        )
      if ('reason' in decision) {
        const { allowed } = decision
        countReason(reasons[wire], decision.reason, allowed)
        add(tallyOf(basis.permissions[0], basis.policy), allowed ? 1 : 0, allowed ? 0 : 1)
        countOthers(basis.tenant, event.caller.name, allowed ? 1 : 0, allowed ? 0 : 1)
      } else {
        const allows = countMany(decision)
        countOthers(basis.tenant, event.caller.name, allows, decision.allowed.length - allows)
      }
    },
  }
}

function add(tally: Tally, allows: number, denies: number): void {
  tally.allow += allows
  tally.deny += denies
}

function openSeconds(metrics: Metrics): Readonly<Record<(typeof WIRES)[number], Readonly<Record<Level | 'none', Buckets>>>> {
  const family = metrics.histogram(
    'castellan_decision_seconds',
    'From the arrival of a question to its decision, by where the access state was found (none: nothing was looked up); of Check, CheckStream and CheckPermissions',
    ['wire', 'level'],
    SECONDS_BUCKETS,
  )
  const of = (wire: string) =>
    Object.fromEntries(LEVELS.map((level) => [level, family.labels({ wire, level })])) as Record<Level | 'none', Buckets>
  return { grpc: of('grpc'), http: of('http') }
}

function countReason(tallies: Map<Reason, ReasonTally>, reason: Reason, allowed: boolean): void {
  const found = tallies.get(reason)
  if (found === undefined) tallies.set(reason, { allowed, count: 1 })
  else found.count++
}

function outcomeOf(allowed: boolean): 'allow' | 'deny' {
  return allowed ? 'allow' : 'deny'
}
