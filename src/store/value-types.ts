/** How values cross the driver, the same on pg and PGlite. Floor 2. */

/** bigint columns are counters and positions: a number holds them exactly up to 2^53, and anything beyond is a fault, not a rounding. */
export function bigintOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error('A bigint of the database does not fit a JavaScript number')
  return value
}

export function byteaOf(text: string): Buffer {
  return Buffer.from(text.slice('\\x'.length), 'hex')
}

/** Milliseconds as PostgreSQL reads them: an exact instant, whatever the session's time zone. Years 1 to 9999, as on the wires. */
export function timestampOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds of a timestamptz column; ours hold whole milliseconds, so nothing is lost. */
export function msOf(timestamp: Date): number {
  return timestamp.getTime()
}

export function msOrNullOf(timestamp: Date | null): number | null {
  return timestamp === null ? null : timestamp.getTime()
}

/** SQL for a timestamptz expression as whole milliseconds: never a rounding up, which would move an instant past its window's edge. */
export function msSql(expression: string): string {
  return `floor(extract(epoch from ${expression}) * 1000)::bigint`
}

/** SQL for a number of milliseconds, a literal or a binding, as an interval. */
export function intervalSql(ms: string): string {
  return `make_interval(secs => ${ms}::float8 / 1000)`
}

/** This moment, not the transaction's start: a change that waited for a lock comes after the one it waited for. */
export const CLOCK_SQL = `date_trunc('milliseconds', clock_timestamp())`
