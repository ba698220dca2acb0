/** E-mail addresses: one form for one mailbox, and how an address is shown to whom it may not be told. Sends nothing. Floor 1. */
import { EMAIL_CHARACTERS_MAX } from './identity-limits.ts'

/** Of a mailbox before the @ (RFC 5321, 4.5.3.1.1). */
const LOCAL_CHARACTERS_MAX = 64
/** Dot-atom (RFC 5322, 3.2.3): no quotes, comments, brackets, commas or spaces, so that nothing can be read as a second recipient. */
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
/** Two labels at least (RFC 1035, 2.3.1); names in other scripts are given as A-labels (`xn--…`). */
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * NFKC, then validated, then lower case: the order matters, as NFKC can make an @ or a line break of what was none before.
 * @returns the one form that addresses are compared and written to in; `undefined` for everything that is not one address
 */
export function normalizeEmail(text: string): string | undefined {
  // Before NFKC, which makes up to eighteen characters of one.
  if (text.length > EMAIL_CHARACTERS_MAX) return undefined
  const compatible = text.normalize('NFKC')
  // Lower case makes ASCII of no character that NFKC leaves outside of it but would not be refused here.
  if (compatible.length > EMAIL_CHARACTERS_MAX || !/^[\x21-\x7e]+$/.test(compatible)) return undefined
  const email = compatible.toLowerCase()
  const at = email.lastIndexOf('@')
  if (at < 1 || at > LOCAL_CHARACTERS_MAX) return undefined
  return LOCAL.test(email.slice(0, at)) && DOMAIN.test(email.slice(at + 1)) ? email : undefined
}

/** `a…@hospital.example`: enough for its owner to know it again. @param email normalized */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@')
  return `${email.slice(0, Math.min(1, Math.max(at, 0)))}…${email.slice(Math.max(at, 0))}`
}
