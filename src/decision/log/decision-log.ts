/** Takes every decision off the way of its answer, builds its record once, and hands it to sinks and listeners. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import type { Random } from '../../ground/random.ts'
import type { Decided, DecisionObserver, DecisionRecord } from '../../model/decision-record.ts'
import type { DecisionListener, DecisionSource } from '../../model/live-decisions.ts'
import {
  DECISIONS_BEHIND,
  DECISIONS_CROWDED,
  DECISIONS_SLICE_BEHIND_MS,
  DECISIONS_SLICE_CROWDED_MS,
  DECISIONS_SLICE_MS,
  DECISIONS_SLICE_RECORDS,
  DECISIONS_WAITING_MAX,
  SINK_CLOSE_MS,
} from '../../model/observation-limits.ts'
import { entryOf, type LogEntry } from './entry.ts'
import { RecordLines } from './line.ts'
import type { Mask } from './mask.ts'
import { PackedLines } from './packed-lines.ts'
import { recordOf } from './record.ts'
import { isKept, matters, shareOf } from './sampling.ts'
import type { DecisionSink, SinkCounts, SinkName, SinkPace } from './sink.ts'
import { SinkQueue } from './sink-queue.ts'
import { Waiting } from './waiting.ts'

export interface DecisionLog extends DecisionObserver, DecisionSource {
  /** Of each sink, as they are now. */
  counts(): readonly (SinkCounts & { readonly sink: SinkName })[]
  /** Writes what waits, for a bounded time; what could not be written is counted as lost. */
  close(): Promise<void>
}

export interface DecisionLogNeeds {
  /** Of this process, as records name it. */
  readonly replica: string
  /** Share of allows that is kept, 0 to 1; denies and high risk always are. */
  readonly sample: number
  readonly mask: Mask | undefined
  /** None: nothing is written, and listeners are told all the same. */
  readonly sinks: readonly {
    readonly sink: DecisionSink
    readonly pace: SinkPace
    /** What becomes of the sink is said here; absent: in `log`. */
    readonly log?: Log
  }[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export function openDecisionLog(needs: DecisionLogNeeds): DecisionLog {
  return new Pipeline(needs)
}

class Pipeline implements DecisionLog {
  readonly #needs: DecisionLogNeeds
  readonly #queues: readonly SinkQueue[]
  readonly #listeners = new Set<DecisionListener>()
  readonly #waiting = new Waiting<Decided>((event) => !matters(event))
  readonly #lines: RecordLines
  readonly #packed = new PackedLines()
  #isDraining = false
  #toldFault = false
  #closing: Promise<void> | undefined

  constructor(needs: DecisionLogNeeds) {
    this.#needs = needs
    this.#lines = new RecordLines(needs.replica)
    this.#queues = needs.sinks.map((one) => new SinkQueue({ clock: needs.clock, random: needs.random, log: needs.log, ...one }))
  }

  /** On the way of a check: it takes a reference, and nothing more. */
  decided(event: Decided): void {
    if (this.#listeners.size === 0 && !this.#isWritten(event)) return
    if (this.#waiting.size === DECISIONS_WAITING_MAX) {
      const out = this.#waiting.pushOut()
      this.#loseUnbuilt(out ?? event)
      if (out === undefined) return
    }
    this.#waiting.push(event)
    if (this.#isDraining) return
    this.#isDraining = true
    setImmediate(this.#drainSlice)
  }

  subscribe(listener: DecisionListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  counts(): readonly (SinkCounts & { readonly sink: SinkName })[] {
    return this.#queues.map((queue) => ({ sink: queue.name, ...queue.counts }))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // At once: the wires are closed, so nobody waits behind it.
    this.#buildOldest(DECISIONS_WAITING_MAX)
    const over = new AbortController()
    const cancel = this.#needs.clock.after(SINK_CLOSE_MS, () => over.abort())
    await Promise.all(this.#queues.map((queue) => queue.close(over.signal)))
    cancel()
  }

  /** A slice of a turn: what waits behind it is a check. */
  readonly #drainSlice = (): void => {
    const { clock } = this.#needs
    const untilMs = clock.monotonicMs() + sliceMs(this.#waiting.size)
    do this.#buildOldest(DECISIONS_SLICE_RECORDS)
    while (this.#waiting.size > 0 && clock.monotonicMs() < untilMs)
    if (this.#waiting.size > 0) setImmediate(this.#drainSlice)
    else this.#isDraining = false
  }

  #buildOldest(count: number): void {
    for (let built = 0; built < count; built += 1) {
      const event = this.#waiting.take()
      if (event === undefined) return
      this.#build(event)
    }
  }

  #isWritten(event: Decided): boolean {
    if (this.#queues.length === 0) return false
    return isKept(event.decision.decisionId, shareOf(event, this.#needs.sample))
  }

  #build(event: Decided): void {
    const { replica, sample, mask } = this.#needs
    const share = shareOf(event, sample)
    const isWritten = this.#queues.length > 0 && isKept(event.decision.decisionId, share)
    let record: DecisionRecord | undefined
    let entry: LogEntry | undefined
    try {
      if (mask !== undefined || this.#listeners.size > 0) {
        const whole = recordOf(event, replica, share)
        record = mask === undefined ? whole : mask.of(whole)
      }
      if (isWritten) entry = this.#packed.pack(record === undefined ? this.#lines.entryOf(event, share) : entryOf(record, !matters(event)))
    } catch (fault) {
      this.#tellFault(fault)
      this.#loseUnbuilt(event)
      return
    }
    if (entry !== undefined) for (const queue of this.#queues) queue.add(entry)
    if (record === undefined) return
    for (const listener of this.#listeners) {
      try {
        listener.decided(record)
      } catch (fault) {
        this.#tellFault(fault)
      }
    }
  }

  /** Of ours: a decision that could be made can be recorded. Once is enough to find it. */
  #tellFault(fault: unknown): void {
    if (!this.#toldFault) this.#needs.log.error({ err: fault }, 'a decision could not be recorded')
    this.#toldFault = true
  }

  #loseUnbuilt(event: Decided): void {
    if (this.#isWritten(event)) for (const queue of this.#queues) queue.lose(1, 'unbuilt')
    for (const listener of this.#listeners) listener.lost(1)
  }
}

function sliceMs(waiting: number): number {
  if (waiting > DECISIONS_CROWDED) return DECISIONS_SLICE_CROWDED_MS
  return waiting > DECISIONS_BEHIND ? DECISIONS_SLICE_BEHIND_MS : DECISIONS_SLICE_MS
}
