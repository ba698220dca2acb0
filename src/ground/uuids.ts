/** Random UUIDs for who needs many: drawn a block at a time, at half the cost of one by one. Floor 0. */
import type { Random } from './random.ts'

/** Drawn at once; a text that is kept keeps those of its block. */
const BLOCK = 64
const BYTES = 16
const CHARACTERS = 36
const HYPHEN = 0x2d
const DIGITS = Buffer.from('0123456789abcdef')

export class Uuids {
  readonly #random: Pick<Random, 'bytes'>
  readonly #characters = Buffer.alloc(BLOCK * CHARACTERS)
  #block = ''
  /** Where the next one begins. */
  #at = 0

  constructor(random: Pick<Random, 'bytes'>) {
    this.#random = random
  }

  /** A fresh RFC 9562 version 4 UUID, lower case. */
  next(): string {
    if (this.#at === this.#block.length) this.#draw()
    const start = this.#at
    this.#at += CHARACTERS
    return this.#block.slice(start, start + CHARACTERS)
  }

  #draw(): void {
    const bytes = this.#random.bytes(BLOCK * BYTES)
    const characters = this.#characters
    let at = 0
    for (let start = 0; start < BLOCK * BYTES; start += BYTES) {
      bytes[start + 6] = ((bytes[start + 6] as number) & 0x0f) | 0x40
      bytes[start + 8] = ((bytes[start + 8] as number) & 0x3f) | 0x80
      for (let index = 0; index < BYTES; index++) {
        if (index === 4 || index === 6 || index === 8 || index === 10) characters[at++] = HYPHEN
        const byte = bytes[start + index] as number
        characters[at++] = DIGITS[byte >> 4] as number
        characters[at++] = DIGITS[byte & 0x0f] as number
      }
    }
    this.#block = characters.toString('latin1')
    this.#at = 0
  }
}
