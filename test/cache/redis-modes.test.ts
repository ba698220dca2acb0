/** Every way in which Redis can be reached, each with an entry and a ring. */
import { describe, expect, it } from '@jest/globals'
import { RedisCache } from '../../src/cache/redis-cache.ts'
import { type RedisOptions, startRedis, type TestRedis, until } from '../support/redis.ts'
import { needsFor, newIdentity, openCache, openDoorbell, rings, serves } from './redis-house.ts'
import { stateAt } from './states.ts'

async function carriesEntriesAndRings(redis: TestRedis, url: string): Promise<void> {
  const [one, bell] = [await openCache(redis, url), await openDoorbell(redis, url)]
  const other = await openCache(redis, url, one.identity)
  try {
    one.cache.put('north', 'ann', stateAt(9), 60_000)
    await until(async () => (await other.cache.get('north', 'ann')) !== undefined)
    expect(await other.cache.get('north', 'ann')).toEqual(stateAt(9))
    await rings(bell)
  } finally {
    for (const { close } of [one.cache, other.cache, bell.doorbell].map((part) => ({ close: () => part.close() }))) close()
  }
}

const clustered = (url: string) => url.replace(/^(rediss?):/, '$1+cluster:')
const watched = (url: string) => `${url.replace(/^(rediss?):/, '$1+sentinel:')}/castellan`

describe('entries and rings', () => {
  it.each<[string, RedisOptions, (url: string) => string]>([
    ['one server', {}, (url) => url],
    ['one server, its second database', {}, (url) => `${url}/1`],
    ['one server with a password', { password: 'se:cret' }, (url) => url],
    ['one server with a user', { password: 'secret' }, (url) => url.replace('//:', '//default:')],
    ['one server over TLS', { tls: true, password: 'secret' }, (url) => url],
    ['a cluster', { cluster: true }, clustered],
    ['a cluster with a password over TLS', { cluster: true, tls: true, password: 'secret' }, clustered],
  ])('go through %s', async (_, options, toUrl) => {
    const redis = await startRedis(options)
    try {
      await carriesEntriesAndRings(redis, toUrl(redis.url))
    } finally {
      await redis.stop()
    }
  })

  it.each<[string, RedisOptions]>([
    ['', {}],
    [' with a password over TLS', { password: 'secret', tls: true }],
  ])('go through the master that a sentinel names%s, past a sentinel that is not there', async (_, options) => {
    const redis = await startRedis(options)
    const sentinel = await startRedis({ ...options, ...(options.tls === undefined ? {} : { tls: redis }), sentinelOf: redis })
    try {
      await carriesEntriesAndRings(sentinel, watched(sentinel.url).replace('127.0.0.1', '127.0.0.1:1,127.0.0.1'))
    } finally {
      await sentinel.stop()
      await redis.stop()
    }
  })

  it('follow the sentinel to the new master when the old one is gone', async () => {
    const master = await startRedis()
    const replica = await startRedis({ replicaOf: master })
    const sentinel = await startRedis({ sentinelOf: master })
    const url = watched(sentinel.url)
    const [one, bell] = [await openCache(sentinel, url), await openDoorbell(sentinel, url)]
    try {
      await until(() => sentinel.command('sentinel', 'replicas', 'castellan').includes(String(replica.port)))
      await master.kill()
      await serves(one)
      await rings(bell)
      expect(replica.command('role')[0]).toBe('master')
    } finally {
      one.cache.close()
      bell.doorbell.close()
      for (const part of [sentinel, replica, master]) await part.stop()
    }
  })

  it('find a cluster again whose only node was killed', async () => {
    const redis = await startRedis({ cluster: true })
    const [one, bell] = [await openCache(redis, clustered(redis.url)), await openDoorbell(redis, clustered(redis.url))]
    try {
      await redis.kill()
      await until(() => one.seen.events.includes('connected false') && bell.seen.events.includes('connected false'))
      await redis.restart()
      await serves(one)
      await rings(bell)
    } finally {
      one.cache.close()
      bell.doorbell.close()
      await redis.stop()
    }
  })

  it.each<[string, RedisOptions, (url: string) => string]>([
    ['a certificate that nobody vouches for', { tls: true }, (url) => url],
    ['a wrong password', { password: 'secret' }, (url) => url.replace('secret', 'guess')],
    ['a server that is no cluster', {}, clustered],
    ['a server that is no sentinel', {}, watched],
    ['a sentinel that knows no such master', {}, (url) => url],
  ])('do not go past %s, which is told once and tried again', async (what, options, toUrl) => {
    const redis = await startRedis(options)
    const sentinel = what.startsWith('a sentinel') ? await startRedis({ sentinelOf: redis }) : undefined
    const url = sentinel === undefined ? toUrl(redis.url) : watched(sentinel.url).replace(/castellan$/, 'other')
    const { needs, clock, seen } = needsFor({ ca: Buffer.alloc(0) }, url)
    const cache = new RedisCache(needs)
    try {
      cache.observe(newIdentity())
      await until(() => {
        clock.advance(50)
        return seen.count('failed connect') > 2
      })
      expect(seen.count('connected true')).toBe(0)
      expect(seen.lines.filter((line) => line.includes('"level":"warn"'))).toHaveLength(1)
    } finally {
      cache.close()
      await sentinel?.stop()
      await redis.stop()
    }
  })
})
