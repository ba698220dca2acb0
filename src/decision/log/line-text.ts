/** Texts as JSON writes them, quicker than JSON where there is nothing to escape. Pure. Floor 5. */

/** A part of a line that is kept. */
export interface Piece {
  readonly text: string
  /** Each character is one byte of UTF-8. */
  readonly isAscii: boolean
}

export const NOTHING: Piece = { text: '', isAscii: true }

/** What JSON writes as it is, and UTF-8 in one byte each: almost every id and name. */
const PLAIN = /^[ !#-[\]-~]*$/
const ASCII = /^[\0-\x7f]*$/

/** It stands between quotes as it is. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text)
}

/** A text as it stands between the quotes of JSON. */
export function escaped(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1)
}

export function isAscii(text: string): boolean {
  return ASCII.test(text)
}

export function pieceOf(text: string): Piece {
  return { text, isAscii: isAscii(text) }
}

export function listOf(texts: readonly string[]): string {
  if (texts.length === 0) return '[]'
  let list = `["${escaped(texts[0] ?? '')}"`
  for (let index = 1; index < texts.length; index++) list += `,"${escaped(texts[index] ?? '')}"`
  return `${list}]`
}

export function numberText(value: number): string {
  return Number.isFinite(value) ? `${value}` : 'null'
}

/** Above it a number may be written in another way. */
const MICROS_MAX = 1_000_000_000
/** What stands behind the whole milliseconds, by the microseconds that are left. */
const FRACTIONS: readonly string[] = Array.from({ length: 1_000 }, (_, micros) => `${micros / 1_000}`.slice(1))

/** Whole microseconds, as JSON writes so many milliseconds: a number with a fraction costs it as much as all the rest of a short line. */
export function millisText(micros: number): string {
  if (!(micros >= 0 && micros < MICROS_MAX)) return numberText(micros / 1_000)
  const millis = Math.floor(micros / 1_000)
  return millis + (FRACTIONS[micros - millis * 1_000] ?? '')
}
