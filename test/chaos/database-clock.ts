/** How far the database's clock is from the run's own, as an interval that is certain. */
import type { ControlDatabase } from './control-database.ts'
import type { ClockOffset } from './history.ts'
import { now } from './recorder.ts'

export class DatabaseClock {
  readonly #database: ControlDatabase
  #offset: ClockOffset = { leastMs: Number.NEGATIVE_INFINITY, mostMs: Number.POSITIVE_INFINITY }
  #stepped = false

  constructor(database: ControlDatabase) {
    this.#database = database
  }

  get offset(): ClockOffset {
    return this.#offset
  }

  /** Somebody set this machine's clock meanwhile: the interval spans both. */
  get stepped(): boolean {
    return this.#stepped
  }

  /** About its time now. */
  nowMs(): number {
    return Math.round(now() + (this.#offset.leastMs + this.#offset.mostMs) / 2)
  }

  /** Asks once: the answer was true some time between sending and receiving. @throws when the database does not answer */
  async measure(): Promise<void> {
    const sentAt = now()
    const { ms } = await this.#database.one<{ ms: number }>('select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms')
    const answeredAt = now()
    const [least, most] = [ms - answeredAt, ms - sentAt]
    const { leastMs, mostMs } = this.#offset
    if (least > mostMs || most < leastMs) {
      this.#stepped = true
      this.#offset = { leastMs: Math.min(least, leastMs), mostMs: Math.max(most, mostMs) }
    } else if (!this.#stepped) this.#offset = { leastMs: Math.max(least, leastMs), mostMs: Math.min(most, mostMs) }
  }
}
