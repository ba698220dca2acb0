/** Names as they stand in bytes → strings, the same string for a name that was seen before. Floor 5. */
import { ID_BYTES_MAX } from '../../../../model/limits.ts'

/** More users, tenants and permissions than one process is asked about in a moment; a few hundred kilobytes at most. A power of two. */
const SLOTS = 4_096
/** Longer names are made anew each time: what is kept stays small. */
const KEPT_BYTES_MAX = 64

/**
 * A string that was used before has its hash, so that finding it in a map costs little: new strings are most of what a large batch costs. One name a
 * slot, the last that came: names chosen to collide make it slow, never large and never wrong.
 */
export class NameTable {
  readonly #slots: string[] = new Array(SLOTS).fill('')

  /** `undefined`: it is not 1 to ID_BYTES_MAX characters of visible ASCII, so somebody else must say what it is. The bounds lie inside of the bytes. */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start
    if (length < 1 || length > ID_BYTES_MAX) return undefined
    let hash = length
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      if (byte < 0x20 || byte > 0x7e) return undefined
      hash = Math.imul(hash ^ byte, 0x01000193)
    }
    if (length > KEPT_BYTES_MAX) return textOf(bytes, start, end)
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1)
    const kept = this.#slots[slot] as string
    if (kept.length === length && isSame(kept, bytes, start)) return kept
    const name = textOf(bytes, start, end)
    this.#slots[slot] = name
    return name
  }
}

function isSame(kept: string, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < kept.length; at++) if (kept.charCodeAt(at) !== bytes[start + at]) return false
  return true
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
