/** Moments as they are written: RFC 3339 with an offset → milliseconds. Durations and what people leave out are the command line's. Pure. Floor 0. */

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/** The last millisecond of year 9999, UTC. */
const INSTANT_MS_MAX = Date.UTC(10_000, 0, 1) - 1

/** Milliseconds since the epoch; finer parts of a second are cut off. `undefined` for what is none, and for what is before 1970 or after 9999. */
export function parseInstantMs(text: string): number | undefined {
  const match = RFC3339.exec(text)
  if (match === null) return undefined
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  // Date.parse turns 30 February into 2 March; an instant nobody wrote must not decide anything.
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days) return undefined
  const ms = Date.parse(text)
  // An offset can carry the instant out of the years that are written and stored.
  return isInstantMs(ms) ? ms : undefined
}

/** Whether it can be written and stored. */
export function isInstantMs(ms: number): boolean {
  return ms >= 0 && ms <= INSTANT_MS_MAX
}
