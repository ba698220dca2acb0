/** What was worked out for a list of names, kept for when the same list is asked again: services ask one list for one person after the other. Floor 5. */

export class KeptLists<T> {
  readonly #max: number
  /** The one that was used last stands first. */
  #kept: readonly { readonly names: readonly string[]; readonly value: T }[] = []

  /** @param max lists */
  constructor(max: number) {
    this.#max = max
  }

  clear(): void {
    this.#kept = []
  }

  of(names: readonly string[], make: (names: readonly string[]) => T): T {
    let found = this.#kept.find((one) => isSame(one.names, names))
    if (found === undefined) {
      found = { names, value: make(names) }
      this.#kept = [found, ...this.#kept].slice(0, this.#max)
    } else if (found !== this.#kept[0]) this.#kept = [found, ...this.#kept.filter((one) => one !== found)]
    return found.value
  }
}

/** Item by item, the shortest way first. */
export function isSame<T extends string | boolean>(one: readonly T[], other: readonly T[]): boolean {
  if (one === other) return true
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false
  return true
}
