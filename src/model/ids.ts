/** Ids of users and tenants: opaque, byte-exact strings. No trimming, no case folding, no normalisation. Floor 1. */
import { ID_BYTES_MAX } from './limits.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

const VISIBLE_ASCII = /^[\u0020-\u007e]*$/

/**
 * Says what is wrong with an id, or `undefined` for a good one.
 * U+FFFD is refused because decoders put it where bytes were not UTF-8: two different broken ids would meet in it.
 */
export function idFault(id: string): string | undefined {
  if (id.length === 0) return 'must not be empty'
  // Most are of ASCII, and every question has three of them.
  if (id.length <= ID_BYTES_MAX && VISIBLE_ASCII.test(id)) return undefined
  if (id.length > ID_BYTES_MAX || utf8Length(id) > ID_BYTES_MAX) return `must be at most ${ID_BYTES_MAX} bytes of UTF-8`
  if (!id.isWellFormed() || id.includes('\ufffd')) return 'must be well-formed Unicode'
  if (CONTROL.test(id)) return 'must not contain control characters'
  return undefined
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}
