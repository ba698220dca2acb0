/** Latency at a fixed rate counts from when a request was due: a server that stands still cannot hide it by being asked less. */
import { describe, expect, it } from '@jest/globals'
import { latenciesFromDue, parseLog, percentile } from '../../bench/open-loop/latencies.ts'

const sent = (...starts: readonly number[]) => starts.map((startMicros) => ({ startMicros, tookMicros: 10 }))

describe('latencies at a fixed offered rate', () => {
  it('are what the answers took while requests are sent when they are due, in whatever order they were written down', () => {
    expect([...latenciesFromDue(sent(3_000, 1_000, 2_000, 0), 1_000)]).toEqual([10, 10, 10, 10])
  })

  it('count the time that a request was kept back', () => {
    // Due at 0, 1, 2, 3 and 4 ms; the server stood still until 4 ms, and three waited for it unsent.
    expect([...latenciesFromDue(sent(0, 4_000, 4_000, 4_000, 4_000), 1_000)]).toEqual([10, 10, 1_010, 2_010, 3_010])
  })

  it('are not shortened by a generator that sends in packs', () => {
    expect([...latenciesFromDue(sent(0, 0, 2_000, 2_000), 1_000)]).toEqual([10, 10, 10, 10])
  })

  it('are read from a log of successes only', () => {
    expect(parseLog('100\t200\t7\n200\t200\t9\n')).toEqual([
      { startMicros: 100, tookMicros: 7 },
      { startMicros: 200, tookMicros: 9 },
    ])
    expect(() => parseLog('100\t503\t7\n')).toThrow('failed')
    expect(() => parseLog('100\t-1\t7\n')).toThrow('failed')
    expect(() => parseLog('nonsense\n')).toThrow('failed')
  })

  it('have percentiles by nearest rank', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share))).toEqual([50, 99, 100, 100])
    expect(percentile(Float64Array.of(3), 0.5)).toBe(3)
    expect(() => percentile(new Float64Array(), 0.5)).toThrow(RangeError)
  })
})
