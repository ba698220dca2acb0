/** "Did you mean": the nearest known name within a few typing errors. Bounded work, no state. Floor 2. */
import { NAME_CHARACTERS_MAX } from '../model/limits.ts'

/** A list of known names, prepared so that most of them are passed over without a comparison. */
export class NameList {
  readonly #names: readonly { readonly name: string; readonly letters: number }[]

  constructor(names: Iterable<string>) {
    this.#names = [...new Set(names)].map((name) => ({ name, letters: letterMask(name) }))
  }

  /** The nearest name at most a third of its letters and at most three edits away; the first one of equals. */
  findNearest(wanted: string): string | undefined {
    if (wanted.length === 0 || wanted.length > NAME_CHARACTERS_MAX) return undefined
    const letters = letterMask(wanted)
    let bound = Math.min(3, Math.floor(wanted.length / 3))
    let nearest: string | undefined
    for (const known of this.#names) {
      if (bound < 0) break
      if (Math.abs(known.name.length - wanted.length) > bound || bitCount(known.letters ^ letters) > 2 * bound) continue
      const distance = editDistance(known.name, wanted, bound)
      if (distance > bound) continue
      nearest = known.name
      bound = distance - 1
    }
    return nearest
  }
}

export function findNearest(wanted: string, names: Iterable<string>): string | undefined {
  return new NameList(names).findNearest(wanted)
}

/** Hint for a fault, or nothing. */
export function didYouMean(wanted: string, names: Iterable<string>): string | undefined {
  const nearest = findNearest(wanted, names)
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`
}

/** Which letters occur: one edit changes at most two bits of it. */
function letterMask(text: string): number {
  let mask = 0
  for (let index = 0; index < text.length; index++) mask |= 1 << (text.charCodeAt(index) & 31)
  return mask
}

function bitCount(bits: number): number {
  let count = 0
  for (let rest = bits >>> 0; rest !== 0; rest &= rest - 1) count++
  return count
}

/** Levenshtein distance (a swap of neighbours counts one), or `bound + 1` as soon as it must be greater. */
function editDistance(a: string, b: string, bound: number): number {
  if (a === b) return 0
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = new Array<number>(b.length + 1).fill(bound + 1)
    row[0] = i
    let least = i
    for (let j = Math.max(1, i - bound); j <= Math.min(b.length, i + bound); j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1)
      let cost = Math.min((previous[j] ?? bound) + 1, (row[j - 1] ?? bound) + 1, (previous[j - 1] ?? bound) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1)
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? bound) + 1)
      row[j] = cost
      least = Math.min(least, cost)
    }
    if (least > bound) return bound + 1
    before = previous
    previous = row
  }
  return previous[b.length] ?? bound + 1
}
