/** A clock that stands still until a test moves it; what is due then happens in order. */
import type { Clock } from '../../src/ground/clock.ts'

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

export class ManualClock implements Clock {
  #nowMs = 1_000_000
  readonly #timers = new Set<Timer>()

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Timers that have not run yet. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Runs what becomes due, in its order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#nextUntil(untilMs); next !== undefined; next = this.#nextUntil(untilMs)) this.#runAt(next)
    this.#nowMs = untilMs
  }

  /** As advance; what waits for promises goes on before each timer, and may set others. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let next = this.#nextUntil(untilMs); next !== undefined; next = this.#nextUntil(untilMs)) {
      this.#runAt(next)
      await settle()
    }
    this.#nowMs = untilMs
    await settle()
  }

  #nextUntil(untilMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) if (timer.atMs <= untilMs && timer.atMs < (next?.atMs ?? Number.POSITIVE_INFINITY)) next = timer
    return next
  }

  #runAt(timer: Timer): void {
    this.#timers.delete(timer)
    this.#nowMs = Math.max(this.#nowMs, timer.atMs)
    timer.run()
  }
}

/** Everything that only waits for promises has gone on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
