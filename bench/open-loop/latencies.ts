/** Latencies at a fixed offered rate, from what a load generator wrote down of each request. Pure; loads nothing. */

export interface Written {
  /** Of the request as it was sent, microseconds of any clock. */
  readonly startMicros: number
  readonly tookMicros: number
}

/** @param text of h2load's log: start, status and duration of a request a line. @throws Error for anything but 200 */
export function parseLog(text: string): readonly Written[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [start, status, took] = line.split('\t').map(Number)
      if (start === undefined || took === undefined || status !== 200) throw new Error(`A request at a fixed rate failed: ${line}`)
      return { startMicros: start, tookMicros: took }
    })
}

/**
 * From when each request was to be sent, not from when it was: the k-th is due at k / rate after the first. A server that stands still makes
 * those wait who come meanwhile, and a generator that is kept from sending them must not leave that out.
 * @returns microseconds, ascending
 */
export function latenciesFromDue(written: readonly Written[], ratePerSecond: number): Float64Array {
  const byStart = [...written].sort((one, other) => one.startMicros - other.startMicros)
  const first = byStart[0]?.startMicros ?? 0
  const latencies = byStart.map(({ startMicros, tookMicros }, index) => {
    const dueMicros = first + (index * 1_000_000) / ratePerSecond
    // One that was sent early was served early, too.
    return Math.max(0, startMicros - dueMicros) + tookMicros
  })
  return Float64Array.from(latencies).sort()
}

/** @param sorted ascending. @param share such as 0.99. @throws RangeError of nothing */
export function percentile(sorted: Float64Array, share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? sorted[0]
  if (value === undefined) throw new RangeError('There is no percentile of nothing')
  return value
}
