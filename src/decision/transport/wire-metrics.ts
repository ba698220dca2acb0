/** Counts what passes over both wires. Labels are bounded: methods are those of our tables, codes and reasons those of the model. Floor 5. */
import type { Metrics } from '../../ground/metrics.ts'
import type { Decided } from '../../model/decision-record.ts'

export type Wire = 'grpc' | 'http' | 'identity'

export interface WireMetrics {
  decided(event: Decided): void
  /** @param code `ok` or an ErrorCode */
  ended(wire: Wire, method: string, code: string, seconds: number): void
}

/** From half a warm check to the deadline of a request. */
const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Once per process: all wires count into the same families. */
export function openWireMetrics(metrics: Metrics): WireMetrics {
  const decisions = metrics.counter('castellan_decisions_total', 'Decisions by wire, outcome and reason', ['wire', 'outcome', 'reason'])
  const requests = metrics.counter('castellan_requests_total', 'Requests by wire, method and error code', ['wire', 'method', 'code'])
  const seconds = metrics.histogram('castellan_request_seconds', 'Time to answer', ['wire', 'method'], SECONDS_BUCKETS)
  // Label sets are looked up once: hashing them anew would cost more than counting.
  const decisionCounters = new Map<string, { inc(): void }>()
  const requestCounters = new Map<string, { inc(): void }>()
  const timers = new Map<string, { observe(value: number): void }>()
  return {
    decided({ wire, decision, method }) {
      if (!('reason' in decision) || method === 'Explain') return
      const { allowed, reason } = decision
      const outcome = allowed ? 'allow' : 'deny'
      kept(decisionCounters, `${wire} ${outcome} ${reason}`, () => decisions.labels({ wire, outcome, reason })).inc()
    },
    ended(wire, method, code, elapsed) {
      kept(requestCounters, `${wire} ${method} ${code}`, () => requests.labels({ wire, method, code })).inc()
      kept(timers, `${wire} ${method}`, () => seconds.labels({ wire, method })).observe(elapsed)
    },
  }
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
