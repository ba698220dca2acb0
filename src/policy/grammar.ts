/** The grammar of names in policy files. Knows no file and no bundle. Floor 2. */
import { CODE_CHARACTERS_MAX, MAX_GRANT_DAYS_MAX, NAME_CHARACTERS_MAX, VARIABLE_DEPTH_MAX } from '../model/policy-limits.ts'

/** Domain, subdomains, then an action verb: `coding.medical-stay.validate`. */
export const PERMISSION_PATTERN = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){1,4}$/
/** Also sets and constraint ids. */
export const ROLE_PATTERN = /^[a-z][a-z0-9-]*$/
export const CODE_PATTERN = /^[a-z0-9]+(\.[a-z0-9]+)+$/
export const ATTRIBUTE_PATTERN = /^[A-Za-z][A-Za-z0-9_-]*$/
export const VARIABLE_PATTERN = new RegExp(
  `^(user\\.id|tenant\\.id|(user|tenant)\\.attributes(\\.[A-Za-z][A-Za-z0-9_-]*){1,${VARIABLE_DEPTH_MAX}})$`,
)
export const DATE_PATTERN = /^\d{4}-\d{2}-\d{2}$/
export const DURATION_PATTERN = /^P(?!$)(?:\d+W|(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?)?)$/

/** Names that stand for everything in CASL. */
const EVERYTHING: ReadonlySet<string> = new Set(['manage', 'all', '*'])

export function isReservedWord(name: string): boolean {
  return EVERYTHING.has(name)
}
export function isPermissionName(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && PERMISSION_PATTERN.test(name)
}
export function isRoleName(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && ROLE_PATTERN.test(name)
}
export function isCode(code: string): boolean {
  return code.length <= CODE_CHARACTERS_MAX && CODE_PATTERN.test(code)
}
/** Names that objects of the language answer to by themselves are no attributes. */
export function isAttributeName(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && ATTRIBUTE_PATTERN.test(name) && !(name in Object.prototype) && !isReservedWord(name)
}
export function isVariablePath(path: string): boolean {
  return path.length <= 4 * NAME_CHARACTERS_MAX && VARIABLE_PATTERN.test(path)
}

const DAY_MS = 86_400_000

/** Weeks, or days, hours and minutes of an ISO 8601 duration as milliseconds; `undefined` when it is none, not positive or too long. */
export function parseDurationMs(text: string): number | undefined {
  if (text.length > 32 || !DURATION_PATTERN.test(text)) return undefined
  const part = (unit: RegExp): number => Number(unit.exec(text)?.[1] ?? 0)
  const [days = '', time = ''] = text.split('T')
  const minutes = Number(/(\d+)M/.exec(time)?.[1] ?? 0)
  const ms = part(/(\d+)W/) * 7 * DAY_MS + Number(/(\d+)D/.exec(days)?.[1] ?? 0) * DAY_MS + part(/(\d+)H/) * 3_600_000 + minutes * 60_000
  return Number.isSafeInteger(ms) && ms > 0 && ms <= MAX_GRANT_DAYS_MAX * DAY_MS ? ms : undefined
}

/** A day that exists, such as `2026-10-01`. */
export function isDate(text: string): boolean {
  if (!DATE_PATTERN.test(text)) return false
  const ms = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)
}
