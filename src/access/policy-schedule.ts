/** Activations to come: put down, called off, and carried out when their time is there, by whichever replica is first. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { Random } from '../ground/random.ts'
import type { ChangeContext } from '../model/administration.ts'
import type { Caller } from '../model/caller.ts'
import { NotFoundError, RequestError, ServiceError } from '../model/error-code.ts'
import { TEXT_CHARACTERS_MAX } from '../model/limits.ts'
import {
  ACTIVATION_AHEAD_MS_MAX,
  ACTIVATION_LATE_MS_MAX,
  ACTIVATION_LOOK_INTERVAL_MS,
  ACTIVATION_PAST_MS_MAX,
  ACTIVATIONS_WAITING_MAX,
} from '../model/policy-limits.ts'
import type { ScheduledActivation } from '../model/policy-release.ts'
import { formatFault, PolicyError } from '../policy/faults.ts'
import type { Store } from '../store/ports.ts'
import { changeBy, recordApplied } from './change.ts'
import { type ActivationNeeds, announceRevision, flipPolicy, readBundle, waitUntilPrepared } from './policy-activation.ts'

/** Who activates at a time that was put down: whoever did it is in the reason. */
const SYSTEM: Caller = { id: 'system', name: 'system', scopes: [], tenants: null, builtIn: true }

export interface PolicySchedule {
  /** Looks now, whatever the timer does. Never throws: what failed is in the log and tried again. */
  look(): Promise<void>
  /** Waits for a look that is under way. */
  close(): Promise<void>
}

export interface PolicyScheduleNeeds {
  readonly store: Pick<Store, 'change'> & { readonly records: Pick<Store['records'], 'listDue'> }
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
    if (atMs <= nowMs - ACTIVATION_PAST_MS_MAX)
      throw new RequestError([{ field: 'at', message: `is over; the database's clock says ${new Date(nowMs).toISOString()}` }])
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
      const became = BECAME[before.state]
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

const BECAME = { done: 'was carried out', cancelled: 'was cancelled', missed: 'was missed', refused: 'was refused' } as const

export function openPolicySchedule(needs: PolicyScheduleNeeds): PolicySchedule {
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let looking: Promise<void> = Promise.resolve()

  async function lookOnce(): Promise<void> {
    clearTimeout(timer)
    let pauseMs = ACTIVATION_LOOK_INTERVAL_MS
    try {
      // By the database's clock alone: one of ours that is ahead would announce in vain, one that is behind would be late.
      const { due, nextInMs = ACTIVATION_LOOK_INTERVAL_MS } = await needs.store.records.listDue()
      pauseMs = Math.min(nextInMs, ACTIVATION_LOOK_INTERVAL_MS)
      for (const next of due) await carryOut(needs, next)
    } catch (fault) {
      needs.log.error({ err: fault }, 'activations to come could not be looked at; this is tried again')
    }
    if (closed) return
    timer = setTimeout(() => void look(), Math.max(pauseMs, 1))
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

/** Never throws: what cannot be done now does not hold up those behind it, and is tried again. */
async function carryOut({ store, activation, log }: PolicyScheduleNeeds, next: ScheduledActivation): Promise<void> {
  const { id, revision, createdBy, reason } = next
  const context = {
    caller: SYSTEM,
    reason: `put down by ${createdBy}${reason === null ? '' : `: ${reason}`}`.slice(0, TEXT_CHARACTERS_MAX),
  }
  try {
    const missed = await endIfMissed(store, context, id)
    if (missed !== undefined) {
      if (missed) log.error({ revision, id }, 'an activation to come was missed and will not be made')
      return
    }
    // What this build cannot read is not announced again and again: another process may be able to.
    await readBundle(activation.store, revision)
    if (await announceRevision(activation, revision, context)) await waitUntilPrepared(activation, revision)
    await flipPolicy(activation, revision, context, {
      auditNoop: true,
      claim: async (transaction) => {
        if ((await transaction.lockScheduled(id))?.state !== 'waiting') return false
        await transaction.endScheduled(id, 'done')
        return true
      },
    })
  } catch (fault) {
    if (!(fault instanceof PolicyError)) {
      log.error({ err: fault, revision, id }, 'an activation to come could not be carried out; this is tried again')
      return
    }
    // It will not become good by waiting.
    log.error({ err: fault, revision, id }, 'an activation to come is refused: names or codes would get a second meaning')
    const lines = fault.faults.map(formatFault).join('; ')
    const refusal = { caller: SYSTEM, reason: `refused: ${lines}`.slice(0, TEXT_CHARACTERS_MAX) }
    await end(store, refusal, id, 'refused').catch((cause: unknown) => log.error({ err: cause, id }, 'and could not be ended'))
  }
}

/**
 * An activation whose time is long over, or after whose time somebody put another revision in force, would surprise.
 * @returns whether it was missed; `undefined`: it is to be carried out
 */
async function endIfMissed(store: Pick<Store, 'change'>, context: ChangeContext, id: string): Promise<boolean | undefined> {
  const waits = await store.change(async (transaction) => {
    const row = await transaction.lockScheduled(id)
    if (row?.state !== 'waiting') return false
    const isLate = (await transaction.nowMs()) - row.activateAtMs > ACTIVATION_LATE_MS_MAX
    return isLate || (await transaction.wasActivatedSince(row.activateAtMs)) ? 'missed' : 'due'
  })
  if (waits === 'due') return undefined
  if (waits === 'missed') await end(store, context, id, 'missed')
  return waits === 'missed'
}

/** Unless it does not wait any more. */
async function end(store: Pick<Store, 'change'>, context: ChangeContext, id: string, state: 'missed' | 'refused'): Promise<void> {
  await changeBy({ store }, context, async (change) => {
    const { transaction } = change
    const before = await transaction.lockScheduled(id)
    if (before?.state !== 'waiting') return
    const after = await transaction.endScheduled(id, state)
    await recordApplied(change, { action: 'policy.cancel', target: before.revision, before, after }, [
      { kind: 'revision', revision: before.revision },
    ])
  })
}
