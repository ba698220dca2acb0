/** The database's time, as closely as this replica knows it: one clock by which all of them judge tokens. Asks nobody for it. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { StoreError } from '../model/error-code.ts'
import type { Knowledge } from './knowledge.ts'
import { BEFORE_ALL, elapsedMs, latestMs, type Moment } from './moment.ts'

interface Told {
  readonly asked: Moment
  readonly atMs: number
}

/** While the feed is fresh that says it; otherwise every reading of the store does, and whoever judges has just made one. */
export class DatabaseTime implements Pick<Clock, 'nowMs'> {
  readonly #knowledge: Knowledge
  readonly #clock: Clock
  #told: Told = { asked: BEFORE_ALL, atMs: 0 }

  constructor(knowledge: Knowledge, clock: Clock) {
    this.#knowledge = knowledge
    this.#clock = clock
  }

  /** The database told this time when it was asked at that moment. */
  note(asked: Moment, atMs: number): void {
    this.#told = { asked, atMs }
  }

  /**
   * Never before the database's own time, and later by less than FRESHNESS_BOUND_MS and a little when either source is fresh: what is over is over.
   * @throws StoreError when nothing is known of it
   */
  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs()
    if (this.#knowledge.isFresh(monotonicMs)) return this.#knowledge.latestDatabaseMs(monotonicMs)
    const latest = latestMs(this.#told.atMs, elapsedMs(this.#clock, this.#told.asked))
    if (!Number.isFinite(latest)) throw new StoreError("The database's time is not known")
    return latest
  }
}
