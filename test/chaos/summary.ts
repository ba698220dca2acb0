/** What a run comes to: counts, shares, latencies by fault, and whether it passed. Prints nothing. */
import { FEED_TIDY_INTERVAL_MS, REPLICA_SILENCE_MS_MAX } from '../../src/model/limits.ts'
import type { Counters } from './counters.ts'
import type { Answer, Check, Wire } from './history.ts'
import type { Judgement } from './judge.ts'
import type { FaultKind, Options } from './options.ts'
import type { Recorder, Told } from './recorder.ts'
import type { Injected } from './schedule.ts'

export interface FaultSummary {
  readonly kind: FaultKind
  readonly injected: number
  readonly hit: number
  /** Of each that hit, and of each that did not, what was seen. */
  readonly seen: readonly string[]
  /** Of all questions sent while it lasted and two seconds after; absent when there were none. */
  readonly shares: Shares | undefined
  readonly acknowledged: Latency | undefined
}

export interface Shares {
  readonly decided: number
  /** By a replica that could not know what holds. */
  readonly refused: number
  /** The replica was not there, or went away before it answered. */
  readonly unreachable: number
}

export interface Latency {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Summary {
  readonly seed: number
  readonly seconds: number
  readonly replicas: number
  readonly validity: 'on' | 'off'
  readonly heartbeats: 'on' | 'off'
  readonly checks: number
  readonly answers: number
  readonly checksByWire: Readonly<Record<Wire, number>>
  /** Of the checks of clients with local checks, those that they decided themselves, and how many of these broke a promise. */
  readonly local: { readonly clients: number; readonly checks: number; readonly decided: number; readonly violations: number }
  /** Checks that presented an access token. */
  readonly tokens: { readonly checks: number; readonly allowed: number; readonly revoked: number; readonly invalid: number }
  readonly failures: Readonly<Record<string, number>>
  readonly changes: Readonly<Record<string, number>>
  readonly changesUnknown: number
  readonly policyRevisions: number
  readonly readFrom: Readonly<Record<'memory' | 'redis' | 'store', number>>
  readonly outdated: Readonly<Record<'memory' | 'redis', number>>
  readonly staleRefusals: number
  readonly clockUncertaintyMs: number
  /** Why processes ended before they were ready, and how often; they were started again. */
  readonly failedStarts: Readonly<Record<string, number>>
  readonly faults: readonly FaultSummary[]
  readonly calm: Latency | undefined
  readonly violations: Judgement['counts'] & { readonly lost: number }
  readonly violationsTotal: number
  /** Of them, those in which a session, a signing key or an epoch was taken for older than it was. */
  readonly violationsOfTokens: number
  readonly examples: readonly string[]
  /** What else keeps the run from passing. */
  readonly complaints: readonly string[]
  readonly passed: boolean
}

export interface Outcome {
  readonly options: Options
  /** Of the load, without what came before and after. */
  readonly startedAt: number
  readonly endedAt: number
  readonly recorder: Recorder
  readonly counters: Counters
  readonly injected: readonly Injected[]
  readonly judgement: Judgement
  readonly lost: readonly string[]
  readonly policyRevisions: number
  readonly clockUncertaintyMs: number
  readonly failedStarts: readonly string[]
  readonly complaints: readonly string[]
}

/** How long after a fault its effects are still counted as its own. */
const AFTERMATH_MS = 2_000

export function summarize(outcome: Outcome): Summary {
  const { options, recorder, counters, injected, judgement, lost } = outcome
  const { checks, told } = recorder
  const faults = options.faults.map((kind) => faultSummary(kind, injected, recorder))
  const violationsTotal = judgement.total + lost.length
  const missed = faults.filter(({ hit }) => hit === 0).map(({ kind }) => `${kind} was not seen to hit`)
  const complaints = [...outcome.complaints, ...missed]
  const made = told.filter((one) => one.outcome.kind === 'made')
  return {
    seed: options.seed,
    seconds: Math.round((outcome.endedAt - outcome.startedAt) / 100) / 10,
    replicas: options.replicas,
    validity: options.validity ? 'on' : 'off',
    heartbeats: options.heartbeats ? 'on' : 'off',
    checks: checks.length,
    answers: checks.filter(({ outcome: { kind } }) => kind === 'answer').length,
    checksByWire: { grpc: 0, stream: 0, http: 0, local: 0, ...countBy(checks, ({ wire }) => wire) },
    local: {
      clients: options.locals,
      checks: checks.filter(({ wire }) => wire === 'local').length,
      decided: checks.filter(({ staleMs }) => staleMs !== undefined).length,
      violations: judgement.ofLocal,
    },
    tokens: tokensOf(checks),
    failures: countBy(checks, ({ outcome: one }) => (one.kind === 'failure' ? one.code : undefined)),
    changes: countBy(made, ({ kind }) => kind),
    changesUnknown: told.filter((one) => one.outcome.kind === 'unknown').length,
    policyRevisions: outcome.policyRevisions,
    readFrom: {
      memory: counters.sum('castellan_access_reads_total{level="memory"}'),
      redis: counters.sum('castellan_access_reads_total{level="redis"}'),
      store: counters.sum('castellan_access_reads_total{level="store"}'),
    },
    outdated: {
      memory: counters.sum('castellan_outdated_entries_total{level="memory"}'),
      redis: counters.sum('castellan_outdated_entries_total{level="redis"}'),
    },
    staleRefusals: counters.sum('castellan_stale_refusals_total'),
    clockUncertaintyMs: outcome.clockUncertaintyMs,
    failedStarts: countBy(outcome.failedStarts, (why) => why),
    faults,
    calm: latencyOf(made.filter((one) => one.wait && one.startedAt >= outcome.startedAt && !injected.some((fault) => holdsUp(fault, one)))),
    violations: { ...judgement.counts, lost: lost.length },
    violationsTotal,
    violationsOfTokens: judgement.ofTokens,
    examples: [...judgement.examples.map(({ promise, text }) => `${promise}: ${text}`), ...lost.slice(0, 3).map((text) => `lost: ${text}`)],
    complaints,
    passed: !options.validity
      ? violationsTotal > 0
      : !options.heartbeats
        ? judgement.ofLocal > 0
        : violationsTotal === 0 && complaints.length === 0,
  }
}

function tokensOf(checks: readonly Check[]): Summary['tokens'] {
  const presented = checks.filter(({ token }) => token !== undefined)
  const answered = (holds: (answer: Answer) => boolean) =>
    presented.filter(({ outcome }) => outcome.kind === 'answer' && holds(outcome)).length
  return {
    checks: presented.length,
    allowed: answered(({ allowed }) => allowed),
    revoked: answered(({ reason }) => reason === 'TOKEN_REVOKED'),
    invalid: answered(({ reason }) => reason === 'TOKEN_INVALID'),
  }
}

function faultSummary(kind: FaultKind, injected: readonly Injected[], { checks, told }: Recorder): FaultSummary {
  const ofKind = injected.filter((one) => one.kind === kind)
  const during = (startedAt: number) => ofKind.some((one) => meets(one, startedAt))
  const asked = checks.filter(({ startedAt }) => during(startedAt))
  const share = (holds: (check: Check) => boolean) => asked.filter(holds).length / asked.length
  const failed = (...codes: string[]) => share(({ outcome }) => outcome.kind === 'failure' && codes.includes(outcome.code))
  return {
    kind,
    injected: ofKind.length,
    hit: ofKind.filter(({ hit }) => hit).length,
    seen: ofKind.map(({ hit, seen }) => (hit ? seen : `not seen to hit: ${seen}`)),
    shares:
      asked.length === 0
        ? undefined
        : {
            decided: share(({ outcome }) => outcome.kind === 'answer'),
            refused: failed('store_unavailable', 'position_not_reached', 'deadline_exceeded', 'overloaded'),
            unreachable: failed('connection', 'given-up'),
          },
    acknowledged: latencyOf(told.filter((one) => one.outcome.kind === 'made' && one.wait && during(one.startedAt))),
  }
}

function meets(fault: Injected, startedAt: number): boolean {
  return startedAt >= fault.startedAt && startedAt <= fault.endedAt + AFTERMATH_MS
}

/** Changes wait for a replica that is gone until others have removed it: its silence, and their interval of looking. */
function holdsUp(fault: Injected, { startedAt, endedAt }: Told): boolean {
  const aftermathMs = fault.kind === 'replica-kill' ? REPLICA_SILENCE_MS_MAX + 2 * FEED_TIDY_INTERVAL_MS : AFTERMATH_MS
  return endedAt >= fault.startedAt && startedAt <= fault.endedAt + aftermathMs
}

function latencyOf(told: readonly Told[]): Latency | undefined {
  const sorted = told.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10
  return sorted.length === 0 ? undefined : { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}

function countBy<T>(list: readonly T[], keyOf: (item: T) => string | undefined): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of list) {
    const key = keyOf(item)
    if (key !== undefined) counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}
