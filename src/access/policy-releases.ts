/** Policies as their publishers see them: published, planned, put in force, taken back; each call guarded here. Floor 3. */
import type { Random } from '../ground/random.ts'
import type { ChangeContext } from '../model/administration.ts'
import type { Caller } from '../model/caller.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { NotFoundError, RequestError, ServiceError, StoreError } from '../model/error-code.ts'
import { PLAN_READER_WAIT_MS_MAX, REVISION_PREFIX_CHARACTERS_MIN } from '../model/policy-limits.ts'
import type { PlanEvent } from '../model/policy-plan.ts'
import type { Activation, Candidate, PolicyReleases, Published, PublishInput } from '../model/policy-release.ts'
import type { RevisionRecord } from '../model/records.ts'
import { canonicalText, parseCanonical } from '../policy/canonical.ts'
import { historyFaults } from '../policy/code-history.ts'
import { PolicyError } from '../policy/faults.ts'
import type { PolicyInForce } from '../policy/in-force.ts'
import type { Store } from '../store/ports.ts'
import { bitsOf } from '../token/permission-claims.ts'
import { requirePolicyReader } from './administration.ts'
import { changeBy, recordApplied, recordNoop } from './change.ts'
import { requireAllTenants, requireOneScope, requireScope } from './guard.ts'
import { policyBudget } from './impact/budget.ts'
import { type PlanNeeds, planPolicy } from './impact/plan.ts'
import { OneAtATime } from './one-at-a-time.ts'
import {
  type ActivationNeeds,
  announceRevision,
  dayOf,
  type FlipOptions,
  type Flipped,
  flipPolicy,
  readHistory,
  waitUntilPrepared,
} from './policy-activation.ts'
import { type RunTests, readCandidate, readTestedCandidate } from './policy-candidate.ts'
import { callOff, type PolicySchedule, putDown } from './policy-schedule.ts'

export interface PolicyReleaseNeeds {
  readonly store: Store
  readonly policy: PolicyInForce
  readonly activation: ActivationNeeds
  readonly random: Random
  readonly runTests: RunTests
  /** Absent: the folder of this replica rules, and nothing is activated but what lies in it. */
  readonly schedule: Pick<PolicySchedule, 'look'> | undefined
}

/** Who may see which person a plan or a budget speaks of: a pipeline's key to publish need not. */
const PEOPLE_READERS = ['administer', 'audit'] as const
const mayNamePeople = (caller: Caller) => PEOPLE_READERS.some((scope) => caller.scopes.includes(scope))

/** What a publisher's source is called among those of folders. */
const PUBLISHED = 'published'

export function openPolicyReleases(needs: PolicyReleaseNeeds): PolicyReleases {
  const { records } = needs.store
  // Each plan reads all holders of what it changes, and each candidate is read at one go: checks come first.
  const plans = new OneAtATime('Another plan or budget is being made here.', 5)
  const publications = new OneAtATime('Another policy is being published here.', 1)
  const requirePublisher = (caller: Caller) => {
    requireScope(caller, 'publish')
    requireAllTenants(caller, 'A policy spans')
  }
  const waiting = () => records.listScheduled()

  return {
    async publish(context, input) {
      requirePublisher(context.caller)
      return await publications.run(() => publish(needs, context, input))
    },

    async activate(context, { revision: wanted, atMs }): Promise<Activation> {
      requirePublisher(context.caller)
      const schedule = requireSchedule(needs)
      const { revision } = await findOne(needs, wanted)
      if (atMs !== undefined) {
        const put = await putDown(needs, context, revision, atMs)
        if (put !== undefined) {
          needs.activation.acknowledgement.announce()
          void schedule.look()
          return { revision, changed: true, position: put.position, effective: false, scheduled: put.scheduled, waiting: await waiting() }
        }
      }
      return { revision, ...(await activateNow(needs, context, revision)), waiting: await waiting() }
    },

    async rollback(context, { to, from }): Promise<Activation> {
      requirePublisher(context.caller)
      requireSchedule(needs)
      const { active, previous } = await needs.store.change(async (transaction) => ({
        active: await transaction.findActiveRevisionName(),
        previous: await transaction.findPrevious(),
      }))
      if (from !== undefined && (await findOne(needs, from)).revision !== active)
        throw new ServiceError('conflict', 'The revision to go back from is not in force.', { hint: 'Look at what is, and ask again.' })
      const revision = to === undefined ? previous?.revision : (await findOne(needs, to)).revision
      if (revision === undefined || active === undefined)
        throw new ServiceError('conflict', 'No other policy revision was in force before: there is nothing to go back to.')
      // Two who roll back at once want the same: the second must not go further.
      const options = to === undefined ? { expected: active, ...(previous && { restores: previous.activation }) } : {}
      return { revision, ...(await activateNow(needs, context, revision, options)), waiting: await waiting() }
    },

    async cancel(context, scheduledId) {
      requirePublisher(context.caller)
      return await callOff(needs, context, scheduledId)
    },
    async listActivations(caller, page) {
      requirePolicyReader(caller)
      return await records.listActivations(page)
    },
    async listScheduled(caller) {
      requirePolicyReader(caller)
      return await waiting()
    },
    async getRevision(caller, wanted) {
      requirePolicyReader(caller)
      const record = await findOne(needs, wanted)
      const content = await records.findRevision(record.revision)
      if (content === undefined) throw new StoreError(`The store has no content of policy revision ${record.revision}`)
      return { ...record, bundle: parseCanonical(content) }
    },
    async listReplicas(caller) {
      requirePolicyReader(caller)
      const rows = await needs.store.replicas.list()
      return rows.map(({ id, startedAtMs, seenAtMs, knownPosition, policyRevision, policySinceMs, preparedRevision }) => ({
        ...{ id, startedAtMs, seenAtMs, preparedRevision },
        position: knownPosition,
        revision: policyRevision,
        revisionSinceMs: policySinceMs,
      }))
    },
    async listLiveRoles(caller) {
      requirePolicyReader(caller)
      return await needs.store.impact.listLiveRoles()
    },
    async listIndex(caller) {
      requirePolicyReader(caller)
      return await needs.store.identity.listPermissionIndex()
    },
    async budget(caller, signal) {
      requirePolicyReader(caller)
      // It walks all rows, as a plan may.
      const budget = await plans.run(async () => await policyBudget(await impactNeeds(needs), needs.policy.current(), signal))
      if (budget.worst === undefined || mayNamePeople(caller)) return budget
      const { user: _, ...worst } = budget.worst
      return { ...budget, worst }
    },

    async *plan(caller, candidate, people, signal): AsyncGenerator<PlanEvent> {
      requirePolicyReader(caller)
      if (people) requireOneScope(caller, PEOPLE_READERS)
      if (needs.policy.revision === undefined)
        throw new ServiceError('conflict', 'No policy is in force: there is nothing to compare with.', {
          hint: 'Publish and activate the first one.',
        })
      yield* plans.stream((ends) => planOf(needs, candidate, people, ends), signal, PLAN_READER_WAIT_MS_MAX)
    },
  }
}

async function* planOf(
  needs: PolicyReleaseNeeds,
  candidate: Candidate,
  people: boolean,
  signal: AbortSignal,
): AsyncGenerator<PlanEvent, void, undefined> {
  const before = needs.policy.current()
  const after = await compiledOf(needs, candidate)
  yield* planPolicy(await impactNeeds(needs), before, after, { people }, signal)
}

async function publish(needs: PolicyReleaseNeeds, context: ChangeContext, input: PublishInput): Promise<Published> {
  const { files, ...origin } = input
  const { policy, names, warnings } = readTestedCandidate(files, needs.runTests)
  const { revision, bundle } = policy
  const published = await changeBy(needs, context, async (change) => {
    const { transaction } = change
    const kept = await transaction.findRevisionRecord(revision)
    const audited = { action: 'policy.publish', target: revision } as const
    if (kept !== undefined) {
      const position = await recordNoop(change, { ...audited, before: kept, after: kept })
      return { record: kept, changed: false, position }
    }
    const history = await readHistory(transaction)
    const faults = historyFaults(bundle, history, dayOf(await transaction.nowMs()), names)
    if (faults.length > 0) throw new PolicyError(faults)
    await transaction.insertRevision(revision, canonicalText(bundle), PUBLISHED, { ...origin, publishedBy: context.caller.id })
    const record = await transaction.findRevisionRecord(revision)
    if (record === undefined) throw new StoreError(`The policy revision ${revision} was not kept`)
    const position = await recordApplied(change, { ...audited, before: null, after: record }, [{ kind: 'revision', revision }])
    return { record, changed: true, position }
  })
  // Compiled here already, as every replica will have to.
  if (published.changed) needs.policy.offer(policy)
  needs.activation.acknowledgement.announce()
  return { ...published, warnings }
}

/** Everything an activation now is, after the question which. */
async function activateNow(
  needs: PolicyReleaseNeeds,
  context: ChangeContext,
  revision: string,
  options: Pick<FlipOptions, 'expected' | 'restores'> = {},
): Promise<Pick<Activation, 'changed' | 'position' | 'effective' | 'previousRevision'>> {
  const { activation } = needs
  if (await announceRevision(activation, revision, context)) await waitUntilPrepared(activation, revision)
  const { changed, position, before }: Flipped = await flipPolicy(activation, revision, context, { auditNoop: true, ...options })
  return { changed, position, effective: context.wait !== false, ...(changed && before !== undefined ? { previousRevision: before } : {}) }
}

/** @throws ServiceError `conflict` where the folder rules */
function requireSchedule({ schedule }: PolicyReleaseNeeds): Pick<PolicySchedule, 'look'> {
  if (schedule !== undefined) return schedule
  throw new ServiceError('conflict', 'The policy folder of this service says what is in force.', {
    hint: 'Change the files there, or start it with CASTELLAN_POLICY_SOURCE=published.',
  })
}

/** @param wanted whole, a prefix, or `active` @throws NotFoundError; RequestError for what says none or several */
async function findOne({ store, policy }: PolicyReleaseNeeds, wanted: string): Promise<RevisionRecord> {
  const name = wanted === 'active' ? policy.revision : wanted
  if (name === undefined) throw new NotFoundError('No policy is in force.')
  if (name.length < REVISION_PREFIX_CHARACTERS_MIN || !/^[0-9a-f]{1,64}$/.test(name))
    throw new RequestError([
      {
        field: 'revision',
        message: `must be ${REVISION_PREFIX_CHARACTERS_MIN} to 64 hexadecimal digits (0-9, a-f), the first of a revision`,
      },
    ])
  const [one, other] = await store.records.findRevisionsByPrefix(name)
  if (one === undefined) throw new NotFoundError('No policy revision begins so.', '`castellan policy revisions` lists those that are kept.')
  if (other !== undefined) throw new RequestError([{ field: 'revision', message: 'begins several revisions: give more of it' }])
  return one
}

async function impactNeeds({ store }: PolicyReleaseNeeds): Promise<PlanNeeds> {
  return { impact: store.impact, bits: bitsOf(await store.identity.listPermissionIndex()) }
}

async function compiledOf(needs: PolicyReleaseNeeds, candidate: Candidate): Promise<CompiledPolicy> {
  if ('files' in candidate) return readCandidate(candidate.files).policy
  return await needs.policy.find((await findOne(needs, candidate.revision)).revision)
}
