/** The secrets of a login: link token, code, and the cookie of the browser that asked. Only their digests are ever kept. Floor 5. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../ground/random.ts'

const SECRET_BYTES = 32
/** Of 32 bytes in base64url. */
const SECRET_FORM = /^[A-Za-z0-9_-]{43}$/
const CODE_DIGITS = 6
const CODES = 10 ** CODE_DIGITS
const CODE_FORM = /^\d{6}$/
/** The largest multiple of CODES that four bytes hold: what lies above would make small codes more likely. */
const CODES_DRAWN_MAX = Math.floor(2 ** 32 / CODES) * CODES

/** For a link token or a binding cookie. */
export function newSecret(random: Random): string {
  return Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')
}

/** Says nothing of whether it is known. */
export function isSecretForm(text: string): boolean {
  return SECRET_FORM.test(text)
}

/** Of the text, not of the bytes: the last character has spare bits, and only one spelling is the one that was sent. */
export function hashSecret(text: string): Uint8Array {
  return createHash('sha256').update(text, 'utf8').digest()
}

/** Each of the 10^6 codes is as likely as any other. */
export function newCode(random: Random): string {
  for (;;) {
    const drawn = Buffer.from(random.bytes(4)).readUInt32BE(0)
    if (drawn < CODES_DRAWN_MAX) return String(drawn % CODES).padStart(CODE_DIGITS, '0')
  }
}

/**
 * Under a key that the database does not have: all codes are tried in seconds by whoever has that. Of this very challenge, so that equal codes
 * do not look equal.
 */
export function hashCode(key: Uint8Array, challengeId: string, code: string): Uint8Array {
  return createHmac('sha256', key).update(`castellan login code\0${challengeId}\0${code}`, 'utf8').digest()
}

/** @param keys the first one makes, all check */
export function isCode(keys: readonly Uint8Array[], challengeId: string, code: string, codeHash: Uint8Array): boolean {
  if (!CODE_FORM.test(code)) return false
  // All keys are tried, so that the time does not tell which one fits.
  return keys.filter((key) => isSameDigest(hashCode(key, challengeId, code), codeHash)).length > 0
}

/** In a time that does not depend on where they differ. */
export function isSameDigest(one: Uint8Array | null | undefined, other: Uint8Array | null | undefined): boolean {
  return one != null && other != null && one.length === other.length && timingSafeEqual(one, other)
}
