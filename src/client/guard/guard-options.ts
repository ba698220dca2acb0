/** Options of a guard, looked at when the application is built: a name that is misspelt would otherwise be a rule that nobody keeps. Floor 6. */
import { DEADLINE_MESSAGE, isDeadline } from '../asking/parse-question.ts'

const KINDS = {
  subject: isFunction,
  deadlineMs: isDeadline,
  tellHints: (value: unknown) => typeof value === 'boolean',
  onError: isFunction,
  clock: (value: unknown) => isFunction((value as { readonly after?: unknown } | null)?.after),
  requestOf: isFunction,
}
type Name = keyof typeof KINDS

const SHOULD_BE: Readonly<Record<Name, string>> = {
  subject: 'is a function that says who calls: (request) => ({ user, tenant }), ({ accessToken }) or undefined',
  deadlineMs: DEADLINE_MESSAGE,
  tellHints: 'is true or false',
  onError: 'is a function that is given an error',
  clock: 'is a clock, with `after`',
  requestOf: 'is a function that finds the request in a context',
}

/** Of the guards of all frameworks. */
export const GUARD_OPTIONS = ['subject', 'deadlineMs', 'tellHints', 'onError', 'clock'] as const satisfies readonly Name[]

/** @throws TypeError that names what is wrong */
export function checkGuardOptions(options: object, names: readonly Name[] = GUARD_OPTIONS): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('options are an object')
  for (const [name, value] of Object.entries(options)) {
    const known = names.find((candidate) => candidate === name)
    if (known === undefined) throw new TypeError(`A guard has no option ${JSON.stringify(name)}; it has: ${names.join(', ')}`)
    if (value !== undefined && !KINDS[known](value)) throw new TypeError(`${known} ${SHOULD_BE[known]}`)
  }
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
