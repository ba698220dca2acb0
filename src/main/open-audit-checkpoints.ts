/** Opens what signs checkpoints of the audit, where there is a key for it, and shows how they go on `/metrics`. Floor 6. */
import type { KeyObject } from 'node:crypto'
import { openAuditCheckpoints } from '../access/audit-checkpoints.ts'
import type { Lifecycle } from '../ground/lifecycle.ts'
import { openCheckpointSigner } from '../token/checkpoint-jws.ts'
import type { Foundation, ServiceNeeds } from './open-foundation.ts'

export interface CheckpointPlan {
  /** Absent: none are made. */
  readonly key: KeyObject | undefined
  readonly intervalMs: number
}

type Needs = Pick<ServiceNeeds, 'clock' | 'log' | 'metrics'> & Pick<Foundation, 'store'>

export async function openProcessCheckpoints(plan: CheckpointPlan, needs: Needs, lifecycle: Lifecycle): Promise<void> {
  const { store, clock, log, metrics } = needs
  if (plan.key === undefined)
    log.warn('no checkpoints of the audit are signed: set CASTELLAN_AUDIT_KEY_FILE, or nobody can prove later that nothing was cut from it')
  const signer = plan.key && (await openCheckpointSigner(plan.key))
  const checkpoints = signer && openAuditCheckpoints({ store, signer, intervalMs: plan.intervalMs, clock, log })
  metrics.gauge(
    'castellan_audit_checkpoint_timestamp_seconds',
    'When a signed checkpoint last covered all records of the audit, in seconds since 1970; without a key there is none',
    [],
    (gauge) => gauge.set(checkpoints?.coveredAtMs === undefined ? Number.NaN : checkpoints.coveredAtMs / 1_000),
  )
  metrics.counter('castellan_audit_checkpoint_errors_total', 'Checkpoints of the audit that failed; each is tried again', [], (set) =>
    set({}, checkpoints?.errors ?? 0),
  )
  if (checkpoints !== undefined) lifecycle.add('audit checkpoints', () => checkpoints.close())
}
