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
import type { LogEntry } from './entry.ts'
import { type DecisionSink, type LossReason, RefusedError, type SinkCounts, type SinkPace } from './sink.ts'
import { Waiting } from './waiting.ts'

export interface SinkQueueNeeds {
  readonly sink: DecisionSink
  readonly pace: SinkPace
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export class SinkQueue {
  readonly #needs: SinkQueueNeeds
  readonly #waiting = new Waiting<LogEntry>(
    (entry) => entry.mattersLess,
    (entry) => entry.standAlone?.(),
  )
  /** Of lines that wait. */
  #waitingBytes = 0
  #writing = 0
  /** In memory, of what waits and what is being written. */
  #heldBytes = 0
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

  /** Where there is no room for all, the oldest allows without high risk go first, then what came last. */
  add(entry: LogEntry): void {
    if (this.#state === 'closed') {
      this.lose(1, 'closed')
      return
    }
    while (this.#buffered >= SINK_RECORDS_MAX || this.#heldBytes + entry.heldBytes > SINK_BYTES_MAX) {
      const out = this.#waiting.pushOut()
      this.lose(1, 'full')
      if (out === undefined) return
      this.#waitingBytes -= out.bytes
      this.#heldBytes -= out.heldBytes
    }
    this.#waiting.push(entry)
    this.#waitingBytes += entry.bytes
    this.#heldBytes += entry.heldBytes
    if (this.#worker === undefined) this.#worker = this.#work()
    else if (this.#lingers && this.#isEnough()) {
      // Once: it goes on only when this turn is over, and more are added until then.
      this.#lingers = false
      this.#wake?.()
    }
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
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#writing = 0
    this.#heldBytes = 0
    if (left > 0) this.lose(left, 'closed')
    this.#attempt?.abort()
    this.#wake?.()
    if (left > 0) this.#needs.log.warn({ sink: this.name, lost: left }, 'decision records that could not be written in time are lost')
    await Promise.race([this.#needs.sink.close(), over]).catch((fault: unknown) =>
      this.#needs.log.warn({ sink: this.name, err: fault }, 'a sink of the decision log did not close'),
    )
  }

  get #buffered(): number {
    return this.#waiting.size + this.#writing
  }

  #isEnough(): boolean {
    const { pace } = this.#needs
    return this.#waiting.size >= pace.recordsMax || this.#waitingBytes >= pace.bytesMax
  }

  async #work(): Promise<void> {
    const { pace } = this.#needs
    this.#lingers = true
    await this.#wait(pace.lingerMs)
    this.#lingers = false
    while (this.#waiting.size > 0 && this.#state !== 'closed') {
      await this.#deliver(this.#take())
      if (this.#waiting.size === 0) break
      if (pace.pauseMs > 0) await this.#wait(pace.pauseMs)
    }
    // In the turn in which nothing was found to be left: who adds from now on begins anew.
    this.#worker = undefined
  }

  #take(): readonly LogEntry[] {
    const { recordsMax, bytesMax } = this.#needs.pace
    const batch: LogEntry[] = []
    let bytes = 0
    for (let next = this.#waiting.next; next !== undefined && batch.length < recordsMax; next = this.#waiting.next) {
      // One that is larger than a batch may be goes alone.
      if (bytes > 0 && bytes + next.bytes > bytesMax) break
      bytes += next.bytes
      batch.push(next)
      this.#waiting.take()
    }
    this.#waitingBytes -= bytes
    this.#writing = batch.length
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
    for (const entry of batch) this.#heldBytes -= entry.heldBytes
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

function lostOf(lost: Readonly<Record<LossReason, number>>): number {
  return lost.full + lost.failed + lost.closed + lost.unbuilt
}
