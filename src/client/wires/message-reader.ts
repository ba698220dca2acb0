/** Reads protobuf's wire format as services write it. Knows no message of ours; what is unusual it refuses, for another to read. Floor 6. */

/** Nothing is wrong with the bytes for certain: they are only not what this reads. */
export class Unusual extends Error {}

/** A text that stood at a place of the same bytes before. */
interface Told {
  readonly from: number
  readonly end: number
  readonly text: string
}

export class MessageReader {
  readonly #buffer: Buffer
  /** By tag: answers of one batch repeat most of their texts. */
  readonly #told: (Told | undefined)[] = []
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get at(): number {
    return this.#at
  }

  /** The next varint: a tag, a length, or a whole number from 0. @throws Unusual beyond 2^53, negative ones among them, and at the end of the bytes */
  whole(): number {
    const buffer = this.#buffer
    let byte = buffer[this.#at++]
    if (byte === undefined) throw new Unusual()
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let unit = 0x80; ; unit *= 0x80) {
      byte = buffer[this.#at++]
      if (byte === undefined) throw new Unusual()
      value += (byte & 0x7f) * unit
      if (value > Number.MAX_SAFE_INTEGER || unit > VARINT_UNIT_MAX) throw new Unusual()
      if (byte < 0x80) return value
    }
  }

  /** Where the message, or the text, that begins here ends. @param within end of the message around it @throws Unusual when it has no end there */
  end(within: number): number {
    const length = this.whole()
    const end = this.#at + length
    if (end > within) throw new Unusual()
    return end
  }

  /** @param within as for `end` */
  text(within: number): string {
    const end = this.end(within)
    const text = this.#buffer.toString('utf8', this.#at, end)
    this.#at = end
    return text
  }

  /** As `text`, of a field whose texts are often the same: the very same one again then. */
  repeatedText(tag: number, within: number): string {
    const end = this.end(within)
    const from = this.#at
    const told = this.#told[tag]
    this.#at = end
    if (told !== undefined && told.end - told.from === end - from && this.#isSame(told.from, from, end)) return told.text
    const text = this.#buffer.toString('utf8', from, end)
    this.#told[tag] = { from, end, text }
    return text
  }

  /** Leaves out a field that is not known. @throws Unusual for a group, and for what is no field */
  skip(tag: number, within: number): void {
    if (tag < TAG_MIN || tag > TAG_MAX) throw new Unusual()
    switch (tag % 8) {
      case 0:
        this.whole()
        break
      case 1:
        this.#at += 8
        break
      case 2:
        this.#at = this.end(within)
        break
      case 5:
        this.#at += 4
        break
      default:
        throw new Unusual()
    }
    if (this.#at > within) throw new Unusual()
  }

  #isSame(one: number, from: number, end: number): boolean {
    const buffer = this.#buffer
    for (let at = from, other = one; at < end; at += 1, other += 1) if (buffer[at] !== buffer[other]) return false
    return true
  }
}

/** Of field 1 and of the last one: a tag is a whole number of 32 bits, and what is cut to them may be another field. */
const TAG_MIN = 8
const TAG_MAX = 2 ** 32 - 1
/** Of the last byte that a whole number below 2^53 can have: 7 bits more than it would be too much. */
const VARINT_UNIT_MAX = 2 ** 49
