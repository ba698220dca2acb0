/** Many deadlines over one timer: nearly everything is answered long before its own. Ends nothing by itself. Floor 6. */
import type { Clock } from '../../ground/clock.ts'

/** What ends by time; one `Deadlines` keeps it at most. */
export interface Due {
  /** On the monotonic clock. */
  readonly dueAtMs: number
  /** Where it stands among the others; -1: it is not kept. For its keeper only. */
  place: number
  /** When it was added, counted from the first. For its keeper only. */
  number: number
  /** Its time is over, and it is not kept any more. */
  overdue(): void
}

/** Milliseconds that a timer may be early by, and is set to at least: a timer counts whole ones. */
const TIMER_MS = 1

/**
 * The earliest first, those of one moment in the order they were added: a heap. A timer for each would cost most of what a merged check costs,
 * and a set with as much coming and going keeps what has gone alive.
 */
export class Deadlines<D extends Due> {
  readonly #clock: Clock
  readonly #heap: D[] = []
  #added = 0
  #stopTimer: (() => void) | undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#heap.length
  }

  /** All of them, in the order they were added. */
  all(): readonly D[] {
    return [...this.#heap].sort((one, other) => one.number - other.number)
  }

  add(due: D): void {
    due.number = this.#added++
    this.#heap.push(due)
    this.#rise(due, this.#heap.length - 1)
    if (due.place === 0) this.#setTimer()
  }

  /** Does nothing with what is not kept. */
  remove(due: D): void {
    const { place } = due
    if (place < 0) return
    due.place = -1
    const last = this.#heap.pop() as D
    if (last !== due) {
      if (place > 0 && isBefore(last, this.#heap[(place - 1) >> 1] as D)) this.#rise(last, place)
      else this.#sink(last, place)
    }
    // A timer that is too early does no harm, and is looked after when it runs; one for nobody would hold the process.
    if (this.#heap.length === 0) this.#clearTimer()
  }

  #setTimer(): void {
    const dueAtMs = this.#heap[0]?.dueAtMs
    if (dueAtMs === undefined || dueAtMs >= this.#timerAtMs) return
    this.#clearTimer()
    this.#timerAtMs = dueAtMs
    this.#stopTimer = this.#clock.after(Math.max(TIMER_MS, dueAtMs - this.#clock.monotonicMs()), () => this.#run())
  }

  #clearTimer(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }

  #run(): void {
    this.#stopTimer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const beforeMs = this.#clock.monotonicMs() + TIMER_MS
    for (let first = this.#heap[0]; first !== undefined && first.dueAtMs < beforeMs; first = this.#heap[0]) {
      this.remove(first)
      first.overdue()
    }
    this.#setTimer()
  }

  #rise(due: D, from: number): void {
    const heap = this.#heap
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = heap[above] as D
      if (!isBefore(due, other)) break
      heap[place] = other
      other.place = place
      place = above
    }
    heap[place] = due
    due.place = place
  }

  #sink(due: D, from: number): void {
    const heap = this.#heap
    let place = from
    for (let below = 2 * place + 1; below < heap.length; below = 2 * place + 1) {
      if (below + 1 < heap.length && isBefore(heap[below + 1] as D, heap[below] as D)) below += 1
      const other = heap[below] as D
      if (!isBefore(other, due)) break
      heap[place] = other
      other.place = place
      place = below
    }
    heap[place] = due
    due.place = place
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.dueAtMs < other.dueAtMs || (one.dueAtMs === other.dueAtMs && one.number < other.number)
}
