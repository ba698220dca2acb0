/** Remembers what was used last, up to a weight; what is forgotten is made again. Pure. Floor 3. */

export class KeptByUse<V> {
  readonly #weightMax: number
  readonly #weightOf: (value: V) => number
  /** Least recently used first. */
  readonly #values = new Map<string, V>()
  #weight = 0

  constructor(weightMax: number, weightOf: (value: V) => number) {
    this.#weightMax = weightMax
    this.#weightOf = weightOf
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  /** For a key that is not there. The newest is always kept. */
  set(key: string, value: V): void {
    this.#values.set(key, value)
    this.#weight += this.#weightOf(value)
    for (const [oldest, old] of this.#values) {
      if (this.#weight <= this.#weightMax || oldest === key) return
      this.#values.delete(oldest)
      this.#weight -= this.#weightOf(old)
    }
  }
}
