/** Counts what passes over the wires. Labels are bounded: methods are those of our tables, codes those of the model. Floor 5. */
import type { Buckets } from '../../ground/histogram.ts'
import type { Metrics } from '../../ground/metrics.ts'
import type { DecisionObserver } from '../../model/decision-record.ts'
import { openDecisionCounts } from './decision-counts.ts'

export type Wire = 'grpc' | 'http' | 'identity'

export interface WireMetrics extends DecisionObserver {
  /** @param code `ok` or an ErrorCode */
  ended(wire: Wire, method: string, code: string, seconds: number): void
  /** From now on it is told how many requests of a service are under way. */
  watchInFlight(service: 'decision' | 'identity', inFlight: () => number): void
  /** From now on it is told how many are told of changes. */
  watchAccessWatchers(watchers: () => number): void
}

/** From half a warm check to the deadline of a request. */
const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const WIRES = ['grpc', 'http', 'identity'] as const

interface MethodCounts {
  readonly codes: Map<string, number>
  readonly seconds: Buckets
}

/** Once per process: all wires count into the same families. @param tenants whose decisions are counted apart */
export function openWireMetrics(metrics: Metrics, tenants: readonly string[] = []): WireMetrics {
  const decisions = openDecisionCounts(metrics, tenants)
  const counts = { grpc: new Map<string, MethodCounts>(), http: new Map<string, MethodCounts>(), identity: new Map<string, MethodCounts>() }
  const inFlight = new Map<string, () => number>()
  metrics.counter('castellan_requests_total', 'Requests by wire, method and error code', ['wire', 'method', 'code'], (set) => {
    for (const wire of WIRES)
      for (const [method, { codes }] of counts[wire]) for (const [code, count] of codes) set({ wire, method, code }, count)
  })
  const seconds = metrics.histogram('castellan_request_seconds', 'Time to answer', ['wire', 'method'], SECONDS_BUCKETS)
  metrics.gauge('castellan_requests_in_flight', 'Requests under way', ['service'], (gauge) => {
    for (const [service, read] of inFlight) gauge.set({ service }, read())
  })
  let accessWatchers: (() => number) | undefined
  metrics.gauge('castellan_access_watchers', 'Streams that tell clients of changes, for their local checks', [], (gauge) => {
    if (accessWatchers !== undefined) gauge.set({}, accessWatchers())
  })
  return {
    decided: (event) => decisions.decided(event),
    ended(wire, method, code, elapsed) {
      let counted = counts[wire].get(method)
      if (counted === undefined) {
        counted = { codes: new Map(), seconds: seconds.labels({ wire, method }) }
        counts[wire].set(method, counted)
      }
      counted.codes.set(code, (counted.codes.get(code) ?? 0) + 1)
      counted.seconds.observe(elapsed)
    },
    watchInFlight: (service, read) => void inFlight.set(service, read),
    watchAccessWatchers(read) {
      accessWatchers = read
    },
  }
}
