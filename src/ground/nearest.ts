/** "Did you mean": the nearest known name within a few typing errors. Bounded work, no state. Floor 0. */

/** Longer words are compared with nothing: no name of ours is as long, and the work grows with the length. */
const COMPARED_CHARACTERS_MAX = 128
/** Names compared letter by letter in one search; a list of more names of one shape is searched in part. Keeps a search near a millisecond. */
const COMPARISONS_MAX = 2_000

/** A list of known names, prepared so that most of them are passed over without a comparison. */
export class NameList {
  readonly #names: readonly { readonly name: string; readonly letters: number }[]

  constructor(names: Iterable<string>) {
    this.#names = [...new Set(names)].map((name) => ({ name, letters: letterMask(name) }))
  }

  /** The nearest name at most a third of its letters and at most three edits away; the first one of equals. */
  findNearest(wanted: string): string | undefined {
    if (wanted.length === 0 || wanted.length > COMPARED_CHARACTERS_MAX) return undefined
    const letters = letterMask(wanted)
    let bound = Math.min(3, Math.floor(wanted.length / 3))
    let nearest: string | undefined
    const rows = openRows()
    let comparisons = 0
    for (const known of this.#names) {
      if (bound < 0) break
      if (Math.abs(known.name.length - wanted.length) > bound || bitCount(known.letters ^ letters) > 2 * bound) continue
      if (++comparisons > COMPARISONS_MAX) break
      const distance = editDistance(known.name, wanted, bound, rows)
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

/** Three rows of the table of distances, used again for each name: most of the cost would be making them. */
type Rows = [Int32Array, Int32Array, Int32Array]

function openRows(): Rows {
  const row = (): Int32Array => new Int32Array(COMPARED_CHARACTERS_MAX + 2)
  return [row(), row(), row()]
}

/** Levenshtein distance (a swap of neighbours counts one), or `bound + 1` as soon as it must be greater. Only cells near the diagonal are filled. */
function editDistance(a: string, b: string, bound: number, rows: Rows): number {
  let start = 0
  let endA = a.length
  let endB = b.length
  while (start < endA && start < endB && a.charCodeAt(start) === b.charCodeAt(start)) start++
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA--
    endB--
  }
  const width = endB - start
  const far = bound + 1
  let [before, previous, row] = rows
  for (let j = 0; j <= width; j++) previous[j] = j <= bound ? j : far
  for (let i = 1; i <= endA - start; i++) {
    const letter = a.charCodeAt(start + i - 1)
    const first = Math.max(1, i - bound)
    const last = Math.min(width, i + bound)
    row[first - 1] = first === 1 ? Math.min(i, far) : far
    let least = row[first - 1] ?? far
    for (let j = first; j <= last; j++) {
      const other = b.charCodeAt(start + j - 1)
      const kept = (previous[j - 1] ?? far) + (letter === other ? 0 : 1)
      let cost = Math.min(kept, (previous[j] ?? far) + 1, (row[j - 1] ?? far) + 1)
      if (i > 1 && j > 1 && letter === b.charCodeAt(start + j - 2) && a.charCodeAt(start + i - 2) === other)
        cost = Math.min(cost, (before[j - 2] ?? far) + 1)
      row[j] = Math.min(cost, far)
      if (cost < least) least = cost
    }
    if (last < width) row[last + 1] = far
    if (least > bound) return far
    const spare = before
    before = previous
    previous = row
    row = spare
  }
  return previous[width] ?? far
}
