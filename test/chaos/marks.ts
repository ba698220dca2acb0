/** Positions by the time at which they were certain. Judges nothing. */
import type { Acknowledgement } from './history.ts'

/** The highest position that was marked by a given time. */
export class Marks {
  readonly #times: Float64Array
  readonly #positions: Float64Array

  constructor(marks: readonly Pick<Acknowledgement, 'at' | 'position'>[]) {
    const ordered = [...marks].sort((a, b) => a.at - b.at)
    this.#times = Float64Array.from(ordered, ({ at }) => at)
    this.#positions = Float64Array.from(ordered, ({ position }) => position)
    for (let index = 1; index < ordered.length; index++)
      this.#positions[index] = Math.max(this.#positions[index] ?? 0, this.#positions[index - 1] ?? 0)
  }

  highest(by: number): number {
    let [low, high] = [0, this.#times.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#times[middle] ?? 0) <= by) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : (this.#positions[low - 1] ?? 0)
  }
}
