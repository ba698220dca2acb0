/** Decisions of this replica for those who watch, each as fast as it reads and none slowing another. Asks the source for nothing while nobody watches. Floor 5. */
import { refuseMasked } from '../../access/decision-log-reader.ts'
import { requireScope, requireTenant } from '../../access/guard.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Caller } from '../../model/caller.ts'
import { ServiceError } from '../../model/error-code.ts'
import type { DecisionListener, DecisionSource, LiveDecisions, LiveEvent, LiveFilter } from '../../model/live-decisions.ts'
import {
  LIVE_BATCH_BYTES_MAX,
  LIVE_BATCH_EVENTS_MAX,
  LIVE_HEARTBEAT_MS,
  LIVE_QUEUE_BYTES_MAX,
  LIVE_QUEUE_RECORDS_MAX,
  LIVE_READERS_MAX,
  LIVE_READERS_PER_CALLER_MAX,
} from '../../model/observation-limits.ts'
import { maySee, passes, recordBytes } from './live-filter.ts'
import { LiveQueue, type LiveQueueBounds } from './live-queue.ts'

const QUEUE: LiveQueueBounds = { recordsMax: LIVE_QUEUE_RECORDS_MAX, bytesMax: LIVE_QUEUE_BYTES_MAX }
const BATCH: LiveQueueBounds = { recordsMax: LIVE_BATCH_EVENTS_MAX, bytesMax: LIVE_BATCH_BYTES_MAX }

export interface LiveNeeds {
  readonly clock: Clock
  /** Paths of records that are masked; absent: none. */
  readonly masked?: readonly string[]
  /** Fewer for tests; absent: LIVE_QUEUE_… */
  readonly queue?: LiveQueueBounds
}

interface Reader {
  readonly caller: Caller
  readonly filter: LiveFilter
  readonly queue: LiveQueue
  /** Something waits. */
  wake(): void
}

export function openLiveDecisions(source: DecisionSource, { clock, masked = [], queue = QUEUE }: LiveNeeds): LiveDecisions {
  const readers = new Set<Reader>()
  let unsubscribe: (() => void) | undefined
  const listener: DecisionListener = {
    decided(record) {
      let bytes: number | undefined
      for (const reader of readers) {
        if (!maySee(reader.caller, record) || !passes(reader.filter, record)) continue
        bytes ??= recordBytes(record)
        reader.queue.add(record, bytes)
        reader.wake()
      }
    },
    lost(count) {
      for (const reader of readers) {
        reader.queue.addUnseen(count)
        reader.wake()
      }
    },
  }

  function join(reader: Reader): void {
    const own = [...readers].filter(({ caller }) => caller.id === reader.caller.id).length
    if (own >= LIVE_READERS_PER_CALLER_MAX) throw tooMany(`This caller watches ${own} times here already.`)
    if (readers.size >= LIVE_READERS_MAX) throw tooMany(`${readers.size} watch here already.`)
    readers.add(reader)
    unsubscribe ??= source.subscribe(listener)
  }

  function leave(reader: Reader): void {
    readers.delete(reader)
    if (readers.size > 0) return
    unsubscribe?.()
    unsubscribe = undefined
  }

  return {
    async *watch(caller, filter, signal) {
      requireScope(caller, 'audit')
      if (filter.tenant !== undefined) requireTenant(caller, filter.tenant)
      refuseMasked(filter, masked)
      signal.throwIfAborted()
      let wake: () => void = () => undefined
      const reader: Reader = { caller, filter, queue: new LiveQueue(queue), wake: () => wake() }
      join(reader)
      try {
        yield [{ kind: 'heartbeat', atMs: clock.nowMs() }]
        for (;;) {
          signal.throwIfAborted()
          if (reader.queue.empty) {
            const woken = await somethingOr(clock, signal, (resume) => {
              wake = resume
            })
            signal.throwIfAborted()
            if (!woken) {
              yield [{ kind: 'heartbeat', atMs: clock.nowMs() }]
              continue
            }
          }
          yield reader.queue.take(BATCH).map((event) => discreet(event, caller))
        }
      } finally {
        leave(reader)
      }
    },
  }
}

/** How much is asked in other tenants is not told to those who may not see it. */
function discreet(event: LiveEvent, caller: Caller): LiveEvent {
  return event.kind === 'lost' && event.atMost && caller.tenants !== null ? { ...event, count: 0 } : event
}

/** Whether something came; false: it is time for a heartbeat, or the signal aborted. */
function somethingOr(clock: Clock, signal: AbortSignal, woken: (resume: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (came: boolean) => {
      stop()
      signal.removeEventListener('abort', aborted)
      resolve(came)
    }
    const aborted = () => end(false)
    const stop = clock.after(LIVE_HEARTBEAT_MS, () => end(false))
    signal.addEventListener('abort', aborted, { once: true })
    woken(() => end(true))
  })
}

function tooMany(text: string): ServiceError {
  return new ServiceError('overloaded', text, {
    hint: 'Watch fewer times at once, or the log of decisions instead: castellan decisions list.',
    retryAfterSeconds: 10,
  })
}
