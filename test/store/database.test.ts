/** Opening, types, bounded waits and faults of the database. */

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openStore } from '../../src/store/store.ts'
import { startEmbeddedPostgres } from '../support/embedded-postgres.ts'
import { openTestPostgres } from '../support/postgres.ts'
import { describeEachStore, openPostgresStore } from '../support/stores.ts'
import { openProxy } from './proxy.ts'

const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

const UNAVAILABLE = { name: 'StoreError', code: 'store_unavailable', publicMessage: 'The decision store is unavailable.' }

describeEachStore('the database', (current) => {
  it('gives the same JavaScript types on every implementation', async () => {
    const text = `select 9007199254740991::bigint as big, 1.50::numeric as exact, '\\x00ff'::bytea as bytes, true as yes, 2::integer as whole,
      '2026-01-02T03:04:05.678+02:00'::timestamptz as at, '{"a":[1,null]}'::jsonb as data, '[1]'::json as plain, array['a','{,}','"']::text[] as list,
      null::bigint as nothing, $1::text as given`
    for (const name of [undefined, 'types', 'types']) {
      const [row] = await current().database.queryPrepared<Record<string, unknown>>(name, text, ['?'])
      expect(row).toEqual({
        big: 9007199254740991,
        exact: '1.50',
        bytes: Buffer.from([0, 255]),
        yes: true,
        whole: 2,
        at: new Date('2026-01-02T01:04:05.678Z'),
        data: { a: [1, null] },
        plain: [1],
        list: ['a', '{,}', '"'],
        nothing: null,
        given: '?',
      })
    }
  })

  it('refuses a bigint that a number cannot hold, instead of rounding it', async () => {
    const work = current().database.queryPrepared(undefined, 'select 9007199254740993::bigint as big, $1::text as x', [''])
    await expect(work).rejects.toMatchObject(UNAVAILABLE)
    await current().store.ping()
  })

  it('runs several statements of one text, counts what it deleted, and rolls back to nothing', async () => {
    const { knex } = current().database
    await knex.raw('create table scratch (a integer, b text); insert into scratch values (1, null), (2, null), (3, null)')
    expect(await knex('scratch').where('a', '>', 1).del()).toBe(2)
    expect(await knex('scratch').update({ b: 'x' })).toBe(1)
    expect(await knex('scratch').insert({ a: 9, b: "'?" }).returning('b')).toEqual([{ b: "'?" }])
    expect(await knex('scratch').orderBy('a').pluck('a')).toEqual([1, 9])
    expect(await knex('scratch').where({ a: 77 }).first()).toBeUndefined()
    const nested = knex.transaction(async (outer) => {
      await outer('scratch').insert({ a: 10 })
      await outer.transaction(async (inner) => await inner('scratch').insert({ a: 'not a number' })).catch(() => undefined)
      await outer('scratch').insert({ a: 11 })
    })
    await nested
    expect(await knex('scratch').orderBy('a').pluck('a')).toEqual([1, 9, 10, 11])
    await knex.raw('drop table scratch')
  })

  it('goes on after a statement that failed, in and out of a change', async () => {
    const { store, database } = current()
    await expect(database.queryPrepared('bad', 'select $1::integer', ['x'])).rejects.toMatchObject(UNAVAILABLE)
    await store.ping()
  })
})

describe('a PGlite directory', () => {
  it('keeps its rows when it is closed and opened again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'castellan-data-'))
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const dataDirectory = join(folder, 'data')
    const first = await openDatabase({ kind: 'pglite', dataDirectory })
    await migrate(first)
    const firstStore = openStore(first)
    const position = await firstStore.change(async (change) => {
      await change.ensureUser('ann')
      return await change.appendFeed([{ kind: 'user', user: 'ann' }])
    })
    await firstStore.close()
    await expect(firstStore.ping()).rejects.toMatchObject(UNAVAILABLE)
    const second = await openDatabase({ kind: 'pglite', dataDirectory })
    const secondStore = openStore(second)
    expect((await migrate(second)).applied).toEqual([])
    expect(await secondStore.records.findUser('ann')).toMatchObject({ id: 'ann', state: 'active' })
    expect((await secondStore.access.resolve('t', 'ann')).position).toBe(position)
    await secondStore.close()
  })
})

describe('a database that cannot be reached', () => {
  it('is a StoreError for every question, without the address in any text a caller sees', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    const store = openStore(await openDatabase({ kind: 'postgres', url: `postgres://u:secret@127.0.0.1:${port}/d`, poolMax: 2 }))
    closing.push(() => store.close())
    for (const ask of [
      () => store.ping(),
      () => store.access.resolve('t', 'u'),
      () => store.records.findUser('u'),
      () => store.change((change) => change.ensureUser('u')),
    ]) {
      const fault = await ask().catch((error: unknown) => error)
      expect(fault).toMatchObject(UNAVAILABLE)
      expect((fault as Error).message).not.toContain('127.0.0.1')
      expect((fault as Error).cause).toBeDefined()
    }
  })

  it.each(['', 'mysql://u:secret@h/d', 'not a url', 'postgres//u:secret@h'])(
    'has a URL that is refused without repeating it: %#',
    async (url) => {
      const opening = openDatabase({ kind: 'postgres', url, poolMax: 2 })
      await expect(opening).rejects.toThrow(/^The database URL must look like/)
      await expect(opening).rejects.not.toThrow(/secret/)
    },
  )

  it('is used again as soon as it is back, after its server was stopped in the middle of work', async () => {
    const server = await startEmbeddedPostgres()
    closing.push(() => server.stop())
    const warned: string[] = []
    const database = await openDatabase({ kind: 'postgres', url: server.url, poolMax: 5, warn: (text) => warned.push(text) })
    const store = openStore(database)
    await migrate(database)
    const working = store.change(async (change) => {
      await change.ensureUser('half')
      await server.halt()
      await change.ensureUser('way')
    })
    await expect(working).rejects.toMatchObject(UNAVAILABLE)
    await expect(store.access.resolve('t', 'u')).rejects.toMatchObject(UNAVAILABLE)
    await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE)
    await server.resume()
    await store.ping()
    expect(await store.records.findUser('half')).toBeUndefined()
    await store.close()
    expect(warned.join()).not.toContain(new URL(server.url).password)
  })

  it('recovers by itself when all its connections were cut, idle and busy ones', async () => {
    const { store, url, close } = await openPostgresStore(5)
    closing.push(close)
    await Promise.all(Array.from({ length: 5 }, () => store.ping()))
    const postgres = await openTestPostgres()
    closing.push(() => postgres.close())
    const name = new URL(url).pathname.slice(1)
    const busy = store.change(async (change) => {
      await change.ensureUser('half')
      // Waits for each to be gone: one that still hears may answer the next question, and then end.
      await postgres.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [name])
      await change.ensureUser('way')
    })
    await expect(busy).rejects.toMatchObject(UNAVAILABLE)
    expect(await store.records.findUser('half')).toBeUndefined()
    await Promise.all(Array.from({ length: 5 }, () => store.ping()))
  })

  it('says that the outcome is unknown when the connection is lost at the very commit', async () => {
    const { store, database, close } = await openPostgresStore(5)
    closing.push(close)
    // A deferred trigger runs inside the COMMIT: this one ends its own connection there.
    await database.knex.raw(`create function hang_up() returns trigger language plpgsql as $body$
      begin perform pg_terminate_backend(pg_backend_pid()); return null; end $body$`)
    await database.knex.raw(`create constraint trigger hang_up after insert on subject deferrable initially deferred
      for each row execute function hang_up()`)
    const fault = await store.change((change) => change.ensureUser('ann')).catch((error: unknown) => error)
    expect(fault).toMatchObject({ ...UNAVAILABLE, hint: expect.stringContaining('not known') })
  })
})

describe('every wait', () => {
  it('is bounded: for a connection, for a place in the pool, for a statement, for an answer', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const nobody = openStore(
      await openDatabase({ kind: 'postgres', url: `postgres://u@127.0.0.1:${(silent.address() as AddressInfo).port}/d`, poolMax: 1 }),
    )
    const { database, store, url, close } = await openPostgresStore(1)
    closing.push(close)
    const proxy = await openProxy(url)
    const behind = openStore(await openDatabase({ kind: 'postgres', url: proxy.url, poolMax: 1 }))
    await behind.ping()
    proxy.freeze()
    await Promise.all([
      expect(nobody.ping()).rejects.toMatchObject(UNAVAILABLE),
      expect(behind.ping()).rejects.toMatchObject(UNAVAILABLE),
      // One place: the inner question waits for the outer one's connection.
      expect(store.change(() => store.ping())).rejects.toMatchObject(UNAVAILABLE),
    ])
    await expect(database.queryPrepared(undefined, 'select pg_sleep(60)', [])).rejects.toMatchObject({
      ...UNAVAILABLE,
      cause: { code: '57014' },
    })
    proxy.thaw()
    await behind.ping()
    await store.ping()
    await behind.close()
    await nobody.close()
    proxy.close()
    silent.close()
  })
})
