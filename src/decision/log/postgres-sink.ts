/** Records as rows of the database, days that are over what is kept dropped with them, and on what terms they were kept. The statements are the store's. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import { DECISION_PARTITIONS_LOOK_MS, DECISION_TERMS_MS, DECISION_TERMS_RETRY_MS } from '../../model/observation-limits.ts'
import type { DecisionLogWriter } from '../../store/decision-log-ports.ts'
import type { LogEntry } from './entry.ts'
import { type DecisionSink, RefusedError } from './sink.ts'

export interface PostgresSinkNeeds {
  readonly writer: DecisionLogWriter
  readonly replica: string
  /** Days that are kept. */
  readonly days: number
  /** Share of allowed decisions that comes here. */
  readonly sample: number
  readonly clock: Clock
  readonly log: Log
}

export function openPostgresSink(needs: PostgresSinkNeeds): DecisionSink {
  return new PostgresSink(needs)
}

class PostgresSink implements DecisionSink {
  readonly name = 'postgres'
  readonly #needs: PostgresSinkNeeds
  /** Days whose partition was seen, `YYYY-MM-DD` of UTC. */
  readonly #days = new Set<string>()
  #lookAtMs = Number.NEGATIVE_INFINITY
  #isClosed = false
  #cancelTerms: () => void = () => undefined
  #terms: Promise<void>

  constructor(needs: PostgresSinkNeeds) {
    this.#needs = needs
    this.#terms = this.#tellTerms()
  }

  async write(batch: readonly LogEntry[]): Promise<number> {
    const { writer } = this.#needs
    await this.#prepare(batch)
    const outcome = await writer.insert(batch.map((entry) => entry.line))
    if (outcome === 'refused') throw new RefusedError('The database refuses a record')
    if (outcome === 'no-partition') {
      // Somebody dropped what was seen here.
      this.#days.clear()
      throw new Error('The partition of a day is missing')
    }
    return 0
  }

  async tellLost(count: number): Promise<void> {
    await this.#needs.writer.insertLoss(this.#needs.replica, count)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTerms()
    await this.#terms
  }

  /** From the start on and again and again, for a share that keeps nothing writes nothing else. Never throws. */
  async #tellTerms(): Promise<void> {
    const { writer, replica, sample, clock, log } = this.#needs
    let againMs = DECISION_TERMS_MS
    try {
      await writer.insertTerms(replica, sample)
    } catch (fault) {
      againMs = DECISION_TERMS_RETRY_MS
      log.warn({ err: fault }, 'which share of decisions is kept could not be told to the database')
    }
    if (this.#isClosed) return
    this.#cancelTerms = clock.after(againMs, () => {
      this.#terms = this.#tellTerms()
    })
  }

  /** Old days go, and there are partitions for those of this batch and for the next one, so that midnight finds its own. */
  async #prepare(batch: readonly LogEntry[]): Promise<void> {
    const { writer, clock } = this.#needs
    const isTime = clock.monotonicMs() >= this.#lookAtMs
    if (isTime) await this.#dropOld()
    const wanted = new Set(batch.map(({ day }) => day))
    if (isTime) wanted.add(new Date(clock.nowMs() + DAY_MS).toISOString().slice(0, 10))
    const missing = [...wanted].filter((day) => !this.#days.has(day))
    if (missing.length > 0) {
      await writer.createDays(missing)
      // Of a clock that leaps, not all days for ever.
      if (this.#days.size > DAYS_KNOWN_MAX) this.#days.clear()
      for (const day of missing) this.#days.add(day)
    }
    if (isTime) this.#lookAtMs = clock.monotonicMs() + DECISION_PARTITIONS_LOOK_MS
  }

  async #dropOld(): Promise<void> {
    const { writer, days, log } = this.#needs
    try {
      for (const day of await writer.dropDaysBefore(days)) {
        this.#days.delete(day)
        log.info({ day }, 'decision records of a day are older than what is kept, and were dropped')
      }
    } catch (fault) {
      // Somebody reads them; the next look tries again.
      log.warn({ err: fault }, 'old decision records could not be dropped')
    }
  }
}

const DAY_MS = 86_400_000
const DAYS_KNOWN_MAX = 1_000
