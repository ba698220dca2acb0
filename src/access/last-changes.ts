/** The last position that touched an id, for the ids touched most recently. Bounded. Floor 3. */

export class LastChanges<Id = string> {
  readonly #keptMax: number
  /** In the order of their last change, oldest first. */
  readonly #positions = new Map<Id, number>()
  #forgotten = 0

  constructor(keptMax: number) {
    this.#keptMax = keptMax
  }

  /** Highest position that was forgotten: of an id that is not here, nothing is known up to it. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** 0 when nothing is remembered of it. */
  of(id: Id): number {
    return this.#positions.get(id) ?? 0
  }

  /** Positions come in order; one that was noted before changes nothing. */
  note(id: Id, position: number): void {
    if (position < this.of(id)) return
    this.#positions.delete(id)
    this.#positions.set(id, position)
    if (this.#positions.size > this.#keptMax) this.#forgetOlderHalf()
  }

  clear(): void {
    this.#positions.clear()
    this.#forgotten = 0
  }

  #forgetOlderHalf(): void {
    for (const [id, position] of this.#positions) {
      if (this.#positions.size <= this.#keptMax / 2) return
      this.#positions.delete(id)
      this.#forgotten = Math.max(this.#forgotten, position)
    }
  }
}
