/** A uuid as four words, and as its text again. Knows no other ids. Floor 2. */

/** As `randomUUID` and PostgreSQL write it: only such a text comes back as it was. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const CHARACTERS = 36
/** Where in the text each of the 16 bytes begins. */
const BYTE_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const

export function isUuidText(text: string): boolean {
  return text.length === CHARACTERS && UUID.test(text)
}

/** @param uuid for which `isUuidText` holds @param index from 0 to 3 */
export function uuidWord(uuid: string, index: number): number {
  let word = 0
  for (let byte = 4 * index; byte < 4 * index + 4; byte++) {
    const at = BYTE_AT[byte] as number
    word = word * 256 + Number.parseInt(uuid.slice(at, at + 2), 16)
  }
  return word
}

/** Makes texts of words. Holds the room that it writes in: each text costs one piece of memory, and a third of what Buffer's own hex would take. */
export class UuidReader {
  readonly #text = Buffer.alloc(CHARACTERS, '-')
  /** Both digits of each byte. */
  readonly #digits = Uint16Array.from({ length: 256 }, (_, byte) => Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16LE())

  read(word0: number, word1: number, word2: number, word3: number): string {
    this.#write(0, word0 >>> 16)
    this.#write(4, word0 & 0xffff)
    this.#write(9, word1 >>> 16)
    this.#write(14, word1 & 0xffff)
    this.#write(19, word2 >>> 16)
    this.#write(24, word2 & 0xffff)
    this.#write(28, word3 >>> 16)
    this.#write(32, word3 & 0xffff)
    return this.#text.toString('latin1', 0, CHARACTERS)
  }

  #write(at: number, half: number): void {
    const text = this.#text
    const digits = this.#digits
    const high = digits[half >>> 8] as number
    const low = digits[half & 255] as number
    text[at] = high & 255
    text[at + 1] = high >>> 8
    text[at + 2] = low & 255
    text[at + 3] = low >>> 8
  }
}
