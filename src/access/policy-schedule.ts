/** Activations to come: put down, called off, and carried out when their time is there, by whichever replica is first. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { Random } from '../ground/random.ts'
import type { ChangeContext } from '../model/administration.ts'
import type { Caller } from '../model/caller.ts'
import { NotFoundError, RequestError, ServiceError } from '../model/error-code.ts'
import { ACTIVATION_AHEAD_MS_MAX, ACTIVATION_LOOK_INTERVAL_MS, ACTIVATIONS_WAITING_MAX, TEXT_CHARACTERS_MAX } from '../model/limits.ts'
import type { ScheduledActivation } from '../model/policy-release.ts'
import { PolicyError } from '../policy/faults.ts'
import type { Store } from '../store/ports.ts'
import { changeBy, recordApplied } from './change.ts'
import { type ActivationNeeds, announceRevision, flipPolicy, waitUntilPrepared } from './policy-activation.ts'

/** Who activates at a time that was put down: whoever did it is in the reason. */
const SYSTEM: Caller = { id: 'system', name: 'system', scopes: [], tenants: null, builtIn: true }
/** Between two looks at least, in milliseconds: the database's clock may be a little behind ours. */
const LOOK_AGAIN_MS_MIN = 100

export interface PolicySchedule {
  /** Looks now, whatever the timer does. Never throws: what failed is in the log and tried again. */
  look(): Promise<void>
  /** Waits for a look that is under way. */
  close(): Promise<void>
}

export interface PolicyScheduleNeeds {
  readonly store: Pick<Store, 'change'> & { readonly records: Pick<Store['records'], 'listScheduled'> }
  readonly activation: ActivationNeeds
  readonly clock: Clock
  readonly log: Log
}

/** @returns the new row, or `undefined` when `atMs` is not in the future on the database's clock: nothing was written then */
export async function putDown(
  needs: { readonly store: Pick<Store, 'change'>; readonly random: Random },
  context: ChangeContext,
  revision: string,
  atMs: number,
): Promise<{ readonly scheduled: ScheduledActivation; readonly position: number } | undefined> {
  return await changeBy(needs, context, async (change) => {
    const { transaction } = change
    const nowMs = await transaction.nowMs()
    if (atMs <= nowMs) return undefined
    if (atMs - nowMs > ACTIVATION_AHEAD_MS_MAX)
      throw new RequestError([{ field: 'at', message: `must lie within ${ACTIVATION_AHEAD_MS_MAX / 86_400_000} days` }])
    if ((await transaction.countScheduled()) >= ACTIVATIONS_WAITING_MAX)
      throw new ServiceError('conflict', `${ACTIVATIONS_WAITING_MAX} activations wait already.`, { hint: 'Cancel one of them first.' })
    const scheduled = await transaction.insertScheduled({
      id: needs.random.uuid(),
      revision,
      activateAtMs: atMs,
      reason: context.reason ?? null,
      createdBy: context.caller.id,
    })
    const audited = { action: 'policy.schedule', target: revision, before: null, after: scheduled } as const
    return { scheduled, position: await recordApplied(change, audited, [{ kind: 'revision', revision }]) }
  })
}

/** @throws NotFoundError; ServiceError `conflict` when it does not wait any more */
export async function callOff(
  needs: { readonly store: Pick<Store, 'change'> },
  context: ChangeContext,
  id: string,
): Promise<ScheduledActivation> {
  return await changeBy(needs, context, async (change) => {
    const { transaction } = change
    const before = await transaction.lockScheduled(id)
    if (before === undefined) throw new NotFoundError('No activation of this id is known.')
    if (before.state !== 'waiting') {
      const became = before.state === 'done' ? 'was carried out' : 'was cancelled'
      throw new ServiceError('conflict', `The activation ${became} already.`)
    }
    const after = await transaction.endScheduled(id, 'cancelled')
    // A position has to say something; that replicas have the revision ready harms nobody.
    await recordApplied(change, { action: 'policy.cancel', target: before.revision, before, after }, [
      { kind: 'revision', revision: before.revision },
    ])
    return after
  })
}

export function openPolicySchedule(needs: PolicyScheduleNeeds): PolicySchedule {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let looking: Promise<void> = Promise.resolve()

  async function lookOnce(): Promise<void> {
    clearTimeout(timer)
    let pauseMs = ACTIVATION_LOOK_INTERVAL_MS
    try {
      for (const next of await needs.store.records.listScheduled()) {
        const leftMs = next.activateAtMs - needs.clock.nowMs()
        if (leftMs > 0) {
          pauseMs = Math.min(Math.max(leftMs, LOOK_AGAIN_MS_MIN), ACTIVATION_LOOK_INTERVAL_MS)
          break
        }
        // By our clock it is due; when the database's says not yet, it is soon.
        if (!(await carryOut(needs, next))) pauseMs = LOOK_AGAIN_MS_MIN
      }
    } catch (fault) {
      needs.log.error({ err: fault }, 'activations to come could not be looked at; this is tried again')
    }
    if (closed) return
    timer = setTimeout(() => void look(), pauseMs)
    timer.unref()
  }
  function look(): Promise<void> {
    looking = looking.then(() => (closed ? undefined : lookOnce()))
    return looking
  }

  void look()
  return {
    look,
    async close() {
      closed = true
      clearTimeout(timer)
      await looking
    },
  }
}

/** @returns false when it is not due yet, or somebody else carries it out */
async function carryOut({ store, activation, log }: PolicyScheduleNeeds, next: ScheduledActivation): Promise<boolean> {
  const { id, revision, createdBy, reason } = next
  const context = {
    caller: SYSTEM,
    reason: `put down by ${createdBy}${reason === null ? '' : `: ${reason}`}`.slice(0, TEXT_CHARACTERS_MAX),
  }
  try {
    if (await announceRevision(activation, revision)) await waitUntilPrepared(activation, revision)
    const flipped = await flipPolicy(activation, revision, context, {
      auditNoop: true,
      claim: async (transaction) => {
        const due = await transaction.lockDue()
        if (due?.id !== id) return false
        await transaction.endScheduled(id, 'done')
        return true
      },
    })
    return flipped !== undefined
  } catch (fault) {
    if (!(fault instanceof PolicyError)) throw fault
    // It will not become good by waiting.
    log.error({ err: fault, revision, id }, 'an activation to come is refused and called off')
    await callOff({ store }, { caller: SYSTEM, reason: 'the revision is refused' }, id)
    return true
  }
}
