/** Texts that many entries share, each held once and counted; what one stands for is held only while somebody uses it. Knows no entry. Floor 2. */
import { textBytes } from './text-bytes.ts'

interface Item<V> {
  readonly text: string
  count: number
  held: Held<V> | undefined
}

interface Held<V> {
  readonly value: V
  readonly bytes: number
  users: number
}

/** Of an item itself: its object, its place in the map and in the list. */
const ITEM_BYTES = 100

export class Interned<V> {
  readonly #parse: (text: string) => V
  readonly #bytesOf: (value: V) => number
  readonly #indexes = new Map<string, number>()
  readonly #items: (Item<V> | undefined)[] = []
  readonly #free: number[] = []
  #bytes = 0
  #heldBytes = 0

  /**
   * @param parse makes of a text what it stands for; the same for the same text, and never changed by who gets it
   * @param bytesOf about what that takes beside the text
   */
  constructor(parse: (text: string) => V, bytesOf: (value: V) => number) {
    this.#parse = parse
    this.#bytesOf = bytesOf
  }

  /** About what all of it takes. */
  get bytes(): number {
    return this.#bytes + this.#heldBytes
  }

  /** Of it, values in use. */
  get heldBytes(): number {
    return this.#heldBytes
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
    this.#items[index] = { text, count: 1, held: undefined }
    this.#indexes.set(text, index)
    this.#bytes += ITEM_BYTES + textBytes(text)
    return index
  }

  /** By whoever uses its value no more. */
  release(index: number): void {
    const item = this.#item(index)
    if (--item.count > 0) return
    this.#items[index] = undefined
    this.#free.push(index)
    this.#indexes.delete(item.text)
    this.#bytes -= ITEM_BYTES + textBytes(item.text)
  }

  /** Made anew where nobody uses it: nothing more is held because of a look. */
  value(index: number): V {
    const { held, text } = this.#item(index)
    return held === undefined ? this.#parse(text) : held.value
  }

  /** The value stays, and is the same for all, until `unuse` was called as often. */
  use(index: number): void {
    const item = this.#item(index)
    if (item.held === undefined) {
      const value = this.#parse(item.text)
      item.held = { value, bytes: this.#bytesOf(value), users: 0 }
      this.#heldBytes += item.held.bytes
    }
    item.held.users++
  }

  unuse(index: number): void {
    const item = this.#item(index)
    if (item.held === undefined || --item.held.users > 0) return
    this.#heldBytes -= item.held.bytes
    item.held = undefined
  }

  #item(index: number): Item<V> {
    const item = this.#items[index]
    if (item === undefined) throw new RangeError('Nothing was taken under this index')
    return item
  }
}
