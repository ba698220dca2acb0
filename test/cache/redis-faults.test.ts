/** Redis that is frozen, killed, away, sealed off or somebody else's: it costs a bounded wait, then nothing, and it comes back by itself. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { RedisCache } from '../../src/cache/redis-cache.ts'
import {
  REDIS_BREAK_MS,
  REDIS_CONNECT_TIMEOUT_MS,
  REDIS_DEADLINE_MS,
  REDIS_FAILURES_MAX,
  REDIS_FILLS_IN_FLIGHT_MAX,
  REDIS_SILENCE_MS_MAX,
} from '../../src/model/limits.ts'
import { startRedis, type TestRedis, until } from '../support/redis.ts'
import { callsOf, needsFor, newIdentity, openCache, serves, settled } from './redis-house.ts'
import { stateAt } from './states.ts'

let redis: TestRedis
const opened: { close(): void }[] = []

beforeAll(async () => {
  redis = await startRedis()
})
afterEach(() => {
  redis.resume()
  for (const cache of opened.splice(0)) cache.close()
})
afterAll(async () => {
  await redis.stop()
})

async function open() {
  const one = await openCache(redis)
  opened.push(one.cache)
  one.cache.put('north', 'ann', stateAt(1), 60_000)
  await until(async () => (await one.cache.get('north', 'ann')) !== undefined)
  return one
}

/** Whether it has an answer when nothing but the present is given to it. */
async function isAnswered(asked: Promise<unknown>): Promise<boolean> {
  let answered = false
  const set = () => {
    answered = true
  }
  asked.then(set, set)
  await settled()
  return answered
}

describe('a Redis that does not answer', () => {
  it('costs a question the deadline at most, and that is a miss, not an error', async () => {
    const { cache, clock, seen } = await open()
    redis.pause()
    const asked = cache.get('north', 'ann')
    clock.advance(REDIS_DEADLINE_MS - 1)
    expect(await isAnswered(asked)).toBe(false)
    clock.advance(1)
    expect(await asked).toBeUndefined()
    expect(seen.count('failed get')).toBe(1)
  })

  it('costs nothing after a few questions, but for one trial now and then, until a trial succeeds', async () => {
    const { cache, clock, seen } = await open()
    const before = callsOf(redis, 'get')
    redis.pause()
    for (let failure = 1; failure <= REDIS_FAILURES_MAX; failure++) {
      const asked = cache.get('north', 'ann')
      clock.advance(REDIS_DEADLINE_MS)
      expect(await asked).toBeUndefined()
    }
    expect(seen.events.at(-1)).toBe('breaker true')
    const timers = clock.waiting
    for (let question = 0; question < 100; question++) expect(await cache.get('north', 'ann')).toBeUndefined()
    cache.put('north', 'bob', stateAt(1), 60_000)
    expect(clock.waiting).toBe(timers)

    clock.advance(REDIS_BREAK_MS)
    const trial = cache.get('north', 'ann')
    const beside = cache.get('north', 'ann')
    expect([await isAnswered(trial), await isAnswered(beside)]).toEqual([false, true])
    clock.advance(REDIS_DEADLINE_MS)
    expect(await trial).toBeUndefined()
    expect(await cache.get('north', 'ann')).toBeUndefined()

    redis.resume()
    clock.advance(REDIS_BREAK_MS)
    expect(await cache.get('north', 'ann')).toEqual(stateAt(1))
    expect(seen.events.at(-1)).toBe('breaker false')
    expect(await cache.get('north', 'ann')).toEqual(stateAt(1))
    expect(callsOf(redis, 'get')).toBe(before + REDIS_FAILURES_MAX + 1 + 2)
    expect(seen.lines.filter((line) => line.includes('"level":"warn"'))).toHaveLength(1)
  })

  it('takes a bounded number of fills, and drops the others', async () => {
    const { cache } = await open()
    const before = callsOf(redis, 'set')
    redis.pause()
    for (let fill = 0; fill < REDIS_FILLS_IN_FLIGHT_MAX + 500; fill++) cache.put('north', `user ${fill}`, stateAt(1), 60_000)
    await settled()
    redis.resume()
    await until(async () => (await cache.get('north', `user ${REDIS_FILLS_IN_FLIGHT_MAX - 1}`)) !== undefined)
    expect(await cache.get('north', `user ${REDIS_FILLS_IN_FLIGHT_MAX}`)).toBeUndefined()
    expect(callsOf(redis, 'set')).toBe(before + REDIS_FILLS_IN_FLIGHT_MAX)
    cache.put('north', 'one more', stateAt(1), 60_000)
    await until(async () => (await cache.get('north', 'one more')) !== undefined)
  })

  it('lets fills that fail count for the breaker', async () => {
    const { cache, clock, seen } = await open()
    redis.pause()
    for (let fill = 0; fill < REDIS_FAILURES_MAX; fill++) cache.put('north', `user ${fill}`, stateAt(1), 60_000)
    await settled()
    clock.advance(REDIS_DEADLINE_MS)
    await settled()
    expect([seen.count('failed put'), seen.events.at(-1)]).toEqual([REDIS_FAILURES_MAX, 'breaker true'])
  })

  it('is left after a long silence and reached anew, also when the silence falls into the greeting', async () => {
    const opened = await open()
    const { cache, clock, seen } = opened
    redis.pause()
    const asked = cache.get('north', 'ann')
    clock.advance(REDIS_DEADLINE_MS)
    expect(await asked).toBeUndefined()
    clock.advance(REDIS_SILENCE_MS_MAX)
    expect(seen.events.at(-1)).toBe('connected false')
    for (let attempt = 1; attempt <= 3; attempt++) {
      // Its turn comes, it reaches the socket, nobody greets it.
      clock.advance(1_000)
      await new Promise((resolve) => setTimeout(resolve, 100))
      clock.advance(2 * REDIS_CONNECT_TIMEOUT_MS)
      await until(() => seen.count('failed connect') >= attempt)
    }
    redis.resume()
    await serves(opened)
    expect(seen.lines.filter((line) => line.includes('no connection to Redis'))).toHaveLength(1)
  })

  it('is not blamed for a standstill of this process: an answer that has come by then is taken', async () => {
    const { cache, clock, seen } = await open()
    redis.pause()
    const asked = cache.get('north', 'ann')
    await settled()
    redis.resume()
    setTimeout(() => clock.advance(REDIS_DEADLINE_MS), 1)
    // Nothing of this process runs meanwhile, and the answer arrives.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    expect(await asked).toEqual(stateAt(1))
    expect(seen.count('failed get')).toBe(0)
  })
})

describe('a Redis that goes away', () => {
  it('is a miss at once while it is away, and serves again by itself when it is back, empty', async () => {
    const opened = await open()
    const { cache, seen } = opened
    await redis.kill()
    await until(() => seen.events.includes('connected false'))
    expect(await isAnswered(cache.get('north', 'ann'))).toBe(true)
    cache.put('north', 'ann', stateAt(1), 60_000)
    await redis.restart()
    await serves(opened)
    expect(await cache.get('north', 'ann')).toBeUndefined()
    cache.put('north', 'ann', stateAt(2), 60_000)
    await until(async () => (await cache.get('north', 'ann')) !== undefined)
  })

  it('gives nothing after a new connection until its head was looked at again', async () => {
    const { cache, clock, seen, identity } = await open()
    const other = await openCache(redis, redis.url, { ...identity, head: 30 })
    const warnings: number[] = []
    cache.onHeadAhead((head) => warnings.push(head))
    redis.command('client', 'kill', 'type', 'normal')
    await until(() => seen.events.includes('connected false'))
    await until(() => {
      cache.observe(identity)
      if (seen.count('connected true') < 2) clock.advance(50)
      return warnings.length > 0
    })
    expect([warnings[0], await cache.get('north', 'ann')]).toEqual([30, undefined])
    cache.observe({ ...identity, head: 30 })
    expect(await cache.get('north', 'ann')).toEqual(stateAt(1))
    other.cache.close()
  })

  it('may not be there at the start, which hinders nobody, and is found when it comes', async () => {
    await redis.kill()
    const { needs, clock, seen } = needsFor(redis, redis.url)
    const cache = new RedisCache(needs)
    opened.push(cache)
    const identity = newIdentity()
    cache.observe(identity)
    expect(await isAnswered(cache.get('north', 'ann'))).toBe(true)
    await until(() => {
      clock.advance(50)
      return seen.count('failed connect') > 5
    })
    expect(seen.lines.filter((line) => line.includes('"level":"warn"'))).toHaveLength(1)
    await redis.restart()
    await serves({ cache, clock, seen, identity })
  })

  it('is left by who is closed, at any moment, and then everything is a miss', async () => {
    const { cache, clock, seen } = await open()
    redis.pause()
    const asked = cache.get('north', 'ann')
    cache.close()
    expect(await asked).toBeUndefined()
    cache.put('north', 'ann', stateAt(1), 60_000)
    cache.observe(newIdentity())
    expect(await cache.get('north', 'ann')).toBeUndefined()
    clock.advance(10 * REDIS_SILENCE_MS_MAX)
    await settled()
    expect(clock.waiting).toBe(0)
    expect(seen.count('connected true')).toBe(1)

    const { needs, clock: other } = needsFor(redis, redis.url)
    const connecting = new RedisCache(needs)
    await settled()
    connecting.close()
    other.advance(10 * REDIS_SILENCE_MS_MAX)
    await settled()
    expect(other.waiting).toBe(0)
    redis.resume()
    await until(() => redis.command('client', 'list', 'type', 'normal').length === 1)
  })
})

describe('a Redis that refuses', () => {
  it('is left and reached anew when it has become a replica, which takes no writes', async () => {
    const opened = await open()
    const { cache, seen } = opened
    redis.command('replicaof', '127.0.0.1', '1')
    cache.put('north', 'bob', stateAt(1), 60_000)
    await until(() => seen.events.includes('connected false'))
    redis.command('replicaof', 'no', 'one')
    await serves(opened)
  })

  it('is passed over while it has no memory left, without an end to connections', async () => {
    const opened = await open()
    const { cache, seen } = opened
    redis.command('config', 'set', 'maxmemory', '1')
    cache.put('north', 'bob', stateAt(1), 60_000)
    await until(() => seen.count('failed put') === 1)
    expect(await cache.get('north', 'ann')).toEqual(stateAt(1))
    redis.command('config', 'set', 'maxmemory', '0')
    await serves(opened)
    expect(seen.count('connected false')).toBe(0)
  })

  it('never learns from a log what it was sent: a wrong password is in no line, nor in what an unknown greeting repeats', async () => {
    // A server that knows no HELLO repeats its arguments, the password among them.
    const parrot = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (data) =>
        socket.write(`-ERR unknown command, with args beginning with: ${String(data).replaceAll('\r\n', ' ')}\r\n`),
      )
    }).listen(0, '127.0.0.1')
    await once(parrot, 'listening')
    const address = parrot.address()
    const parrotUrl = `redis://:correct-horse@127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const closed = await startRedis({ password: 'another' })
    for (const url of [parrotUrl, closed.url.replace('another', 'correct-horse')]) {
      const { needs, clock, seen } = needsFor(redis, url)
      const cache = new RedisCache(needs)
      await until(() => {
        clock.advance(50)
        return seen.count('failed connect') > 2
      })
      cache.close()
      expect(seen.lines.join('')).toContain('no connection to Redis')
      expect(seen.lines.join('')).not.toContain('correct-horse')
    }
    parrot.close()
    await closed.stop()
  })
})
