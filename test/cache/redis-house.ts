/** A shared level and a doorbell on a real Redis, with all that can be seen of them. */
import { randomUUID } from 'node:crypto'
import type { DatabaseIdentity } from '../../src/cache/ports.ts'
import { parseRedisAddress } from '../../src/cache/redis-address.ts'
import { RedisCache } from '../../src/cache/redis-cache.ts'
import { RedisDoorbell } from '../../src/cache/redis-doorbell.ts'
import type { RedisNeeds } from '../../src/cache/redis-link.ts'
import { openLog } from '../../src/ground/log.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type TestRedis, until } from '../support/redis.ts'
import { stateAt } from './states.ts'

export interface Seen {
  /** As they were told, such as `failed get`, `breaker true`, `connected true`. */
  readonly events: string[]
  readonly lines: string[]
  count(event: string): number
}

export function newIdentity(head = 5): DatabaseIdentity {
  return { incarnation: randomUUID(), secret: systemRandom.bytes(32), head }
}

export function needsFor(redis: Pick<TestRedis, 'ca'>, url: string) {
  const address = parseRedisAddress(url)
  if (address === undefined) throw new Error('This is not an address of Redis')
  const clock = new ManualClock()
  const events: string[] = []
  const lines: string[] = []
  const observe = {
    failed: (operation: string) => void events.push(`failed ${operation}`),
    connected: (connected: boolean) => void events.push(`connected ${connected}`),
    breaker: (open: boolean) => void events.push(`breaker ${open}`),
  }
  const log = openLog('trace', { write: (line) => void lines.push(line) })
  const needs: RedisNeeds = { address, ca: redis.ca.length === 0 ? undefined : redis.ca, clock, random: systemRandom, log, observe }
  const seen: Seen = { events, lines, count: (event) => events.filter((one) => one === event).length }
  return { needs, clock, seen }
}

export interface OpenCache {
  readonly cache: RedisCache
  readonly clock: ManualClock
  readonly seen: Seen
  readonly identity: DatabaseIdentity
}

/** One that is connected, has observed `identity` and gives back what is put. */
export async function openCache(redis: TestRedis, url = redis.url, identity = newIdentity()): Promise<OpenCache> {
  const { needs, clock, seen } = needsFor(redis, url)
  const opened = { cache: new RedisCache(needs), clock, seen, identity }
  await serves(opened)
  return opened
}

/** Until it gives back what is put; observes as the feed's follower does, and lets time pass for attempts to connect. */
export async function serves({ cache, clock, identity }: OpenCache): Promise<void> {
  await until(async () => {
    cache.observe(identity)
    // Redis gets a moment of real time for each answer before the clock goes on: otherwise all would be late, always.
    await aMoment()
    cache.put('probe', 'probe', stateAt(0), 60_000)
    const asked = cache.get('probe', 'probe')
    await Promise.race([asked, aMoment()])
    clock.advance(50)
    return (await asked) !== undefined
  })
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}

export async function openDoorbell(redis: TestRedis, url = redis.url) {
  const { needs, clock, seen } = needsFor(redis, url)
  const doorbell = new RedisDoorbell(needs)
  const opened = { doorbell, clock, seen, heard: 0 }
  doorbell.onRing(() => opened.heard++)
  await rings(opened)
  return opened
}

/** Until its own ring is heard. */
export async function rings(opened: {
  readonly doorbell: RedisDoorbell
  readonly clock: ManualClock
  readonly heard: number
}): Promise<void> {
  const before = opened.heard
  await until(() => {
    opened.clock.advance(50)
    opened.doorbell.ring()
    return opened.heard > before
  })
}

/** After all that can happen without time passing and without Redis. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** How often Redis has run a command since it was started. */
export function callsOf(redis: TestRedis, command: string): number {
  const line = redis.command('info', 'commandstats').find((one) => one.startsWith(`cmdstat_${command}:`))
  return Number(/calls=(\d+)/.exec(line ?? '')?.[1] ?? 0)
}
