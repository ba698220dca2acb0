/** Decisions of this replica as they are made. Floor 1. */
import type { Caller } from './caller.ts'
import type { DecisionFilter, DecisionRecord } from './decision-record.ts'

export type LiveFilter = Omit<DecisionFilter, 'sinceMs' | 'untilMs'>

export type LiveEvent =
  | { readonly kind: 'decision'; readonly record: DecisionRecord }
  /** The reader was too slow for so many that it would have been sent. */
  | { readonly kind: 'lost'; readonly count: number }
  /** Nothing happened for a while: the stream stands. */
  | { readonly kind: 'heartbeat'; readonly atMs: number }

export interface LiveDecisions {
  /**
   * From now on, until the signal aborts. Scope `audit`; a caller that is limited to tenants sees those.
   * @throws CallerDeniedError; ServiceError `overloaded` beyond the readers that one process serves
   */
  watch(caller: Caller, filter: LiveFilter, signal: AbortSignal): AsyncIterable<LiveEvent>
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
