/** What limiters promise, in this process and on a real Redis, and what becomes of it while Redis is away. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { MemoryLimiter } from '../../src/cache/memory-limiter.ts'
import type { Limiter } from '../../src/cache/ports.ts'
import { RedisLimiter } from '../../src/cache/redis-limiter.ts'
import { REDIS_DEADLINE_MS, REDIS_FAILURES_MAX } from '../../src/model/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { startRedis, type TestRedis, until } from '../support/redis.ts'
import { needsFor, settled } from './redis-house.ts'

const FIVE = { max: 5, windowMs: 60_000 }

let redis: TestRedis
const opened: RedisLimiter[] = []
let names = 0
const fresh = () => `test:${names++}`

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(async () => {
  for (const limiter of opened) limiter.close()
  await redis.stop()
})

async function openShared(server = redis, url = server.url) {
  const { needs, clock, seen } = needsFor(server, url)
  const limiter = new RedisLimiter(needs)
  opened.push(limiter)
  await until(() => seen.count('connected true') === 1)
  return { limiter, clock, seen }
}

describe.each<[string, () => Promise<Limiter>]>([
  ['in this process', async () => new MemoryLimiter({ clock: new ManualClock() })],
  ['in Redis', async () => (await openShared()).limiter],
])('a limit %s', (_, open) => {
  it('lets as many through as it says, and then tells how long its window lasts', async () => {
    const limiter = await open()
    const key = fresh()
    for (let attempt = 0; attempt < FIVE.max; attempt++) expect(await limiter.take(key, FIVE)).toBe(0)
    const left = await limiter.take(key, FIVE)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(FIVE.windowMs)
    expect(await limiter.take(key, FIVE)).toBeGreaterThan(0)
  })

  it('lets no more through when two hundred come at once', async () => {
    const limiter = await open()
    const key = fresh()
    const taken = await Promise.all(Array.from({ length: 200 }, () => limiter.take(key, FIVE)))
    expect(taken.filter((left) => left === 0)).toHaveLength(FIVE.max)
  })

  it('tells whether one more would be too many, and counts nothing by that', async () => {
    const limiter = await open()
    const key = fresh()
    const two = { max: 2, windowMs: 60_000 }
    await limiter.take(key, two)
    for (let look = 0; look < 5; look++) expect(await limiter.look(key, two)).toBe(0)
    expect(await limiter.take(key, two)).toBe(0)
    expect(await limiter.look(key, two)).toBeGreaterThan(0)
  })

  it('counts each key for itself', async () => {
    const limiter = await open()
    const [one, other] = [fresh(), fresh()]
    expect(await limiter.take(one, { max: 1, windowMs: 60_000 })).toBe(0)
    expect(await limiter.take(one, { max: 1, windowMs: 60_000 })).toBeGreaterThan(0)
    expect(await limiter.take(other, { max: 1, windowMs: 60_000 })).toBe(0)
  })
})

describe('a limit in this process', () => {
  it('begins anew when its window is over, which refused attempts do not put off', async () => {
    const clock = new ManualClock()
    const limiter = new MemoryLimiter({ clock })
    const limit = { max: 1, windowMs: 1_000 }
    expect(await limiter.take('a', limit)).toBe(0)
    clock.advance(999)
    expect(await limiter.take('a', limit)).toBe(1)
    clock.advance(1)
    expect(await limiter.take('a', limit)).toBe(0)
  })

  it('keeps no more counters than it may', async () => {
    const limiter = new MemoryLimiter({ clock: new ManualClock() }, 10)
    const limit = { max: 1, windowMs: 1_000 }
    await limiter.take('first', limit)
    for (let other = 0; other < 10; other++) await limiter.take(`other ${other}`, limit)
    expect(await limiter.take('first', limit)).toBe(0)
    expect(await limiter.take('other 9', limit)).toBeGreaterThan(0)
  })
})

describe('a limit in Redis', () => {
  it('holds over several processes', async () => {
    const [one, other] = [await openShared(), await openShared()]
    const key = fresh()
    const taken = await Promise.all(Array.from({ length: 40 }, (_, nth) => (nth % 2 === 0 ? one : other).limiter.take(key, FIVE)))
    expect(taken.filter((left) => left === 0)).toHaveLength(FIVE.max)
  })

  it('begins anew when its window is over, and leaves nothing behind', async () => {
    const { limiter } = await openShared()
    const key = fresh()
    const limit = { max: 1, windowMs: 200 }
    expect(await limiter.take(key, limit)).toBe(0)
    await until(async () => (await limiter.take(key, limit)) === 0)
    await until(() => redis.command('exists', `castellan:limit:${key}`)[0] === '0')
  })

  it('ends a counter that has lost its end', async () => {
    const { limiter } = await openShared()
    const key = fresh()
    await limiter.take(key, FIVE)
    redis.command('persist', `castellan:limit:${key}`)
    await limiter.take(key, FIVE)
    expect(Number(redis.command('pttl', `castellan:limit:${key}`)[0])).toBeGreaterThan(0)
  })

  it('runs on a cluster', async () => {
    const cluster = await startRedis({ cluster: true })
    try {
      const { limiter } = await openShared(cluster, cluster.url.replace('redis:', 'redis+cluster:'))
      const taken = await Promise.all(Array.from({ length: 10 }, () => limiter.take('key', FIVE)))
      expect(taken.filter((left) => left === 0)).toHaveLength(FIVE.max)
    } finally {
      await cluster.stop()
    }
  })
})

describe('while Redis', () => {
  it('does not answer, each process limits on its own, within the deadline', async () => {
    const own = await startRedis()
    try {
      const { limiter, clock, seen } = await openShared(own)
      own.pause()
      const key = fresh()
      const taken: number[] = []
      for (let attempt = 0; attempt < FIVE.max + REDIS_FAILURES_MAX; attempt++) {
        const asked = limiter.take(key, FIVE)
        clock.advance(REDIS_DEADLINE_MS)
        await settled()
        taken.push(await asked)
      }
      expect(taken.filter((left) => left === 0)).toHaveLength(FIVE.max)
      expect(seen.count('breaker true')).toBe(1)
      expect(seen.count('failed limit')).toBe(REDIS_FAILURES_MAX)
    } finally {
      await own.stop()
    }
  })

  it('is not there, each process limits on its own', async () => {
    const { needs } = needsFor(redis, 'redis://127.0.0.1:1')
    const limiter = new RedisLimiter(needs)
    opened.push(limiter)
    const taken = await Promise.all(Array.from({ length: 20 }, () => limiter.take('key', FIVE)))
    expect(taken.filter((left) => left === 0)).toHaveLength(FIVE.max)
  })
})
