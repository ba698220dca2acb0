/** What the shared level gives back, and what it never does, on a real Redis. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createClient, RESP_TYPES } from 'redis'
import { encodeAccessState } from '../../src/cache/codec.ts'
import { RedisCache } from '../../src/cache/redis-cache.ts'
import { Seal } from '../../src/cache/seal.ts'
import {
  FEED_INTERVAL_MS,
  FRESHNESS_BOUND_MS,
  REDIS_FAILURES_MAX,
  SHARED_ENTRY_BYTES_MAX,
  SHARED_ENTRY_TTL_MS,
  SHARED_HEAD_ALARM_MS,
  SHARED_HEAD_REFRESH_MS,
} from '../../src/model/limits.ts'
import { openProxy } from '../store/proxy.ts'
import { HOSTILE_IDS } from '../support/ids.ts'
import { startRedis, type TestRedis, until } from '../support/redis.ts'
import { callsOf, needsFor, newIdentity, type OpenCache, openCache, settled } from './redis-house.ts'
import { stateAt } from './states.ts'

let redis: TestRedis
const opened: RedisCache[] = []

const connectRaw = () =>
  createClient({ url: redis.url })
    .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    .connect()
let raw: Awaited<ReturnType<typeof connectRaw>>

beforeAll(async () => {
  redis = await startRedis()
  raw = await connectRaw()
})
afterAll(async () => {
  for (const cache of opened) cache.close()
  raw.destroy()
  await redis.stop()
})

async function open(identity = newIdentity()): Promise<OpenCache & { readonly seal: Seal }> {
  const one = await openCache(redis, redis.url, identity)
  opened.push(one.cache)
  return { ...one, seal: new Seal(identity) }
}

/** One that has not observed anything yet. */
async function openUnobserved() {
  const { needs, clock, seen } = needsFor(redis, redis.url)
  const cache = new RedisCache(needs)
  opened.push(cache)
  await until(() => seen.count('connected true') === 1)
  return { cache, clock, seen }
}

/** The value under a pair's key, written when it is there. */
async function written(seal: Seal, tenant: string, user: string): Promise<Buffer> {
  let value: Buffer | null = null
  await until(async () => {
    value = await raw.get(seal.keyOf(tenant, user))
    return value !== null
  })
  return value ?? Buffer.alloc(0)
}

describe('the shared level', () => {
  it('gives a replica what another one put, for this very pair and no other', async () => {
    const one = await open()
    const other = await open(one.identity)
    const pairs = HOSTILE_IDS.flatMap((tenant) => HOSTILE_IDS.map((user) => [tenant, user] as const))
    const known = new Map(pairs.filter((_, index) => index % 3 !== 0).map((pair, index) => [pair, stateAt(1 + (index % 5))] as const))
    for (const chunk of chunks([...known], 500)) {
      for (const [[tenant, user], state] of chunk) one.cache.put(tenant, user, state, 60_000)
      const [tenant, user] = chunk.at(-1)?.[0] ?? ['', '']
      await written(one.seal, tenant, user)
    }
    for (const pair of pairs) expect(await other.cache.get(...pair)).toEqual(known.get(pair))
    expect([one.seen.count('failed put'), other.seen.count('failed get')]).toEqual([0, 0])
  })

  it('shows no id in Redis, and keeps its keys to its own name', async () => {
    const { cache, seal } = await open()
    cache.put('tenant-of-note', 'user-of-note', stateAt(1), 60_000)
    await written(seal, 'tenant-of-note', 'user-of-note')
    const keys = redis.command('keys', '*')
    expect(keys.filter((key) => !key.startsWith('castellan:') || key.includes('of-note'))).toEqual([])
  })

  it.each([
    [5_000, 5_000],
    [1.9, 1],
    [SHARED_ENTRY_TTL_MS + 1, SHARED_ENTRY_TTL_MS],
    [Number.POSITIVE_INFINITY, SHARED_ENTRY_TTL_MS],
  ])('lets an entry asked for %d ms live for %d ms at most', async (asked, most) => {
    const { cache, seal } = await open()
    const before = callsOf(redis, 'set')
    cache.put('north', 'ann', stateAt(1), asked)
    await until(() => callsOf(redis, 'set') === before + 1)
    // -2: it is gone already; -1 would mean that it lives for ever.
    const left = await raw.pTTL(seal.keyOf('north', 'ann'))
    expect(left === -2 ? 1 : left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(most)
    expect(left).toBeGreaterThan(most - 4_000)
  })

  it.each([0, -1, 0.9, Number.NaN, Number.NEGATIVE_INFINITY])('puts nothing that would live %d ms', async (ttlMs) => {
    const { cache } = await open()
    const before = callsOf(redis, 'set')
    cache.put('north', 'ann', stateAt(1), ttlMs)
    await settled()
    await cache.get('north', 'ann')
    expect(callsOf(redis, 'set')).toBe(before)
  })

  it('gives nothing for a value that was changed, cut, copied from another key, of another version or made up', async () => {
    const { cache, seal, seen } = await open()
    cache.put('north', 'ann', stateAt(1), 60_000)
    const key = seal.keyOf('north', 'ann')
    const value = await written(seal, 'north', 'ann')
    const body = encodeAccessState(stateAt(1))
    const copied = seal.seal(seal.keyOf('north', 'bob'), body)
    const otherVersion = seal.seal(key, Buffer.concat([Buffer.of(2), body.subarray(1)]))
    const stranger = new Seal(newIdentity()).seal(key, body)
    const tooLarge = seal.seal(
      key,
      encodeAccessState({ ...stateAt(1), tenant: { suspended: false, attributes: { a: 'x'.repeat(SHARED_ENTRY_BYTES_MAX) } } }),
    )
    const flipped = Buffer.from(value)
    flipped.writeUInt8(flipped.readUInt8(30) ^ 1, 30)
    for (const bad of [
      Buffer.alloc(0),
      value.subarray(0, 10),
      value.subarray(0, -1),
      flipped,
      copied,
      otherVersion,
      stranger,
      body,
      tooLarge,
    ]) {
      await raw.set(key, bad)
      expect(await cache.get('north', 'ann')).toBeUndefined()
    }
    await raw.set(key, value)
    expect(await cache.get('north', 'ann')).toEqual(stateAt(1))
    expect([seen.count('failed get'), seen.count('connected false')]).toEqual([0, 0])
  })

  it('never puts what is larger than it would read', async () => {
    const { cache } = await open()
    const before = callsOf(redis, 'set')
    cache.put(
      'north',
      'ann',
      { ...stateAt(1), tenant: { suspended: false, attributes: { a: 'x'.repeat(SHARED_ENTRY_BYTES_MAX) } } },
      60_000,
    )
    await cache.get('north', 'ann')
    expect(callsOf(redis, 'set')).toBe(before)
  })

  it('gives nothing of another incarnation, also not to a question that was asked before it changed', async () => {
    const { cache, identity, seal } = await open()
    cache.put('north', 'ann', stateAt(1), 60_000)
    await written(seal, 'north', 'ann')
    const asked = cache.get('north', 'ann')
    cache.observe({ ...newIdentity(), secret: identity.secret })
    expect(await asked).toBeUndefined()
    await settled()
    expect(await cache.get('north', 'ann')).toBeUndefined()
  })
})

describe('the head that stands in Redis', () => {
  const headOf = (seal: Seal) => seal.openHead(redis.command('get', seal.headKey)[0] ?? '')

  it('never falls, however many replicas raise it', async () => {
    const first = await open()
    const others = await Promise.all([open(first.identity), open(first.identity)])
    let highest = 0
    for (let round = 0; round < 30; round++) {
      const heads = [first, ...others].map((one, index) => [one, 5 + round * 3 + ((index * 7) % 5)] as const)
      for (const [{ cache, identity }, head] of heads) cache.observe({ ...identity, head })
      await settled()
      const stands = headOf(first.seal) ?? -1
      expect(stands).toBeGreaterThanOrEqual(highest)
      highest = stands
    }
    await until(() => headOf(first.seal) === 5 + 29 * 3 + 4)
  })

  it('stands before an entry does that was read at it', async () => {
    const { cache, seal } = await open()
    cache.put('north', 'ann', stateAt(50), 60_000)
    await written(seal, 'north', 'ann')
    expect(headOf(seal)).toBeGreaterThanOrEqual(50)
    expect(await cache.get('north', 'ann')).toEqual(stateAt(50))
  })

  it('keeps an entry out that was read above it and cannot raise it', async () => {
    const { cache, seal, seen } = await open()
    await raw.del(seal.headKey)
    await raw.lPush(seal.headKey, 'not a text')
    const before = callsOf(redis, 'set')
    cache.put('north', 'ann', stateAt(50), 60_000)
    await until(() => seen.count('failed head') === 1)
    await settled()
    expect(await cache.get('north', 'ann')).toBeUndefined()
    expect(callsOf(redis, 'set')).toBe(before)
  })

  it('outlives any entry that was put while it stood, and is renewed though nothing changes', async () => {
    const { cache, seal, clock, identity } = await open()
    expect(await raw.pTTL(seal.headKey)).toBeGreaterThan(SHARED_ENTRY_TTL_MS + SHARED_HEAD_REFRESH_MS)
    await raw.pExpire(seal.headKey, 10_000)
    for (let reading = 0; reading < SHARED_HEAD_REFRESH_MS / FEED_INTERVAL_MS; reading++) {
      clock.advance(FEED_INTERVAL_MS)
      cache.observe(identity)
      await settled()
    }
    await until(async () => (await raw.pTTL(seal.headKey)) > SHARED_ENTRY_TTL_MS + SHARED_HEAD_REFRESH_MS)
  })

  it('is looked at before anything is given or put', async () => {
    const { identity, cache: other, seal } = await open()
    other.put('north', 'ann', stateAt(1), 60_000)
    await written(seal, 'north', 'ann')
    const { cache } = await openUnobserved()
    expect(await cache.get('north', 'ann')).toBeUndefined()
    const before = callsOf(redis, 'set')
    cache.put('north', 'bob', stateAt(1), 60_000)
    await settled()
    expect(callsOf(redis, 'set')).toBe(before)
    cache.observe(identity)
    expect(await cache.get('north', 'ann')).toBeUndefined()
    await until(async () => (await cache.get('north', 'ann')) !== undefined)
  })

  it('closes the level while it is above the database, warns now and then, and not once for each question', async () => {
    const ahead = await open(newIdentity(20))
    ahead.cache.put('north', 'ann', stateAt(15), 60_000)
    await written(ahead.seal, 'north', 'ann')
    const { cache, clock } = await openUnobserved()
    const warnings: number[] = []
    cache.onHeadAhead((head) => warnings.push(head))
    cache.observe({ ...ahead.identity, head: 10 })
    await until(() => warnings.length === 1)
    for (let question = 0; question < 5; question++) expect(await cache.get('north', 'ann')).toBeUndefined()
    cache.observe({ ...ahead.identity, head: 19 })
    expect(warnings).toEqual([20])
    for (let reading = 0; reading < SHARED_HEAD_ALARM_MS / FEED_INTERVAL_MS; reading++) {
      clock.advance(FEED_INTERVAL_MS)
      cache.observe({ ...ahead.identity, head: 19 })
    }
    expect(warnings).toEqual([20, 20])
    expect(await cache.get('north', 'ann')).toBeUndefined()
    cache.observe({ ...ahead.identity, head: 20 })
    expect(await cache.get('north', 'ann')).toEqual(stateAt(15))
    expect(warnings).toEqual([20, 20])
  })

  it.each([
    ['closes the level also when it is found above the database later on, and opens it when that has come as far', 0, 6],
    ['is looked at again before anything is given when the database was out of sight for long', FRESHNESS_BOUND_MS, 5],
  ])('%s', async (_, awayMs, head) => {
    const { cache, clock, identity, seal } = await open()
    cache.put('north', 'ann', stateAt(1), 60_000)
    await written(seal, 'north', 'ann')
    const other = await open(identity)
    other.cache.observe({ ...identity, head: 30 })
    await until(() => headOf(seal) === 30)
    const warnings: number[] = []
    cache.onHeadAhead((ahead) => warnings.push(ahead))
    expect(await cache.get('north', 'ann')).toEqual(stateAt(1))
    clock.advance(awayMs)
    cache.observe({ ...identity, head })
    if (awayMs > 0) expect(await cache.get('north', 'ann')).toBeUndefined()
    await until(() => warnings.length === 1)
    const before = callsOf(redis, 'set')
    cache.put('north', 'bob', stateAt(1), 60_000)
    await settled()
    expect([await cache.get('north', 'ann'), callsOf(redis, 'set')]).toEqual([undefined, before])
    cache.observe({ ...identity, head: 30 })
    expect([await cache.get('north', 'ann'), warnings]).toEqual([stateAt(1), [30]])
  })

  it('lets no question through that was asked before it is looked at again', async () => {
    const { cache, clock, identity, seal } = await open()
    cache.put('north', 'ann', stateAt(1), 60_000)
    await written(seal, 'north', 'ann')
    clock.advance(FRESHNESS_BOUND_MS)
    const asked = cache.get('north', 'ann')
    cache.observe(identity)
    expect(await asked).toBeUndefined()
    await until(async () => (await cache.get('north', 'ann')) !== undefined)
  })

  it('is asked for anew when the answer is to a question from before the database was out of sight', async () => {
    const { cache, clock, identity, seal } = await open()
    const warnings: number[] = []
    cache.onHeadAhead((ahead) => warnings.push(ahead))
    redis.pause()
    cache.observe({ ...identity, head: 6 })
    await settled()
    setTimeout(() => {
      // This process stands still: the answer has come, another replica has told Redis of more, and the deadline is over, all at once.
      redis.resume()
      redis.command('set', seal.headKey, seal.sealHead(30))
      clock.advance(FRESHNESS_BOUND_MS)
      cache.observe({ ...identity, head: 6 })
    }, 1)
    await until(() => warnings.length === 1)
    expect([warnings, await cache.get('north', 'ann')]).toEqual([[30], undefined])
  })

  it('is not asked for without end by who is told an old one, which counts as a failure', async () => {
    const { identity, seal } = await open()
    const lie = [seal.sealHead(6), seal.sealHead(5)] as const
    const proxy = await openProxy(redis.url, (bytes) => Buffer.from(bytes.toString('latin1').replace(...lie), 'latin1'))
    const one = await openCache(redis, proxy.url, identity)
    opened.push(one.cache)
    const before = callsOf(redis, 'eval')
    for (let failure = 1; failure <= REDIS_FAILURES_MAX; failure++) {
      one.cache.observe({ ...identity, head: 6 })
      await until(() => one.seen.count('failed head') === failure)
    }
    expect([callsOf(redis, 'eval') - before, one.seen.events.at(-1)]).toEqual([REDIS_FAILURES_MAX, 'breaker true'])
    proxy.close()
  })

  it('is compared anew after a new incarnation, whose own head it is then', async () => {
    const { cache, identity } = await open(newIdentity(20))
    const warnings: number[] = []
    cache.onHeadAhead((head) => warnings.push(head))
    const restored = { ...newIdentity(10) }
    await until(async () => {
      cache.observe(restored)
      cache.put('north', 'ann', stateAt(7), 60_000)
      return (await cache.get('north', 'ann')) !== undefined
    })
    expect(identity.incarnation).not.toBe(restored.incarnation)
    expect([headOf(new Seal(restored)), warnings]).toEqual([10, []])
  })

  it.each(['99', '99 forged', '99 AAAAAAAAAAAAAAAAAAAAAA', 'nonsense', ''])(
    'is replaced without an alarm when "%s" stands there, which none of us wrote',
    async (forged) => {
      const identity = newIdentity()
      const seal = new Seal(identity)
      await raw.set(seal.headKey, forged)
      const { cache } = await open(identity)
      expect(headOf(seal)).toBe(5)
      cache.put('north', 'ann', stateAt(1), 60_000)
      await until(async () => (await cache.get('north', 'ann')) !== undefined)
    },
  )
})

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}
