/** The state of the policy in a process that looks at no policy files: what the feed put in force. Floor 6. */
import type { PolicyStatus } from '../model/administration.ts'
import type { PolicyInForce } from '../policy/in-force.ts'

/** @param loadedAtMs when it took force in this process, or when this process began to follow the feed @throws StoreError while none is in force */
export function storedPolicyStatus(policy: PolicyInForce, loadedAtMs: number): PolicyStatus {
  const { revision, bundle } = policy.current()
  return {
    revision,
    loadedAtMs,
    source: 'stored',
    permissions: bundle.permissions.length,
    roles: bundle.roles.length,
    faults: [],
  }
}
