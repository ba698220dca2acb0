/** Which policy is in force, for dashboards. Floor 6. */
import type { Metrics } from '../ground/metrics.ts'
import type { PolicyStatus } from '../model/administration.ts'

/** @param status throws while no policy is in force, which then has no series */
export function addPolicyMetrics(metrics: Metrics, status: () => PolicyStatus): void {
  metrics.gauge('castellan_policy_info', 'The policy revision in force (1) and where it came from', ['revision', 'source'], (gauge) => {
    // Only one revision is in force: the series of the one before must end.
    gauge.reset()
    const current = statusOrNone(status)
    if (current !== undefined) gauge.set({ revision: current.revision, source: current.source }, 1)
  })
  metrics.gauge('castellan_policy_faults', 'Why the policy files here are not in force, in lines; 0 when they are', [], (gauge) => {
    gauge.set(statusOrNone(status)?.faults.length ?? Number.NaN)
  })
}

function statusOrNone(status: () => PolicyStatus): PolicyStatus | undefined {
  try {
    return status()
  } catch {
    return undefined
  }
}
