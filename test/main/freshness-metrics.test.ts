/** Freshness as dashboards see it. */
import { beforeEach, describe, expect, it } from '@jest/globals'
import type { FreshnessStatus } from '../../src/access/freshness.ts'
import { type Metrics, openMetrics } from '../../src/ground/metrics.ts'
import { type FreshnessMetrics, openFreshnessMetrics } from '../../src/main/freshness-metrics.ts'

let metrics: Metrics
let counts: FreshnessMetrics
let status: FreshnessStatus
beforeEach(() => {
  metrics = openMetrics()
  counts = openFreshnessMetrics(metrics)
  status = { fresh: true, ageMs: 40, position: 123 }
})
const watch = () => counts.watch({ status: () => status, kept: () => ({ entries: 7, bytes: 2_100 }) })
/** Series of ours, by name and labels. */
async function read(): Promise<Record<string, number>> {
  const { body } = await metrics.text()
  const lines = body.split('\n').filter((line) => line.startsWith('castellan_'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}

describe('metrics of freshness', () => {
  it('count where answers were found, and keep states and callers apart', async () => {
    const { states, callers } = counts.observe.freshness
    for (const level of ['memory', 'memory', 'memory', 'redis', 'store'] as const) states.answered(level)
    callers.answered('memory')
    const expected = {
      'castellan_access_reads_total{level="memory"}': 3,
      'castellan_access_reads_total{level="redis"}': 1,
      'castellan_access_reads_total{level="store"}': 1,
      'castellan_caller_reads_total{level="memory"}': 1,
      'castellan_caller_reads_total{level="store"}': 0,
    }
    expect(await read()).toMatchObject(expected)
    expect(await read()).toMatchObject(expected)
    states.answered('memory')
    expect(await read()).toMatchObject({ 'castellan_access_reads_total{level="memory"}': 4 })
  })

  it('count what did not hold any more, what was refused and what failed', async () => {
    const { freshness, cache, doorbell } = counts.observe
    freshness.states.outdated('memory')
    freshness.states.outdated('redis')
    freshness.callers.outdated('memory')
    freshness.states.refused()
    freshness.callers.refused()
    freshness.readFailed()
    cache.failed('get')
    cache.failed('get')
    doorbell.failed('ring')
    expect(await read()).toMatchObject({
      'castellan_outdated_entries_total{level="memory"}': 2,
      'castellan_outdated_entries_total{level="redis"}': 1,
      castellan_stale_refusals_total: 2,
      castellan_feed_read_errors_total: 1,
      'castellan_cache_errors_total{operation="get"}': 2,
      'castellan_cache_errors_total{operation="ring"}': 1,
    })
  })

  it('tell the state of Redis as a level, whatever its bell does', async () => {
    const { cache, doorbell } = counts.observe
    cache.connected(true)
    cache.breaker(true)
    doorbell.connected(false)
    expect(counts.redis).toEqual({ connected: true, breakerOpen: true })
    expect(await read()).toMatchObject({ castellan_cache_breaker_open: 1 })
    cache.breaker(false)
    expect(await read()).toMatchObject({ castellan_cache_breaker_open: 0 })
  })

  it('say nothing of an age that is not known yet', async () => {
    expect(await read()).toMatchObject({ castellan_freshness_seconds: Number.NaN, castellan_feed_position: Number.NaN })
    watch()
    expect(await read()).toMatchObject({
      castellan_freshness_seconds: 0.04,
      castellan_feed_position: 123,
      castellan_cache_entries: 7,
      castellan_cache_bytes: 2_100,
    })
    status = { fresh: false, ageMs: Number.POSITIVE_INFINITY, position: undefined }
    expect(await read()).toMatchObject({ castellan_freshness_seconds: Number.NaN, castellan_feed_position: Number.NaN })
  })

  it('time changes that reach a running replica, not old ones that a start reads again', async () => {
    const { applied, effective } = counts.observe.freshness
    applied(1_200_000)
    status = { fresh: false, ageMs: Number.POSITIVE_INFINITY, position: 1 }
    watch()
    applied(1_200_000)
    expect(await read()).toMatchObject({ castellan_invalidation_lag_seconds_count: 0 })
    status = { fresh: true, ageMs: 5, position: 2 }
    applied(30)
    effective(0.02)
    expect(await read()).toMatchObject({
      castellan_invalidation_lag_seconds_count: 1,
      castellan_invalidation_lag_seconds_sum: 0.03,
      'castellan_invalidation_lag_seconds_bucket{le="0.05"}': 1,
      'castellan_invalidation_lag_seconds_bucket{le="0.025"}': 0,
      castellan_revocation_effective_seconds_count: 1,
    })
  })
})
