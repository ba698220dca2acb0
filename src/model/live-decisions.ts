/** Decisions of this replica as they are made. Floor 1. */
import type { Caller } from './caller.ts'
import type { DecisionFilter, DecisionRecord } from './decision-record.ts'

export type LiveFilter = Omit<DecisionFilter, 'sinceMs' | 'untilMs'>

export type LiveEvent =
  | { readonly kind: 'decision'; readonly record: DecisionRecord }
  /**
   * So many that would have been sent were not, for the reader was too slow. `atMost`: they were lost before anybody saw whose they were, so at most
   * so many; 0 to a caller that is limited to tenants, for how much others ask is not its business.
   */
  | { readonly kind: 'lost'; readonly count: number; readonly atMost: boolean }
  /** Nothing happened for a while: the stream stands. */
  | { readonly kind: 'heartbeat'; readonly atMs: number }

export interface LiveDecisions {
  /**
   * From its first step, which is a heartbeat, until the signal aborts, whose reason it throws. Each step is what came since the last one, in order and
   * never empty. Scope `audit`; a caller that is limited to tenants sees those, and nothing that is in no tenant.
   * @throws CallerDeniedError; ServiceError `overloaded` beyond the readers that one process, or one caller, may have
   */
  watch(caller: Caller, filter: LiveFilter, signal: AbortSignal): AsyncIterable<readonly LiveEvent[]>
}

/** What is told of decisions after they were made, masked, whatever is sampled. Listeners must not wait and must not throw. */
export interface DecisionSource {
  /** @returns what ends it */
  subscribe(listener: DecisionListener): () => void
}

export interface DecisionListener {
  decided(record: DecisionRecord): void
  /** So many were never built, for there was no room. */
  lost(count: number): void
}
