/** Opens the folder of policy files, whose contents are proposed to all replicas in the name of the system. Floor 6. */
import { activatePolicy } from '../access/policy-activation.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { Caller } from '../model/caller.ts'
import { openPolicyDirectory, type PolicyDirectory, type PolicyFiles, readPolicyFiles } from '../policy/load.ts'
import type { Access } from './open-access.ts'
import { openingPolicies } from './policy-folder.ts'
import type { ServicePlan } from './service-plan.ts'

/** Who activates what lies in a folder: nobody called, the files changed. */
const SYSTEM: Caller = { id: 'system', name: 'system', scopes: [], tenants: null, builtIn: true }

/** @throws PolicyFolderError when files that can be read make no policy */
export async function readPolicies(directory: string): Promise<PolicyFiles> {
  return await openingPolicies(directory, () => readPolicyFiles(directory))
}

/** @throws PolicyFolderError, StoreError */
export async function openPolicies(
  plan: Pick<ServicePlan, 'policyDirectory' | 'policyPollMs'>,
  files: PolicyFiles,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  { policy, activation }: Pick<Access, 'policy' | 'activation'>,
): Promise<PolicyDirectory> {
  return await openingPolicies(plan.policyDirectory, () =>
    openPolicyDirectory(
      {
        directory: plan.policyDirectory,
        inForce: policy,
        propose: async (kept, source) => {
          await activatePolicy(activation, kept, source, { caller: SYSTEM, reason: `read from ${source}` })
        },
        clock,
        log,
        intervalMs: plan.policyPollMs,
      },
      files,
    ),
  )
}
