/** Counts attempts within this process. Knows nothing of other processes, nor who is counted. Floor 2. */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../ground/clock.ts'
import { LIMITER_COUNTERS_MAX } from '../model/identity-limits.ts'
import type { Limiter } from './ports.ts'

interface Counter {
  count: number
  readonly endsAtMs: number
}

/** A window begins with its first attempt. The counter that was not used for longest goes first when there are too many. */
export class MemoryLimiter implements Limiter {
  readonly #clock: Clock
  readonly #counters: LRUCache<string, Counter>

  /** @param countersMax how many are kept at most */
  constructor(needs: { readonly clock: Clock }, countersMax = LIMITER_COUNTERS_MAX) {
    this.#clock = needs.clock
    this.#counters = new LRUCache({ max: countersMax })
  }

  async take(key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number> {
    return this.takeNow(key, limit)
  }

  async look(key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number> {
    return this.lookNow(key, limit)
  }

  lookNow(key: string, { max }: { readonly max: number }): number {
    const counter = this.#counters.get(key)
    const leftMs = counter === undefined ? 0 : counter.endsAtMs - this.#clock.monotonicMs()
    return counter === undefined || leftMs <= 0 || counter.count < max ? 0 : Math.max(1, Math.ceil(leftMs))
  }

  /** As `take`, at once: nothing can come between. */
  takeNow(key: string, { max, windowMs }: { readonly max: number; readonly windowMs: number }): number {
    const nowMs = this.#clock.monotonicMs()
    let counter = this.#counters.get(key)
    if (counter === undefined || counter.endsAtMs <= nowMs) {
      counter = { count: 0, endsAtMs: nowMs + windowMs }
      this.#counters.set(key, counter)
    }
    counter.count += 1
    return counter.count <= max ? 0 : Math.max(1, Math.ceil(counter.endsAtMs - nowMs))
  }
}
