/** What a bundle comes to once it is expanded, counted before anything is: a few lines can name each other into millions. Floor 2. */

export class Tally {
  readonly max: number
  #sum = 0

  get sum(): number {
    return this.#sum
  }

  constructor(max: number) {
    this.max = max
  }

  /** @returns true for the one count that goes beyond the limit: that is where the fault is told */
  add(count: number): boolean {
    const wasOver = this.isOver
    this.#sum += count
    return this.isOver && !wasOver
  }

  /** Nothing more is to be expanded. */
  get isOver(): boolean {
    return this.#sum > this.max
  }
}
