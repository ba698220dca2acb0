/** One sink's buffer: batches, tries again, and counts each record once, as written or as lost. Knows not where records go. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import type { Random } from '../../ground/random.ts'
import {
  SINK_ATTEMPT_MS,
  SINK_BACKOFF_MS_MAX,
  SINK_BACKOFF_MS_MIN,
  SINK_BYTES_MAX,
  SINK_LOSING_QUIET_MS,
  SINK_RECORDS_MAX,
  SINK_RETRY_MS,
} from '../../model/observation-limits.ts'
import { type DecisionSink, type LogEntry, type LossReason, RefusedError, type SinkCounts, type SinkPace } from './sink.ts'

export interface SinkQueueNeeds {
  readonly sink: DecisionSink
  readonly pace: SinkPace
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export class SinkQueue {
  readonly #needs: SinkQueueNeeds
  /** Oldest first from `#first` on: taking from the front of an array would move all of it. */
  #waiting: LogEntry[] = []
  #first = 0
  #waitingBytes = 0
  #writing = 0
  #writingBytes = 0
  #written = 0
  readonly #lost: Record<LossReason, number> = { full: 0, failed: 0, closed: 0, unbuilt: 0 }
  #errors = 0
  /** Lost, and not yet told to the sink. */
  #untold = 0
  #losing: { readonly before: number; lastMs: number } | undefined
  #worker: Promise<void> | undefined
  #attempt: AbortController | undefined
  #wake: (() => void) | undefined
  /** It waits for a batch to fill up, not for a better time. */
  #lingers = false
  /** Open, writing what waits, or over: what a late answer says then is not counted. */
  #state: 'open' | 'closing' | 'closed' = 'open'

  constructor(needs: SinkQueueNeeds) {
    this.#needs = needs
  }

  get name(): DecisionSink['name'] {
    return this.#needs.sink.name
  }

  get counts(): SinkCounts {
    return { written: this.#written, lost: this.#lost, buffered: this.#buffered, errors: this.#errors }
  }

  add(entry: LogEntry): void {
    const isFull = this.#buffered >= SINK_RECORDS_MAX || this.#waitingBytes + this.#writingBytes + entry.bytes > SINK_BYTES_MAX
    if (isFull || this.#state === 'closed') {
      this.lose(1, isFull ? 'full' : 'closed')
      return
    }
    this.#waiting.push(entry)
    this.#waitingBytes += entry.bytes
    if (this.#worker === undefined) this.#worker = this.#work()
    else if (this.#lingers && this.#isEnough()) this.#wake?.()
  }

  /** Counts records that this sink will not have. */
  lose(count: number, reason: LossReason): void {
    const { clock, log } = this.#needs
    this.#lost[reason] += count
    this.#untold += count
    if (this.#losing !== undefined) {
      this.#losing.lastMs = clock.monotonicMs()
      return
    }
    this.#losing = { before: lostOf(this.#lost) - count, lastMs: clock.monotonicMs() }
    log.warn({ sink: this.name, reason }, 'decision records are being lost')
  }

  /** Writes what waits until `signal` says that time is over; the rest is counted as lost. Safe to call twice. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#wake?.()
    const over = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([this.#worker, over])
    this.#state = 'closed'
    const left = this.#buffered
    this.#waiting = []
    this.#first = 0
    this.#waitingBytes = 0
    this.#writing = 0
    this.#writingBytes = 0
    if (left > 0) this.lose(left, 'closed')
    this.#attempt?.abort()
    this.#wake?.()
    if (left > 0) this.#needs.log.warn({ sink: this.name, lost: left }, 'decision records that could not be written in time are lost')
    await Promise.race([this.#needs.sink.close(), over]).catch((fault: unknown) =>
      this.#needs.log.warn({ sink: this.name, err: fault }, 'a sink of the decision log did not close'),
    )
  }

  get #buffered(): number {
    return this.#waiting.length - this.#first + this.#writing
  }

  #isEnough(): boolean {
    const { pace } = this.#needs
    return this.#waiting.length - this.#first >= pace.recordsMax || this.#waitingBytes >= pace.bytesMax
  }

  async #work(): Promise<void> {
    const { pace } = this.#needs
    this.#lingers = true
    await this.#wait(pace.lingerMs)
    this.#lingers = false
    while (this.#first < this.#waiting.length && this.#state !== 'closed') {
      await this.#deliver(this.#take())
      if (this.#first === this.#waiting.length) break
      if (pace.pauseMs > 0) await this.#wait(pace.pauseMs)
    }
    // In the turn in which nothing was found to be left: who adds from now on begins anew.
    this.#worker = undefined
  }

  #take(): readonly LogEntry[] {
    const { recordsMax, bytesMax } = this.#needs.pace
    const from = this.#first
    let bytes = 0
    while (this.#first < this.#waiting.length && this.#first - from < recordsMax) {
      const next = this.#waiting[this.#first]?.bytes ?? 0
      // One that is larger than a batch may be goes alone.
      if (bytes > 0 && bytes + next > bytesMax) break
      bytes += next
      this.#first += 1
    }
    const batch = this.#waiting.slice(from, this.#first)
    if (this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    } else this.#waiting.fill(EMPTY, from, this.#first)
    this.#waitingBytes -= bytes
    this.#writing = batch.length
    this.#writingBytes = bytes
    return batch
  }

  /** Until all of the batch is written or counted as lost. */
  async #deliver(batch: readonly LogEntry[]): Promise<void> {
    const { clock, random } = this.#needs
    const giveUpMs = clock.monotonicMs() + SINK_RETRY_MS
    for (let backoffMs = SINK_BACKOFF_MS_MIN; this.#state !== 'closed'; backoffMs = Math.min(backoffMs * 2, SINK_BACKOFF_MS_MAX)) {
      const outcome = await this.#try(batch)
      if (this.#isOver()) return
      if (outcome === 'written') return
      if (outcome === 'refused') {
        if (batch.length === 1) return this.#settle(batch, 0)
        // One record may be what spoils the others.
        const middle = Math.ceil(batch.length / 2)
        await this.#deliver(batch.slice(0, middle))
        return await this.#deliver(batch.slice(middle))
      }
      if (clock.monotonicMs() + backoffMs >= giveUpMs) return this.#settle(batch, 0)
      const [byte = 0] = random.bytes(1)
      await this.#wait((backoffMs * (256 + byte)) / 512)
    }
  }

  /** A method, for the state changes while somebody waits. */
  #isOver(): boolean {
    return this.#state === 'closed'
  }

  async #try(batch: readonly LogEntry[]): Promise<'written' | 'refused' | 'failed'> {
    const { sink, clock } = this.#needs
    const attempt = new AbortController()
    this.#attempt = attempt
    const cancel = clock.after(SINK_ATTEMPT_MS, () => attempt.abort(new Error('timeout')))
    try {
      const refused = Math.min(Math.max(0, await sink.write(batch, attempt.signal)), batch.length)
      if (this.#isOver()) return 'failed'
      this.#settle(batch, batch.length - refused)
    } catch (fault) {
      if (this.#isOver()) return 'failed'
      this.#errors += 1
      return fault instanceof RefusedError ? 'refused' : 'failed'
    } finally {
      cancel()
    }
    await this.#tellLost()
    return 'written'
  }

  #settle(batch: readonly LogEntry[], written: number): void {
    this.#written += written
    this.#writing -= batch.length
    for (const entry of batch) this.#writingBytes -= entry.bytes
    if (written < batch.length) this.lose(batch.length - written, 'failed')
    else this.#endLosing()
  }

  #endLosing(): void {
    const { clock, log } = this.#needs
    if (this.#losing === undefined || clock.monotonicMs() - this.#losing.lastMs < SINK_LOSING_QUIET_MS) return
    log.info({ sink: this.name, lost: lostOf(this.#lost) - this.#losing.before }, 'decision records are written again')
    this.#losing = undefined
  }

  async #tellLost(): Promise<void> {
    const { sink, clock } = this.#needs
    const count = this.#untold
    if (sink.tellLost === undefined || count === 0) return
    const attempt = new AbortController()
    const cancel = clock.after(SINK_ATTEMPT_MS, () => attempt.abort(new Error('timeout')))
    try {
      await sink.tellLost(count, attempt.signal)
      this.#untold -= count
    } catch {
      this.#errors += 1
    } finally {
      cancel()
    }
  }

  /** Until time is over or somebody wakes it; while closing, no longer than the shortest pause between two attempts. */
  async #wait(ms: number): Promise<void> {
    const forMs = this.#state === 'open' ? ms : Math.min(ms, SINK_BACKOFF_MS_MIN)
    await new Promise<void>((resolve) => {
      const cancel = this.#needs.clock.after(forMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = undefined
  }
}

/** Stands where a batch was taken from, so that its records can go. */
const EMPTY = Object.freeze({ line: '', bytes: 0 }) as unknown as LogEntry

function lostOf(lost: Readonly<Record<LossReason, number>>): number {
  return lost.full + lost.failed + lost.closed + lost.unbuilt
}
