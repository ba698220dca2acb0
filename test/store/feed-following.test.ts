/** Following the feed on real PostgreSQL: beside many writers, over connections that die, and with another replica that takes us for dead. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { FEED_POSITIONS_READ_MAX } from '../../src/model/limits.ts'
import type { Database } from '../../src/store/database.ts'
import { FeedConnection } from '../../src/store/feed-connection.ts'
import { FEED_READ_SQL, type Feed, openFeed } from '../../src/store/feed-reader.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import type { FeedChange, FeedEntry } from '../../src/store/ports.ts'
import { openStore } from '../../src/store/store.ts'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { openPostgresStore } from '../support/stores.ts'
import { openProxy } from './proxy.ts'

/** How the statement of a reading begins. */
const READING = 'with quick as'
const UNAVAILABLE = { name: 'StoreError', code: 'store_unavailable' }

let opened: Awaited<ReturnType<typeof openPostgresStore>>
const closing: (() => Promise<void> | void)[] = []

beforeAll(async () => {
  opened = await openPostgresStore(25)
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(async () => {
  await opened.close()
})

const open = (database: Database = opened.database, replica = `replica-${randomUUID()}`): Feed => {
  const feed = openFeed(database, replica)
  closing.push(() => feed.close())
  return feed
}

const connect = async (url: string, poolMax = 2): Promise<Database> => {
  const database = await openDatabase({ kind: 'postgres', url, poolMax })
  closing.push(() => database.close())
  return database
}

/** A session of its own, for what has to stay open beside ours. */
const session = async (): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: opened.url })
  await client.connect()
  closing.push(() => client.end())
  return client
}

const append = (...changes: FeedChange[]): Promise<number> => opened.store.change((change) => change.appendFeed(changes))
const withoutTime = ({ atMs: _, ...change }: FeedEntry) => change

describe('followers beside 20 writers', () => {
  it('see every change once, in order, with nothing committed behind them, and all that was acknowledged before they asked', async () => {
    const start = await append()
    const written: ReturnType<typeof withoutTime>[] = []
    let acknowledged = start
    let writing = true
    const follow = async (feed: Feed): Promise<{ seen: FeedEntry[]; pages: number }> => {
      const seen: FeedEntry[] = []
      let [known, mark, pages] = [start, undefined as string | undefined, 0]
      for (let last = false; !last; ) {
        last = !writing
        const before = acknowledged
        for (let more = true; more; ) {
          const reading = await feed.reader.read({ knownPosition: known })
          if (mark !== undefined) expect(reading.mark).toBe(mark)
          expect(reading.through - known).toBeLessThanOrEqual(FEED_POSITIONS_READ_MAX)
          seen.push(...reading.changes)
          known = reading.through
          mark = reading.throughMark
          more = reading.through < reading.head
          if (more) pages += 1
        }
        expect(known).toBeGreaterThanOrEqual(before)
      }
      return { seen, pages }
    }
    const following = [follow(open()), follow(open())]
    await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        for (let round = 0; round < 60; round++) {
          const user = `${writer}-${round}`
          const changes: FeedChange[] = [
            { kind: 'user', user },
            { kind: 'assignment', tenant: 't', user },
          ]
          const position = await append(...changes.slice(0, 1 + (round % 2)))
          acknowledged = Math.max(acknowledged, position)
          written.push(...changes.slice(0, 1 + (round % 2)).map((change) => ({ ...change, position })))
        }
      }),
    )
    writing = false
    written.sort((a, b) => a.position - b.position)
    for (const { seen } of await Promise.all(following)) expect(seen.map(withoutTime)).toEqual(written)
    // One who comes late reads page by page.
    const late = await follow(open())
    expect(late.seen.map(withoutTime)).toEqual(written)
    expect(late.pages).toBeGreaterThan(0)
  })
})

describe('a replica that is taken for dead', () => {
  it('stays when its beat moves on while it is being removed', async () => {
    const name = `replica-${randomUUID()}`
    await open(opened.database, name).reader.register()
    const beat = async () => (await opened.store.replicas.list()).find((row) => row.id === name)?.beat
    const dead = (await beat()) ?? -1
    const beating = await session()
    await beating.query('begin')
    await beating.query('update replica set beat = beat + 1 where id = $1', [name])
    const removing = opened.store.replicas.remove(name, dead)
    await waitForLock(opened.database, 'delete from replica')
    await beating.query('commit')
    await removing
    expect(await beat()).toBe(dead + 1)
  })

  it('notices it even by a reading that began before the removal ended', async () => {
    const name = `replica-${randomUUID()}`
    const feed = open(opened.database, name)
    await feed.reader.register()
    const removing = await session()
    await removing.query('begin')
    await removing.query('delete from replica where id = $1', [name])
    const reading = feed.reader.read({})
    await waitForLock(opened.database, READING)
    await removing.query('commit')
    expect(await reading).toMatchObject({ registered: false })
  })
})

describe("the feed's connection", () => {
  it('is its own: named, and not behind a pool that is used up', async () => {
    const database = await connect(opened.url, 1)
    const feed = open(database)
    await database.knex.transaction(async () => {
      await feed.reader.read({})
    })
    const named = await opened.database
      .knex('pg_stat_activity')
      .where({ application_name: 'castellan-feed' })
      .whereRaw('datname = current_database()')
    expect(named).toHaveLength(1)
  })

  it('leaves nothing of its own in its session, which a pooler may give to a change afterwards', async () => {
    const { createClient } = opened.database
    if (createClient === undefined) throw new Error('PostgreSQL has clients')
    const replica = `replica-${randomUUID()}`
    await open(opened.database, replica).reader.register()
    const connection = new FeedConnection(() => createClient('test'))
    closing.push(() => connection.close())
    const settings = "select name, setting from pg_settings where context in ('user', 'superuser') and name not like '%.%' order by name"
    const before = await opened.database.queryPrepared(undefined, settings, [])
    expect(before).toContainEqual({ name: 'synchronous_commit', setting: 'on' })
    const read = await connection.ask({ name: 'castellan_feed_2', text: FEED_READ_SQL, values: [replica, null, null, null] })
    expect(read).toMatchObject([{ registered: true }])
    const after = await connection.ask<{ name: string; setting: string }>({ text: settings, values: [] })
    const withName = (row: { name: string; setting: string }) => (row.name === 'application_name' ? { ...row, setting: 'castellan' } : row)
    expect(after.map(withName)).toEqual(before)
  })

  it('waits for no disk and no standby, while a change does', async () => {
    const server = await startEmbeddedPostgres()
    closing.push(() => server.stop())
    const database = await connect(server.url)
    await migrate(database)
    const feed = open(database)
    await feed.reader.register()
    const owner = new pg.Client({ connectionString: server.url })
    await owner.connect()
    closing.push(() => owner.end())
    // A commit that has to be safe cannot end: it waits for a standby that does not exist.
    await owner.query("alter system set synchronous_standby_names = 'nobody'")
    await owner.query('select pg_reload_conf()')
    await waitUntil(async () => (await owner.query('show synchronous_standby_names')).rows[0]?.synchronous_standby_names === 'nobody')
    let ended = false
    const changing = openStore(database)
      .change((change) => change.appendFeed([]))
      .then(() => {
        ended = true
      })
    const waiting = () => database.knex('pg_stat_activity').where({ wait_event: 'SyncRep' })
    await waitUntil(async () => (await waiting()).length === 1)
    const { through } = await feed.reader.read({})
    expect(await feed.reader.read({ knownPosition: through })).toMatchObject({ registered: true })
    expect([ended, (await waiting()).length]).toEqual([false, 1])
    await database.knex.raw("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
    await changing
  })

  it('answers one question at a time', async () => {
    const { reader } = open()
    const [first, second] = await Promise.allSettled([reader.read({}), reader.read({})])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
    await reader.read({})
  })

  it('gives up a reading that takes too long, also on the server, and reads again afterwards', async () => {
    const feed = open()
    await feed.reader.register()
    const { through } = await feed.reader.read({})
    const locking = await session()
    await locking.query('begin')
    await locking.query('lock table access_changes in access exclusive mode')
    await expect(feed.reader.read({ knownPosition: through })).rejects.toMatchObject(UNAVAILABLE)
    await waitUntil(async () => (await waitingFor(opened.database, READING)) === 0)
    await locking.query('commit')
    expect(await feed.reader.read({ knownPosition: through })).toMatchObject({ registered: true })
  })

  it('gives up when the network swallows the answer, and reads again over a new one', async () => {
    const proxy = await openProxy(opened.url)
    closing.push(() => proxy.close())
    const feed = open(await connect(proxy.url))
    await feed.reader.read({})
    proxy.freeze()
    await expect(feed.reader.read({})).rejects.toMatchObject(UNAVAILABLE)
    proxy.thaw()
    await feed.reader.read({})
  })

  it('is made again after the server cut it, idle or busy, and the listener hears through the new one', async () => {
    const ringing = open(await connect(opened.url))
    const feed = open(await connect(opened.url))
    let heard = 0
    feed.doorbell.onRing(() => {
      heard += 1
    })
    const hears = async () => {
      const before = heard
      ringing.doorbell.ring()
      await waitUntil(async () => heard > before)
    }
    await feed.reader.read({})
    await hears()
    const cut = () =>
      opened.database.knex.raw(
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'castellan-feed' and datname = current_database()`,
      )
    await cut()
    await eventually(() => feed.reader.read({}))
    await hears()
    const locking = await session()
    await locking.query('begin')
    await locking.query('lock table access_changes in access exclusive mode')
    const busy = feed.reader.read({})
    const failed = expect(busy).rejects.toMatchObject(UNAVAILABLE)
    await waitForLock(opened.database, READING)
    await cut()
    await failed
    await locking.query('commit')
    await feed.reader.read({})
    await hears()
  })

  it('comes back with its server, without a restart', async () => {
    const server = await startEmbeddedPostgres()
    closing.push(() => server.stop())
    const database = await connect(server.url)
    await migrate(database)
    const feed = open(database)
    await feed.reader.register()
    const { incarnation } = await feed.reader.read({})
    await server.halt()
    await expect(feed.reader.read({})).rejects.toMatchObject(UNAVAILABLE)
    await expect(feed.reader.register()).rejects.toMatchObject(UNAVAILABLE)
    feed.doorbell.ring()
    await server.resume()
    expect(await eventually(() => feed.reader.read({}))).toMatchObject({ registered: true, incarnation })
  })

  it('reads on where LISTEN is refused', async () => {
    let refused = 0
    // What the server does not understand stands for an engine that has no LISTEN.
    const proxy = await openProxy(opened.url, (bytes) => {
      const text = bytes.toString('latin1')
      if (text.includes('listen castellan_feed')) refused += 1
      return Buffer.from(text.replace('listen castellan_feed', 'lisxen castellan_feed'), 'latin1')
    })
    closing.push(() => proxy.close())
    const feed = open(await connect(proxy.url))
    const position = await append()
    expect(await feed.reader.read({})).toMatchObject({ head: position })
    expect(await feed.reader.read({})).toMatchObject({ head: position })
    expect(refused).toBe(1)
  })
})

/** Sessions that wait for a lock in a statement that begins so. */
async function waitingFor(database: Database, statement: string): Promise<number> {
  const rows = await database
    .knex('pg_stat_activity')
    .where({ wait_event_type: 'Lock' })
    .whereRaw('datname = current_database()')
    .where('query', 'like', `${statement}%`)
  return rows.length
}

async function waitForLock(database: Database, statement: string): Promise<void> {
  await waitUntil(async () => (await waitingFor(database, statement)) > 0)
}

/** Asks again and again; the test's own time limit ends it. */
async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  let result: { readonly value: T } | undefined
  await waitUntil(async () => {
    result = await work().then(
      (value) => ({ value }),
      () => undefined,
    )
    return result !== undefined
  })
  if (result === undefined) throw new Error('Never')
  return result.value
}
