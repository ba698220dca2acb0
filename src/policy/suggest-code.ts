/** Proposes a code for a permission's name: its initials, and something near them when those are taken. Pure; writes no catalogue. Floor 2. */
import { CODE_CHARACTERS_MAX } from '../model/policy-limits.ts'
import { isCode } from './grammar.ts'

/**
 * The same input gives the same codes. Each is valid, new, and equal to no other and to none of the names.
 * @param names of permissions, each by the grammar
 * @param taken codes, names of permissions and roles, tombstones: all that has a meaning already
 */
export function suggestCodes(names: readonly string[], taken: ReadonlySet<string>): ReadonlyMap<string, string> {
  const suggested = new Map<string, string>()
  const used = new Set([...taken, ...names])
  const numbers = new Map<string, number>()
  for (const name of names) {
    if (suggested.has(name)) continue
    const code = suggestCode(name, used, numbers)
    suggested.set(name, code)
    used.add(code)
  }
  return suggested
}

/** @param numbers first number to try for initials: those below are in use, and looking again would take for ever with thousands */
function suggestCode(name: string, used: ReadonlySet<string>, numbers: Map<string, number>): string {
  const words = name.split('.').map((segment) => segment.split('-').filter((word) => word !== ''))
  const initials = words.map((segment) => segment.map((word) => word.slice(0, 1)).join(''))
  for (const segments of variants(words, initials)) {
    const code = fitted(segments)
    if (isCode(code) && !used.has(code)) return code
  }
  // Some number is free: there are more of them than names in use.
  const base = initials.join('.')
  for (let number = numbers.get(base) ?? 2; ; number++) {
    const code = fitted(initials, String(number))
    if (used.has(code)) continue
    numbers.set(base, number + 1)
    return code
  }
}

/** Nearest first: the initials, then more letters of one word, beginning with the verb, which tells most. */
function* variants(words: readonly (readonly string[])[], initials: readonly string[]): Generator<readonly string[]> {
  yield initials
  for (let letters = 2; letters <= LETTERS_OF_WORD_MAX; letters++)
    for (let segment = words.length - 1; segment >= 0; segment--)
      for (const [index, word] of (words[segment] ?? []).entries()) {
        if (word.length < letters) continue
        const longer = (words[segment] ?? []).map((one, other) => one.slice(0, other === index ? letters : 1)).join('')
        yield initials.map((one, other) => (other === segment ? longer : one))
      }
}

const LETTERS_OF_WORD_MAX = 4

/** Joined with dots; the longest segments give up letters until it is short enough. The number at the end stays whole. */
function fitted(segments: readonly string[], number = ''): string {
  const parts = [...segments]
  const length = (): number => parts.join('.').length + number.length
  while (length() > CODE_CHARACTERS_MAX) {
    const longest = parts.reduce((best, part, index) => (part.length > (parts[best]?.length ?? 0) ? index : best), 0)
    const part = parts[longest] ?? ''
    if (part.length <= 1) break
    parts[longest] = part.slice(0, -1)
  }
  return `${parts.join('.')}${number}`
}
