/** Opens what says which policy is in force: a folder whose contents are proposed to all replicas, or the revisions that people publish. Floor 6. */
import { activatePolicy } from '../access/policy-activation.ts'
import type { PolicySchedule } from '../access/policy-schedule.ts'
import type { PolicyStatus } from '../model/administration.ts'
import { openPolicyDirectory, type PolicyFiles, readPolicyFiles } from '../policy/load.ts'
import type { Access } from './open-access.ts'
import { FOLDER, openingPolicies } from './policy-folder.ts'
import { openPublishedPolicies, type PublishedNeeds } from './published-policies.ts'
import type { DecisionPlan } from './service-plan.ts'

export interface OpenPolicies {
  /** @throws StoreError while no policy is in force */
  status(): PolicyStatus
  /** Looks at the folder now, where one is watched. Never throws. */
  reload(): Promise<void>
  /** Absent: a folder rules, and nothing else is activated. */
  readonly schedule: PolicySchedule | undefined
  /** Activations that wait for their time, as of the last look. */
  waiting(): number
  close(): Promise<void>
}

/**
 * @param files of the folder that is watched, read already
 * @throws PolicyFolderError, StoreError
 */
export async function openPolicies(
  { policies }: Pick<DecisionPlan, 'policies'>,
  files: PolicyFiles | undefined,
  needs: PublishedNeeds,
  access: Pick<Access, 'policy' | 'activation'>,
): Promise<OpenPolicies> {
  if (policies.source === 'published') return await openPublishedPolicies(policies.first, needs, access)
  const { directory, pollMs: intervalMs } = policies
  const { clock, log } = needs
  const watched = await openingPolicies(directory, async () =>
    openPolicyDirectory(
      {
        ...{ directory, clock, log, intervalMs },
        inForce: access.policy,
        propose: async (kept, source) => {
          await activatePolicy(access.activation, kept, source, { caller: FOLDER, reason: `read from ${source}` })
        },
      },
      files ?? (await readPolicyFiles(directory)),
    ),
  )
  return {
    status: () => watched.status(),
    reload: async () => {
      await watched.reload()
    },
    schedule: undefined,
    waiting: () => 0,
    close: () => watched.close(),
  }
}
