/** Which policy is in force, for dashboards. Floor 5. */
import type { Metrics } from '../ground/metrics.ts'
import type { PolicyStatus } from '../model/administration.ts'

export function addPolicyMetrics(metrics: Metrics, status: () => PolicyStatus): void {
  metrics.gauge('castellan_policy_info', 'The policy revision in force (1) and where it came from', ['revision', 'source'], (gauge) => {
    const { revision, source } = status()
    // Only one revision is in force: the series of the one before must end.
    gauge.reset()
    gauge.set({ revision, source }, 1)
  })
  metrics.gauge('castellan_policy_faults', 'Faults of newer policy files that were refused; 0 when the files are in force', [], (gauge) => {
    gauge.set(status().faults.length)
  })
}
