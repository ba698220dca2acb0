/** Tells in the log when a mask names attributes that no permission of the policy in force has in its records. Changes nothing. Floor 6. */
import { idleAttributes, type Mask } from '../decision/log/mask.ts'
import type { Log } from '../ground/log.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import type { PolicyInForce } from '../policy/in-force.ts'

/** Of the policy that is in force now, where one is, and of each that takes force: a mistyped path would leave in clear what it was to hide. */
export function warnOfIdleMasks(mask: Mask | undefined, policy: Pick<PolicyInForce, 'current' | 'revision' | 'onAdopted'>, log: Log): void {
  if (mask === undefined || mask.attributes.length === 0) return
  const look = ({ bundle, revision }: CompiledPolicy) => {
    const idle = idleAttributes(mask, bundle.permissions)
    if (idle.length === 0) return
    log.warn(
      { paths: idle.map((name) => `resource.attributes.${name}`), revision },
      'CASTELLAN_DECISION_LOG_MASK names attributes that no permission of the policy in force logs: nothing is masked by them',
    )
  }
  policy.onAdopted(look)
  if (policy.revision !== undefined) look(policy.current())
}
