/** The doorbell on a real Redis: who listens hears it, and losing Redis only makes it silent for a while. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { RedisDoorbell } from '../../src/cache/redis-doorbell.ts'
import { DOORBELL_ECHO_MS } from '../../src/model/limits.ts'
import type { Doorbell } from '../../src/store/ports.ts'
import { startRedis, type TestRedis, until } from '../support/redis.ts'
import { callsOf, needsFor, openDoorbell, rings, settled } from './redis-house.ts'

let redis: TestRedis
const opened: RedisDoorbell[] = []

beforeAll(async () => {
  redis = await startRedis()
})
afterEach(() => {
  redis.resume()
  for (const doorbell of opened.splice(0)) doorbell.close()
})
afterAll(async () => {
  await redis.stop()
})

async function open() {
  const one = await openDoorbell(redis)
  opened.push(one.doorbell)
  return one
}

describe('the doorbell', () => {
  it('is heard by all who listen, also by who rang', async () => {
    const [one, two, three] = [await open(), await open(), await open()]
    const bell: Doorbell = one.doorbell
    const before = [one.heard, two.heard, three.heard]
    bell.ring()
    await until(() => [one, two, three].every(({ heard }, index) => heard > (before[index] ?? 0)))
  })

  it('is rung once more, and no oftener, however often it is rung while a ring is on its way', async () => {
    const one = await open()
    const before = callsOf(redis, 'publish')
    redis.pause()
    for (let ring = 0; ring < 100; ring++) one.doorbell.ring()
    redis.resume()
    await until(() => callsOf(redis, 'publish') === before + 2)
    const heard = one.heard
    one.doorbell.ring()
    await until(() => one.heard > heard)
    expect(callsOf(redis, 'publish')).toBe(before + 3)
  })

  it.each(['pubsub', 'normal'])('listens again by itself when Redis has ended its %s connections', async (type) => {
    const one = await open()
    redis.command('client', 'kill', 'type', type, 'skipme', 'yes')
    await rings(one)
    expect(one.seen.count('connected true')).toBe(type === 'pubsub' ? 2 : 1)
  })

  it('neither fails nor waits while Redis is away, and rings when it is back', async () => {
    const one = await open()
    await redis.kill()
    await until(() => one.seen.events.includes('connected false'))
    expect(() => one.doorbell.ring()).not.toThrow()
    await redis.restart()
    await rings(one)
  })

  it('does not trust silence: it rings itself now and then, and makes a new connection when it does not hear that', async () => {
    const one = await open()
    for (let round = 0; round < 3; round++) {
      const before = callsOf(redis, 'publish')
      one.clock.advance(DOORBELL_ECHO_MS)
      await until(() => callsOf(redis, 'publish') > before)
      await settled()
    }
    expect([one.seen.count('connected false'), one.seen.count('connected true')]).toEqual([0, 1])
    redis.pause()
    one.clock.advance(2 * DOORBELL_ECHO_MS)
    expect(one.seen.count('connected false')).toBe(1)
    redis.resume()
    await rings(one)
  })

  it('is silent once closed, at any moment', async () => {
    const one = await open()
    const other = await open()
    one.doorbell.close()
    one.doorbell.ring()
    const before = one.heard
    await rings(other)
    one.clock.advance(10 * DOORBELL_ECHO_MS)
    await settled()
    expect([one.heard, one.clock.waiting, one.seen.count('failed ring')]).toEqual([before, 0, 0])
    const { needs, clock } = needsFor(redis, redis.url)
    new RedisDoorbell(needs).close()
    await settled()
    clock.advance(10 * DOORBELL_ECHO_MS)
    await settled()
    expect(clock.waiting).toBe(0)
  })
})
