/** What waits in order of time, from which the oldest that matters less can be pushed out. Each step is of a constant cost on average. Floor 5. */

/** Slots that may be empty beside those that are filled, before they are swept together. */
const EMPTY_SLOTS_MIN = 1_024

export class Waiting<T extends object> {
  #slots: (T | undefined)[] = []
  /** Before it is nothing. */
  #first = 0
  /** Before it is nothing that matters less: no slot is looked at twice. */
  #looked = 0
  #size = 0
  readonly #mattersLess: (item: T) => boolean
  readonly #passedOver: (item: T) => void

  /**
   * @param mattersLess says the same of an item each time
   * @param passedOver told once of an item that stays where others are pushed out
   */
  constructor(mattersLess: (item: T) => boolean, passedOver: (item: T) => void = () => undefined) {
    this.#mattersLess = mattersLess
    this.#passedOver = passedOver
  }

  get size(): number {
    return this.#size
  }

  /** The oldest, which stays. */
  get next(): T | undefined {
    if (this.#size === 0) return undefined
    while (this.#slots[this.#first] === undefined) this.#first += 1
    return this.#slots[this.#first]
  }

  push(item: T): void {
    if (this.#slots.length > 2 * this.#size + EMPTY_SLOTS_MIN) this.#sweep()
    this.#slots.push(item)
    this.#size += 1
  }

  /** The oldest, which goes. */
  take(): T | undefined {
    const item = this.next
    if (item !== undefined) this.#empty(this.#first)
    return item
  }

  /** The oldest of those that matter less, which goes; `undefined` when there is none. */
  pushOut(): T | undefined {
    this.#looked = Math.max(this.#looked, this.#first)
    for (; this.#looked < this.#slots.length; this.#looked += 1) {
      const item = this.#slots[this.#looked]
      if (item === undefined) continue
      if (!this.#mattersLess(item)) {
        this.#passedOver(item)
        continue
      }
      this.#empty(this.#looked)
      return item
    }
    return undefined
  }

  clear(): void {
    this.#slots = []
    this.#first = 0
    this.#looked = 0
    this.#size = 0
  }

  #empty(slot: number): void {
    this.#slots[slot] = undefined
    this.#size -= 1
    if (this.#size === 0) this.clear()
  }

  #sweep(): void {
    const swept: T[] = []
    let looked = 0
    for (const [slot, item] of this.#slots.entries()) {
      if (slot === this.#looked) looked = swept.length
      if (item !== undefined) swept.push(item)
    }
    if (this.#looked >= this.#slots.length) looked = swept.length
    this.#slots = swept
    this.#first = 0
    this.#looked = looked
  }
}
