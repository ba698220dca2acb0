/** Policies where published revisions rule: no folder is watched, and one may give the very first policy. Floor 6. */
import { resolve } from 'node:path'
import { flipPolicy, publishRevision, waitUntilPrepared } from '../access/policy-activation.ts'
import { openPolicySchedule, type PolicySchedule } from '../access/policy-schedule.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { PolicyStatus } from '../model/administration.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { canonicalJson } from '../policy/canonical.ts'
import { formatFault, isError, PolicyError, type PolicyFault } from '../policy/faults.ts'
import { readPolicyFiles } from '../policy/load.ts'
import type { Store } from '../store/ports.ts'
import type { Access } from './open-access.ts'
import { FOLDER, openingPolicies } from './policy-folder.ts'
import { storedPolicyStatus } from './stored-policy-status.ts'

/** What to do where nothing is in force, for a log and a probe. */
export const PUBLISH_ONE = 'publish one and activate it: castellan policy publish <folder> --activate'

export interface PublishedPolicies {
  /** @throws StoreError while no policy is in force */
  status(): PolicyStatus
  /** Says that there is nothing to re-read. */
  reload(): Promise<void>
  readonly schedule: PolicySchedule
  /** Activations that wait for their time, as of the last look. */
  waiting(): number
  close(): Promise<void>
}

export interface PublishedNeeds {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
}

/**
 * @param first folder that gives the policy when none was ever in force; absent, or later: nothing is read from any
 * @throws PolicyFolderError when that is broken; StoreError
 */
export async function openPublishedPolicies(
  first: string | undefined,
  { store, clock, log }: PublishedNeeds,
  { policy, activation }: Pick<Access, 'policy' | 'activation'>,
): Promise<PublishedPolicies> {
  let loadedAtMs = clock.nowMs()
  policy.onAdopted(({ revision }, before) => {
    loadedAtMs = clock.nowMs()
    log.info({ revision, before, source: 'stored' }, 'policy revision in force')
  })
  await beginWith(first, { log }, { policy, activation })
  const waiting = new WaitingCount(store.records)
  const schedule = openPolicySchedule({ store: { change: (work) => store.change(work), records: waiting }, activation, clock, log })
  return {
    status: () => storedPolicyStatus(policy, loadedAtMs),
    reload: async () => {
      log.warn('nothing is re-read: published revisions rule here, and no policy folder is watched (CASTELLAN_POLICY_SOURCE)')
    },
    schedule,
    waiting: () => waiting.count,
    close: () => schedule.close(),
  }
}

async function beginWith(
  first: string | undefined,
  { log }: Pick<PublishedNeeds, 'log'>,
  access: Pick<Access, 'policy' | 'activation'>,
): Promise<void> {
  const { revision } = access.policy
  const folder = first && resolve(first)
  if (revision !== undefined) {
    if (folder !== undefined)
      log.info({ folder, revision }, 'the policy folder is not looked at: published revisions rule here, and one is in force')
    return
  }
  if (folder === undefined) {
    log.warn(`no policy is in force, and checks are refused until one is: ${PUBLISH_ONE}`)
    return
  }
  const { policy, faults } = await openingPolicies(folder, () => readGood(folder))
  const warnings = faults.filter((fault) => !isError(fault)).map(formatFault)
  if (warnings.length > 0) log.warn({ warnings }, 'policy files have warnings')
  await proposeFirst(policy, folder, log, access)
}

/** @throws PolicyError */
async function readGood(folder: string): Promise<{ readonly policy: CompiledPolicy; readonly faults: readonly PolicyFault[] }> {
  const { policy, faults } = await readPolicyFiles(folder)
  if (policy === undefined) throw new PolicyError(faults)
  return { policy, faults }
}

/** Replicas that start at once on an empty database propose each its own: one is first, and the others go by it. */
async function proposeFirst(
  compiled: CompiledPolicy,
  folder: string,
  log: Log,
  { policy, activation }: Pick<Access, 'policy' | 'activation'>,
): Promise<void> {
  const { revision, bundle } = compiled
  policy.offer(compiled)
  if (await publishRevision(activation, { revision, content: canonicalJson(bundle) }, folder)) await waitUntilPrepared(activation, revision)
  const flipped = await flipPolicy(
    activation,
    revision,
    { caller: FOLDER, reason: `first policy, read from ${folder}` },
    { claim: async (transaction) => (await transaction.findActiveRevisionName()) === undefined },
  )
  if (flipped === undefined) await activation.catchUp()
  else log.info({ folder, revision }, 'no policy was in force: the policy folder gave the first one, and is not looked at again')
}

/** Reads the schedule, and remembers how long it was: for a metric, without asking the database for it. */
class WaitingCount implements Pick<Store['records'], 'listDue'> {
  readonly #records: Pick<Store['records'], 'listDue'>
  count = 0

  constructor(records: Pick<Store['records'], 'listDue'>) {
    this.#records = records
  }

  async listDue() {
    const found = await this.#records.listDue()
    this.count = found.waiting
    return found
  }
}
