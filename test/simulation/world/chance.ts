/** Numbers that look like chance and come from a seed alone. */

export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 1
  }

  /** In [0, 1). Xorshift: good enough to spread delays. */
  next(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) / 0x100000000
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }
}
