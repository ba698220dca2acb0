/** Counts what keeps answers fresh, for dashboards. On the way of a check a plain number grows, which is read when somebody asks. Floor 6. */
import type { ReadObserver } from '../access/fresh-reader.ts'
import type { FreshnessStatus } from '../access/freshness.ts'
import type { RedisObserver } from '../cache/redis-link.ts'
import type { Metrics } from '../ground/metrics.ts'
import type { Level } from '../model/access-state.ts'
import type { AccessObserver } from './open-access.ts'

export interface FreshnessMetrics {
  readonly observe: AccessObserver
  /** Of Redis as a level of the cache; never connected where there is none. */
  readonly redis: { readonly connected: boolean; readonly breakerOpen: boolean }
  /** Of Redis as what limits are counted in. */
  readonly limiter: RedisObserver
  /** From now on there is a status to tell. */
  watch(watched: Watched): void
}

export interface Watched {
  readonly status: () => FreshnessStatus
  readonly kept: () => { readonly entries: number; readonly bytes: number }
}

/** From a reading that was woken at once to one that came after the freshness bound; the last ones mean trouble. */
const LAG_SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2.5, 10]
/** No change waits longer than the freshness bound and its margin. */
const EFFECTIVE_SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1, 1.1, 2.5]

export function openFreshnessMetrics(metrics: Metrics): FreshnessMetrics {
  const [states, callers, sessions, keys] = [new ReadCounts(), new ReadCounts(), new ReadCounts(), new ReadCounts()]
  let feedReadErrors = 0
  let watched: Watched | undefined
  // From the start, so that a rate knows what it grew from.
  const cacheErrors = new Map<string, number>(['connect', 'get', 'put', 'head', 'ring', 'limit'].map((operation) => [operation, 0]))
  const redis = { connected: false, breakerOpen: false }

  const lag = metrics
    .histogram(
      'castellan_invalidation_lag_seconds',
      'From the writing of a change to its application in this replica, on the clock of the database; what a start reads again is not counted',
      [],
      LAG_SECONDS_BUCKETS,
    )
    .labels({})
  const effective = metrics
    .histogram(
      'castellan_revocation_effective_seconds',
      'From the commit of a change to its being in force on all replicas',
      [],
      EFFECTIVE_SECONDS_BUCKETS,
    )
    .labels({})
  addReadCounters(metrics, { states, callers, sessions, keys })
  metrics.counter('castellan_feed_read_errors_total', 'Readings of the feed that failed', [], (set) => set({}, feedReadErrors))
  metrics.counter(
    'castellan_cache_errors_total',
    'Attempts at Redis that failed or were given up; checks go on without',
    ['operation'],
    (set) => {
      for (const [operation, count] of cacheErrors) set({ operation }, count)
    },
  )
  metrics.gauge('castellan_cache_breaker_open', 'Whether Redis is passed over because it fails or is slow (1)', [], (gauge) => {
    gauge.set(redis.breakerOpen ? 1 : 0)
  })
  metrics.gauge('castellan_cache_connected', 'Whether Redis is connected (1); 0 also where there is none', [], (gauge) => {
    gauge.set(redis.connected ? 1 : 0)
  })
  addStatusGauges(metrics, () => watched)

  const failed: RedisObserver['failed'] = (operation) => void cacheErrors.set(operation, (cacheErrors.get(operation) ?? 0) + 1)
  return {
    redis,
    limiter: { failed, connected: () => undefined, breaker: () => undefined },
    observe: {
      freshness: {
        states,
        callers,
        sessions,
        keys,
        applied: (lagMs) => {
          // Until the first reading to the head old changes are read, which this replica is not late for.
          if (Number.isFinite(watched?.status().ageMs)) lag.observe(lagMs / 1_000)
        },
        readFailed: () => {
          feedReadErrors++
        },
        effective: (seconds) => effective.observe(seconds),
      },
      cache: {
        failed,
        connected: (connected) => {
          redis.connected = connected
        },
        breaker: (open) => {
          redis.breakerOpen = open
        },
      },
      doorbell: { failed, connected: () => undefined, breaker: () => undefined },
    },
    watch: (next) => {
      watched = next
    },
  }
}

class ReadCounts implements ReadObserver {
  readonly answers: Record<Level, number> = { memory: 0, redis: 0, store: 0 }
  readonly outdatedEntries = { memory: 0, redis: 0 }
  refusals = 0

  answered(level: Level): void {
    this.answers[level]++
  }

  outdated(level: 'memory' | 'redis'): void {
    this.outdatedEntries[level]++
  }

  refused(): void {
    this.refusals++
  }
}

function addReadCounters(metrics: Metrics, counts: Readonly<Record<'states' | 'callers' | 'sessions' | 'keys', ReadCounts>>): void {
  const { states, callers, sessions } = counts
  const all = Object.values(counts)
  const sum = (of: (count: ReadCounts) => number) => all.reduce((total, count) => total + of(count), 0)
  metrics.counter(
    'castellan_access_reads_total',
    'Access states that answers were made from, by where they were found',
    ['level'],
    (set) => {
      for (const level of ['memory', 'redis', 'store'] as const) set({ level }, states.answers[level])
    },
  )
  metrics.counter('castellan_caller_reads_total', 'Callers looked up by their key, by where they were found', ['level'], (set) => {
    for (const level of ['memory', 'store'] as const) set({ level }, callers.answers[level])
  })
  metrics.counter('castellan_session_reads_total', 'Sessions of access tokens, by where they were found', ['level'], (set) => {
    for (const level of ['memory', 'store'] as const) set({ level }, sessions.answers[level])
  })
  metrics.counter(
    'castellan_outdated_entries_total',
    'Entries that were found and did not hold any more, so that it was looked further',
    ['level'],
    (set) => {
      for (const level of ['memory', 'redis'] as const)
        set(
          { level },
          sum(({ outdatedEntries }) => outdatedEntries[level]),
        )
    },
  )
  metrics.counter('castellan_stale_refusals_total', 'Questions refused as unavailable: nothing fresh enough could be had', [], (set) =>
    set(
      {},
      sum(({ refusals }) => refusals),
    ),
  )
}

/** What is not known yet is not a number. */
function addStatusGauges(metrics: Metrics, watched: () => Watched | undefined): void {
  metrics.gauge('castellan_freshness_seconds', 'Age of the last reading of the feed that reached its head', [], (gauge) => {
    const ageMs = watched()?.status().ageMs ?? Number.NaN
    gauge.set(Number.isFinite(ageMs) ? ageMs / 1_000 : Number.NaN)
  })
  metrics.gauge('castellan_feed_position', 'Position of the feed up to which this replica has applied all changes', [], (gauge) => {
    gauge.set(watched()?.status().position ?? Number.NaN)
  })
  metrics.gauge('castellan_cache_entries', 'Access states kept in process', [], (gauge) => gauge.set(watched()?.kept().entries ?? 0))
  metrics.gauge('castellan_cache_bytes', 'About what the access states kept in process take', [], (gauge) =>
    gauge.set(watched()?.kept().bytes ?? 0),
  )
}
