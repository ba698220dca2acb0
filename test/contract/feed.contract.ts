/** What a replica is promised of the feed, on every implementation. Tests of one run share a feed: each begins at its own head. */
import { randomUUID } from 'node:crypto'
import { afterEach, expect, it } from '@jest/globals'
import { FEED_POSITIONS_READ_MAX } from '../../src/model/limits.ts'
import { type Feed, openFeed } from '../../src/store/feed-reader.ts'
import type { FeedChange } from '../../src/store/ports.ts'
import type { TestStore } from '../support/stores.ts'
import { activate } from './store.contract.ts'

const HOUR_MS = 3_600_000
const id = (word: string): string => `${word}-${randomUUID()}`

export function feedContract(current: () => TestStore): void {
  const opened: Feed[] = []
  afterEach(async () => {
    for (const feed of opened.splice(0)) {
      await feed.reader.unregister()
      await feed.close()
    }
  })
  const open = (replica = id('replica')): Feed => {
    const feed = openFeed(current().database, replica)
    opened.push(feed)
    return feed
  }
  const openRegistered = async (replica?: string): Promise<Feed> => {
    const feed = open(replica)
    await feed.reader.register()
    return feed
  }
  const append = (...changes: FeedChange[]): Promise<number> => current().store.change((change) => change.appendFeed(changes))
  const rowOf = async (replica: string) => (await current().store.replicas.list()).find((row) => row.id === replica)

  it('has the head and no changes for one that knows nothing yet', async () => {
    const { reader } = await openRegistered()
    const head = await append({ kind: 'user', user: 'u' })
    const reading = await reader.read({})
    expect(reading).toMatchObject({ registered: true, head, through: head, changes: [], throughMark: expect.any(String) })
    expect(reading.mark).toBeUndefined()
    expect(reading.incarnation).toMatch(/^[0-9a-f-]{36}\.\d+\.[0-9A-F]{8}$/)
    expect(reading.cacheSecret).toHaveLength(32)
    expect(await reader.read({})).toMatchObject({ incarnation: reading.incarnation, cacheSecret: reading.cacheSecret })
  })

  it('tells every kind of change as it was written, and the time of its writing', async () => {
    const { reader } = await openRegistered()
    const revision = id('revision')
    const nowMs = () => current().store.change((change) => change.nowMs())
    const fromMs = await nowMs()
    const known = await append()
    const hostile = 'a|"b\\\u2028\'{},😀'
    const written: FeedChange[] = [
      { kind: 'assignment', tenant: hostile, user: ' u ' },
      { kind: 'user', user: hostile },
      { kind: 'tenant', tenant: 't' },
      { kind: 'caller', caller: 'c' },
      { kind: 'revision', revision },
    ]
    await append(...written)
    const active = await activate(current().store, revision)
    const reading = await reader.read({ knownPosition: known })
    expect(reading.changes.map(({ position: _, atMs: __, ...change }) => change)).toEqual([...written, { kind: 'policy', revision }])
    expect(reading.changes.map((change) => change.position)).toEqual([...written.map(() => known + 1), active])
    expect(reading).toMatchObject({ head: active, through: active, policy: { revision, position: active } })
    for (const { atMs } of reading.changes) {
      expect(atMs).toBeGreaterThanOrEqual(fromMs)
      expect(atMs).toBeLessThanOrEqual(reading.atMs)
    }
    expect(reading.atMs).toBeLessThanOrEqual(await nowMs())
  })

  it('leaves out a policy whose revision an older process did not tell; it puts nothing in force', async () => {
    const { reader } = await openRegistered()
    const known = await activate(current().store, id('revision'))
    const { policy } = await reader.read({ knownPosition: known })
    const position = await append()
    await current().database.knex('access_changes').insert({ position, ordinal: 0, kind: 'policy' })
    expect(await reader.read({ knownPosition: known })).toMatchObject({ head: position, through: position, changes: [], policy })
  })

  it('refuses to read over a change that it does not understand', async () => {
    const { database } = current()
    const { reader } = await openRegistered()
    const known = await append()
    await database.knex.raw('alter table access_changes drop constraint access_changes_kind_check')
    const position = await append()
    await database.knex('access_changes').insert({ position, ordinal: 0, kind: 'of the future' })
    await expect(reader.read({ knownPosition: known })).rejects.toMatchObject({ code: 'store_unavailable' })
    await database.knex('access_changes').where({ position }).del()
    expect(await reader.read({ knownPosition: known })).toMatchObject({ through: position, changes: [] })
  })

  it('reads a bounded number of positions at once, each of them whole', async () => {
    const { reader } = await openRegistered()
    const known = await append()
    const many = Array.from({ length: 12_000 }, (_, index): FeedChange => ({ kind: 'assignment', tenant: 't', user: `u-${index}` }))
    const bulk = await append(...many)
    // As many positions that say nothing, in one go.
    await current()
      .database.knex('access_head')
      .increment('position', FEED_POSITIONS_READ_MAX - 1)
    const last = await append({ kind: 'user', user: 'last' })
    const first = await reader.read({ knownPosition: known })
    expect(first).toMatchObject({ head: last, through: known + FEED_POSITIONS_READ_MAX })
    expect(first.throughMark).toBeUndefined()
    expect(first.changes.map(({ atMs: _, ...change }) => change)).toEqual(many.map((change) => ({ ...change, position: bulk })))
    const second = await reader.read({ knownPosition: first.through })
    expect(second).toMatchObject({ head: last, through: last, changes: [{ position: last, user: 'last' }] })
  })

  it('marks what stands at a position the same at every reading, and differently once another timeline wrote it', async () => {
    const { database } = current()
    const { reader } = await openRegistered()
    const position = await append({ kind: 'user', user: 'u' }, { kind: 'tenant', tenant: 't' })
    const { throughMark } = await reader.read({})
    expect(throughMark).toEqual(expect.any(String))
    await append({ kind: 'user', user: 'later' })
    await database.knex.raw('vacuum (freeze) access_changes')
    const markAt = async (knownPosition: number) => (await reader.read({ knownPosition })).mark
    expect([await markAt(position), await markAt(position)]).toEqual([throughMark, throughMark])
    // The same change at the same position, a moment later.
    const rows = await database
      .knex('access_changes')
      .where({ position })
      .del()
      .returning(['position', 'ordinal', 'kind', 'user_id', 'tenant_id'])
    expect(await markAt(position)).toBeUndefined()
    await database.knex('access_changes').insert(rows)
    expect([throughMark, undefined]).not.toContain(await markAt(position))
  })

  it('reports with every reading, in a row that it never makes', async () => {
    const { replicas } = current().store
    const name = id('replica')
    const { reader } = open(name)
    const known = await append()
    expect(await reader.read({ knownPosition: known })).toMatchObject({ registered: false, head: known })
    expect(await rowOf(name)).toBeUndefined()
    await reader.register()
    const registered = await rowOf(name)
    expect(registered).toMatchObject({ knownPosition: null, policyRevision: null, preparedRevision: null })
    expect(await reader.read({ knownPosition: known, policyRevision: 'one', preparedRevision: 'two' })).toMatchObject({ registered: true })
    const first = await rowOf(name)
    expect(first).toMatchObject({
      knownPosition: known,
      policyRevision: 'one',
      preparedRevision: 'two',
      startedAtMs: registered?.startedAtMs,
    })
    expect(first?.beat).toBeGreaterThan(registered?.beat ?? 0)
    expect(first?.seenAtMs).toBeGreaterThanOrEqual(first?.startedAtMs ?? 0)
    await reader.register()
    expect(await rowOf(name)).toMatchObject({ knownPosition: null, policyRevision: null, preparedRevision: null })
    await reader.unregister()
    expect(await rowOf(name)).toBeUndefined()
    expect(await reader.read({ knownPosition: known })).toMatchObject({ registered: false })
    const names = [id('B'), id('a'), id('b')]
    for (const other of names) await openRegistered(other)
    const listed = (await replicas.list()).map((row) => row.id)
    expect(listed.filter((other) => names.includes(other))).toEqual(names)
  })

  it('reports no position above the head: one of a timeline that is gone never counts for the change that takes it anew', async () => {
    const name = id('replica')
    const { reader } = await openRegistered(name)
    const head = await append()
    expect(await reader.read({ knownPosition: head + 1 })).toMatchObject({ registered: true, head, changes: [] })
    const row = await rowOf(name)
    expect(await append()).toBe(head + 1)
    expect([row?.knownPosition, (await rowOf(name))?.knownPosition]).toEqual([null, null])
    await reader.read({ knownPosition: head + 1 })
    expect((await rowOf(name))?.knownPosition).toBe(head + 1)
  })

  it('takes a replica for dead only while its beat stands still, also when it came back with a new row', async () => {
    const { replicas } = current().store
    const name = id('replica')
    const { reader } = await openRegistered(name)
    const beatOf = async () => (await rowOf(name))?.beat ?? -1
    const registered = await beatOf()
    await reader.read({})
    const seen = await beatOf()
    await replicas.remove(name, registered)
    expect(await beatOf()).toBe(seen)
    await replicas.remove(name, seen)
    expect(await beatOf()).toBe(-1)
    expect(await reader.read({})).toMatchObject({ registered: false })
    await reader.register()
    await reader.read({})
    // A second one who saw the dead row is late.
    await replicas.remove(name, seen)
    expect(await reader.read({})).toMatchObject({ registered: true })
  })

  it('makes a new incarnation with a new secret once, however many found that the database was restored', async () => {
    const { reader } = await openRegistered()
    const others = await Promise.all(Array.from({ length: 5 }, () => openRegistered()))
    const before = await reader.read({})
    await Promise.all(others.map((other) => other.reader.renewIncarnation(before.incarnation)))
    const after = await reader.read({})
    expect(after.incarnation).not.toBe(before.incarnation)
    expect(after.cacheSecret).not.toEqual(before.cacheSecret)
    expect(after.cacheSecret).toHaveLength(32)
    await reader.renewIncarnation(before.incarnation)
    expect(await reader.read({})).toMatchObject({ incarnation: after.incarnation, cacheSecret: after.cacheSecret })
  })

  it('removes what is old, whole positions from the oldest on and never the newest, and says through where', async () => {
    const { database, store } = current()
    const { reader } = await openRegistered()
    await database
      .knex('access_changes')
      .where('position', '<=', await append({ kind: 'user', user: 'x' }))
      .del()
    const [first, bulk, empty, third] = [
      await append({ kind: 'user', user: 'a' }),
      await append({ kind: 'user', user: 'b' }, { kind: 'tenant', tenant: 't' }),
      await append(),
      await append({ kind: 'user', user: 'c' }),
    ]
    const age = (hours: number, ...positions: number[]) =>
      database
        .knex('access_changes')
        .whereIn('position', positions)
        .update({ at: database.knex.raw(`now() - make_interval(hours => ?)`, [hours]) })
    const kept = async () => (await database.knex('access_changes').orderBy(['position', 'ordinal']).pluck('position')) as number[]
    const positionBefore = (hours: number) => reader.findPositionBefore(hours * HOUR_MS)

    expect(await store.pruneFeed(HOUR_MS)).toBe(false)
    expect(await kept()).toEqual([first, bulk, bulk, third])
    await age(4, first)
    await age(2, bulk)
    expect([await positionBefore(5), await positionBefore(3), await positionBefore(1), await positionBefore(0)]).toEqual([
      0,
      first,
      bulk,
      third,
    ])

    expect(await store.pruneFeed(3 * HOUR_MS)).toBe(false)
    expect(await kept()).toEqual([bulk, bulk, third])
    expect(await reader.read({ knownPosition: first })).toMatchObject({ prunedThrough: first })
    expect(await positionBefore(3)).toBe(first)
    // Half of the position has become old, and so has a later one: what comes after something young stays.
    await database
      .knex('access_changes')
      .where({ position: bulk, ordinal: 1 })
      .update({ at: database.knex.raw('clock_timestamp()') })
    const fourth = await append({ kind: 'user', user: 'd' })
    await age(2, third)
    expect(await store.pruneFeed(HOUR_MS)).toBe(false)
    expect(await kept()).toEqual([bulk, bulk, third, fourth])
    await age(2, bulk, fourth)
    expect(await store.pruneFeed(HOUR_MS)).toBe(false)
    expect(await kept()).toEqual([fourth])
    expect(await reader.read({ knownPosition: third })).toMatchObject({ prunedThrough: third, head: fourth, changes: [{ user: 'd' }] })
    expect(empty).toBeLessThan(third)
    expect(await store.pruneFeed(HOUR_MS)).toBe(false)
    expect(await kept()).toEqual([fourth])
  })

  it('removes a bounded number of rows at once, and a position of more than that alone', async () => {
    const { database, store } = current()
    const rows = (length: number) => Array.from({ length }, (_, index): FeedChange => ({ kind: 'user', user: `u-${index}` }))
    const sizes = [6_000, 4_000, 1, 10_001, 5]
    const positions: number[] = []
    await database.knex('access_changes').del()
    for (const size of sizes) positions.push(await append(...rows(size)))
    await database.knex('access_changes').update({ at: database.knex.raw(`now() - interval '2 hours'`) })
    const newest = await append({ kind: 'user', user: 'new' })
    const kept = async () => (await database.knex('access_changes').distinct('position').orderBy('position').pluck('position')) as number[]
    const steps: [boolean, number[]][] = []
    do steps.push([await store.pruneFeed(HOUR_MS), await kept()])
    while (steps.at(-1)?.[0])
    expect(steps).toEqual([
      [true, [...positions.slice(2), newest]],
      [true, [...positions.slice(3), newest]],
      [true, [...positions.slice(4), newest]],
      [false, [newest]],
    ])
  })

  it('rings who listens, the last one who asked to', async () => {
    const feed = await openRegistered()
    await feed.reader.read({})
    feed.doorbell.ring()
    const heard = new Promise<string>((resolve) => {
      feed.doorbell.onRing(() => resolve('first'))
      feed.doorbell.onRing(() => resolve('second'))
    })
    feed.doorbell.ring()
    expect(await heard).toBe('second')
  })

  it('reads nothing more once it is closed', async () => {
    const feed = openFeed(current().database, id('replica'))
    await feed.reader.read({})
    await feed.close()
    await feed.close()
    feed.doorbell.ring()
    await expect(feed.reader.read({})).rejects.toMatchObject({ code: 'store_unavailable' })
  })
}
