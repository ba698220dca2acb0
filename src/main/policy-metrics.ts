/** Which policy is in force, for dashboards. Floor 6. */
import type { Metrics } from '../ground/metrics.ts'
import type { PolicyStatus } from '../model/administration.ts'

export interface WatchedPolicies {
  /** @throws while no policy is in force, which then has no series */
  status(): PolicyStatus
  /** Activations that wait for their time. */
  waiting(): number
}

export function addPolicyMetrics(metrics: Metrics, { status, waiting }: WatchedPolicies): void {
  metrics.gauge('castellan_policy_info', 'The policy revision in force (1) and where it came from', ['revision', 'source'], (gauge) => {
    // Only one revision is in force: the series of the one before must end.
    gauge.reset()
    const current = statusOrNone(status)
    if (current !== undefined) gauge.set({ revision: current.revision, source: current.source }, 1)
  })
  metrics.gauge('castellan_policy_faults', 'Why the policy files here are not in force, in lines; 0 when they are', [], (gauge) => {
    gauge.set(statusOrNone(status)?.faults.length ?? Number.NaN)
  })
  metrics.gauge(
    'castellan_policy_in_force_timestamp_seconds',
    'When the policy revision in force took force in this process, in seconds since 1970; compare with time() for how long it has been',
    [],
    (gauge) => {
      const current = statusOrNone(status)
      gauge.set(current === undefined ? Number.NaN : current.loadedAtMs / 1_000)
    },
  )
  metrics.gauge('castellan_policy_activations_waiting', 'Activations of policy revisions that wait for their time', [], (gauge) => {
    gauge.set(waiting())
  })
}

function statusOrNone(status: () => PolicyStatus): PolicyStatus | undefined {
  try {
    return status()
  } catch {
    return undefined
  }
}
