/** Texts that many entries share, each held once and counted; what they stand for is held only where it is shared. Knows no entry. Floor 2. */
import { textBytes } from './text-bytes.ts'

interface Item<V> {
  readonly text: string
  count: number
  value: V | undefined
}

/** Of an item itself: its object, its place in the map and in the list. */
const ITEM_BYTES = 100
/** What a parsed value takes for each character of its text: keys, values and their headers. */
const VALUE_BYTES_A_CHARACTER = 4

export class Interned<V> {
  readonly #parse: (text: string) => V
  readonly #indexes = new Map<string, number>()
  readonly #items: (Item<V> | undefined)[] = []
  readonly #free: number[] = []
  #bytes = 0

  /** @param parse makes of a text what it stands for; the same for the same text, and never changed by who gets it */
  constructor(parse: (text: string) => V) {
    this.#parse = parse
  }

  /** About what all of it takes. */
  get bytes(): number {
    return this.#bytes
  }

  /** The index of this text, which stays until it was released as often as it was taken. */
  take(text: string): number {
    const known = this.#indexes.get(text)
    const item = known === undefined ? undefined : this.#items[known]
    if (known !== undefined && item !== undefined) {
      item.count++
      return known
    }
    const index = this.#free.pop() ?? this.#items.length
    this.#items[index] = { text, count: 1, value: undefined }
    this.#indexes.set(text, index)
    this.#bytes += ITEM_BYTES + textBytes(text)
    return index
  }

  release(index: number): void {
    const item = this.#item(index)
    if (--item.count > 0) return
    this.#items[index] = undefined
    this.#free.push(index)
    this.#indexes.delete(item.text)
    this.#bytes -= ITEM_BYTES + textBytes(item.text)
    if (item.value !== undefined) this.#bytes -= valueBytes(item.text)
  }

  value(index: number): V {
    const item = this.#item(index)
    if (item.value !== undefined) return item.value
    const value = this.#parse(item.text)
    if (item.count > 1) {
      item.value = value
      this.#bytes += valueBytes(item.text)
    }
    return value
  }

  /** About what a value takes that is not held here; 0 for one that is. */
  ownBytes(index: number): number {
    const { value, text } = this.#item(index)
    return value === undefined ? valueBytes(text) : 0
  }

  #item(index: number): Item<V> {
    const item = this.#items[index]
    if (item === undefined) throw new RangeError('Nothing was taken under this index')
    return item
  }
}

function valueBytes(text: string): number {
  return VALUE_BYTES_A_CHARACTER * text.length
}
