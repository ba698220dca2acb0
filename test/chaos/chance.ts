/** Choices that a seed repeats. Not for secrets. */

export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  is(probability: number): boolean {
    return this.next() < probability
  }

  /** @throws when there is nothing to pick from */
  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.next() * list.length)]
    if (picked === undefined) throw new Error('Nothing to pick from')
    return picked
  }

  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list]
    const order: T[] = []
    while (left.length > 0) order.push(...left.splice(Math.floor(this.next() * left.length), 1))
    return order
  }

  /** Another sequence, so that what one lane does never shifts what another one chooses. */
  branch(): Chance {
    return new Chance(Math.floor(this.next() * 4_294_967_296))
  }
}
