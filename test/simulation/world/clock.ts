/** Simulated time: one queue of what will happen, in order of time and then of arrival, and what a process sees of it. Waits for nothing real. */
import type { Clock } from '../../../src/ground/clock.ts'

interface Event {
  readonly atMs: number
  readonly number: number
  readonly run: () => void
  cancelled: boolean
}

/** True time, in milliseconds from 0. Nobody in the world can read it; each machine has a clock of its own. */
export class Timeline {
  #nowMs = 0
  #count = 0
  #touched = false
  /** A heap: no event before its parent. */
  readonly #queue: Event[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  /** Grows with each event that is planned: orders what happens at one instant. */
  next(): number {
    return ++this.#count
  }

  after(ms: number, run: () => void): () => void {
    const event = { atMs: this.#nowMs + Math.max(0, ms), number: this.next(), run, cancelled: false }
    this.#queue.push(event)
    this.#rise(this.#queue.length - 1)
    return () => {
      event.cancelled = true
    }
  }

  /** Lets everything happen that is due until then, and each time all that only waits for promises. @returns how many events happened */
  async passUntil(endMs: number): Promise<number> {
    let happened = 0
    await this.#settle()
    for (let event = this.#queue[0]; event !== undefined && event.atMs <= endMs; event = this.#queue[0]) {
      this.#takeFirst()
      if (event.cancelled) continue
      this.#nowMs = event.atMs
      event.run()
      happened++
      if (this.#touched) await this.#settle()
    }
    this.#nowMs = Math.max(this.#nowMs, endMs)
    return happened
  }

  /** Code of a process has run: what waits for its promises has to go on before anything else happens. */
  touch(): void {
    this.#touched = true
  }

  async #settle(): Promise<void> {
    this.#touched = false
    await settle()
  }

  #rise(index: number): void {
    const queue = this.#queue
    for (let at = index; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!isBefore(queue[at], queue[parent])) return
      swap(queue, at, parent)
      at = parent
    }
  }

  #takeFirst(): void {
    const queue = this.#queue
    swap(queue, 0, queue.length - 1)
    queue.pop()
    for (let at = 0; ; ) {
      let first = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (isBefore(queue[child], queue[first])) first = child
      if (first === at) return
      swap(queue, at, first)
      at = first
    }
  }
}

function isBefore(one: Event | undefined, other: Event | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number)
}

function swap(queue: Event[], one: number, other: number): void {
  const [first, second] = [queue[one], queue[other]]
  if (first === undefined || second === undefined) return
  queue[one] = second
  queue[other] = first
}

/** Node runs a tick's callback only when no promise has anything left to do: all that was waiting has gone on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** A process of a replica: can be stopped and continued, or die. Its clocks go on at its machine's own rate. */
export class SimulatedProcess {
  readonly clock: Clock
  readonly rate: number
  readonly #timeline: Timeline
  #state: 'runs' | 'stopped' | 'gone' = 'runs'
  #waiting: (() => void)[] = []
  /** True time for which the machine was suspended, which its monotonic clock does not show. */
  #suspendedMs = 0
  #suspendedAtMs: number | undefined

  /** @param rate of its clocks, beside true time. @param originMs what they show at time 0 */
  constructor(timeline: Timeline, rate: number, originMs: number) {
    this.#timeline = timeline
    this.rate = rate
    this.clock = {
      nowMs: () => originMs + timeline.nowMs * rate,
      monotonicMs: () => originMs + ((this.#suspendedAtMs ?? timeline.nowMs) - this.#suspendedMs) * rate,
      // As Node's: one that is due in no time at all would never let time pass.
      after: (ms, run) => timeline.after(Math.max(1, ms) / rate, () => this.enter(run)),
    }
  }

  get runs(): boolean {
    return this.#state === 'runs'
  }

  get gone(): boolean {
    return this.#state === 'gone'
  }

  /** Something reaches the process: at once, when it is continued, or never. */
  enter(run: () => void): void {
    if (this.#state === 'stopped') this.#waiting.push(run)
    if (this.#state !== 'runs') return
    this.#timeline.touch()
    run()
  }

  stop(): void {
    if (this.#state === 'runs') this.#state = 'stopped'
  }

  /** As stopping, and the monotonic clock stands still. */
  suspend(): void {
    if (this.#state !== 'runs') return
    this.stop()
    this.#suspendedAtMs = this.#timeline.nowMs
  }

  continue(): void {
    if (this.#state !== 'stopped') return
    this.#state = 'runs'
    if (this.#suspendedAtMs !== undefined) this.#suspendedMs += this.#timeline.nowMs - this.#suspendedAtMs
    this.#suspendedAtMs = undefined
    for (const run of this.#waiting) this.#timeline.after(0, () => this.enter(run))
    this.#waiting = []
  }

  die(): void {
    this.#state = 'gone'
    this.#waiting = []
  }
}
