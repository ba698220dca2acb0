/** What one request is called in answers, audit records and logs. Floor 4. */
import type { Random } from '../ground/random.ts'

/** Short enough to log, of characters no log or header can stumble over. */
const REQUEST_ID = /^[A-Za-z0-9._~:/+=@-]{1,128}$/

/** The caller's id for this request when it is fit to be echoed, otherwise a new one. */
export function requestIdOf(given: string | undefined, random: Random): string {
  return given !== undefined && REQUEST_ID.test(given) ? given : random.uuid()
}
