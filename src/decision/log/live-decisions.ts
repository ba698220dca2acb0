/** Decisions of this replica for those who watch, each as fast as it reads. Floor 5. */
import type { DecisionSource, LiveDecisions } from '../../model/live-decisions.ts'

export function openLiveDecisions(_source: DecisionSource): LiveDecisions {
  return {
    // biome-ignore lint/correctness/useYield: stands here until it is built
    async *watch() {
      throw new Error('not built yet')
    },
  }
}
