/** A circuit breaker: after failures in a row nothing is tried for a while, then one trial decides. Does no I/O. Floor 2. */
import type { Clock } from '../ground/clock.ts'

export interface BreakerNeeds {
  readonly clock: Clock
  /** Failures in a row that open it. */
  readonly failuresMax: number
  /** How long it stays open before a trial. */
  readonly breakMs: number
  readonly changed: (open: boolean) => void
}

/** One try; ended by one of the two. An end that comes after the breaker has opened or closed meanwhile counts for nothing. */
export interface Attempt {
  succeeded(): void
  failed(): void
}

export class Breaker {
  readonly #needs: BreakerNeeds
  #failures = 0
  /** Absent: closed. */
  #opened: { readonly sinceMs: number; trying: boolean } | undefined
  /** Grows with each opening and closing: what began before the last one proves nothing about now. */
  #turn = 0

  constructor(needs: BreakerNeeds) {
    this.#needs = needs
  }

  get open(): boolean {
    return this.#opened !== undefined
  }

  /** `undefined` while it is open; after its time, one attempt is let through, and no other until that one has ended. */
  begin(): Attempt | undefined {
    const { clock, breakMs } = this.#needs
    const opened = this.#opened
    if (opened !== undefined) {
      if (opened.trying || clock.monotonicMs() - opened.sinceMs < breakMs) return undefined
      opened.trying = true
    }
    const turn = this.#turn
    const counted = (count: () => void) => () => {
      if (this.#turn === turn) count()
    }
    return { succeeded: counted(() => this.#succeeded()), failed: counted(() => this.#failed()) }
  }

  #succeeded(): void {
    this.#failures = 0
    if (this.#opened === undefined) return
    this.#turn++
    this.#opened = undefined
    this.#needs.changed(false)
  }

  #failed(): void {
    const { clock, failuresMax, changed } = this.#needs
    if (this.#opened === undefined && ++this.#failures < failuresMax) return
    const wasOpen = this.open
    this.#turn++
    this.#failures = 0
    this.#opened = { sinceMs: clock.monotonicMs(), trying: false }
    if (!wasOpen) changed(true)
  }
}
