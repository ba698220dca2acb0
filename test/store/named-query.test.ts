/** Statements that stay prepared, and the connections that stay at hand for them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openDatabase } from '../../src/store/open-database.ts'
import { openStore } from '../../src/store/store.ts'
import { openPostgresStore } from '../support/stores.ts'
import { openProxy } from './proxy.ts'

const UNAVAILABLE = { name: 'StoreError', code: 'store_unavailable' }
const PLACES = 3

let opened: Awaited<ReturnType<typeof openPostgresStore>>
beforeAll(async () => {
  opened = await openPostgresStore(PLACES)
})
afterAll(async () => {
  await opened.close()
})

const ask = (name: string, text: string, values: readonly (string | null)[]) => opened.database.queryPrepared<unknown>(name, text, values)

describe('a named statement', () => {
  it('says the same each time: many rows, one, none, and no value', async () => {
    const text = 'select n, $2::text as given, n * 2 as twice from generate_series(1, $1::integer) n'
    for (const [count, given] of [
      ['2', 'x'],
      ['0', 'x'],
      ['1', null],
      ['3', "'é\u{1f600}"],
    ] as const)
      expect(await ask('rows', text, [count, given])).toEqual(
        Array.from({ length: Number(count) }, (_, index) => ({ n: index + 1, given, twice: 2 * index + 2 })),
      )
  })

  it('that failed says what it says to other values, on the same connection', async () => {
    for (let time = 0; time < 2 * PLACES; time++) {
      await expect(ask('division', 'select 8 / $1::integer as share', ['0'])).rejects.toMatchObject({
        ...UNAVAILABLE,
        cause: { code: '22012' },
      })
      expect(await ask('division', 'select 8 / $1::integer as share', ['2'])).toEqual([{ share: 4 }])
    }
  })

  it('whose text is wrong fails each time, and no other with it', async () => {
    for (let time = 0; time < 2; time++)
      await expect(ask('wrong', 'select nothing from nowhere where x = $1', ['x'])).rejects.toMatchObject({ cause: { code: '42P01' } })
    expect(await ask('right', 'select $1::text as x', ['x'])).toEqual([{ x: 'x' }])
  })

  it('with a value that a number cannot hold is refused, and not rounded', async () => {
    const text = 'select $1::bigint as big'
    for (let time = 0; time < 2; time++) {
      await expect(ask('big', text, ['9007199254740993'])).rejects.toMatchObject(UNAVAILABLE)
      expect(await ask('big', text, ['9007199254740991'])).toEqual([{ big: 9007199254740991 }])
    }
  })

  it('fails when its connection is cut while it runs, and another one takes its place', async () => {
    await expect(ask('cut', 'select pg_terminate_backend(pg_backend_pid()), $1::text', ['x'])).rejects.toMatchObject(UNAVAILABLE)
    const tellsAfter = () => ask('after', 'select $1::text as x', ['x']).catch(() => undefined)
    // The end of the connection may be heard after the fault.
    let told = await tellsAfter()
    while (told === undefined) told = await tellsAfter()
    expect(told).toEqual([{ x: 'x' }])
  })

  it('waits for an answer no longer than any other, and the place is free again', async () => {
    const proxy = await openProxy(opened.url)
    const behind = openStore(await openDatabase({ kind: 'postgres', url: proxy.url, poolMax: 1 }))
    await behind.access.resolve('t', 'u')
    proxy.freeze()
    await expect(behind.access.resolve('t', 'u')).rejects.toMatchObject(UNAVAILABLE)
    proxy.thaw()
    expect(await behind.access.resolve('t', 'u')).toMatchObject({ user: undefined, assignments: [] })
    await behind.close()
    proxy.close()
  })
})

describe('connections at hand', () => {
  it('are free ones: all who ask at once are answered by as many as the pool has, and none stays used', async () => {
    const { database, store } = opened
    const text = 'select pg_backend_pid() as pid, $1::text as x from pg_sleep(0.001)'
    const answers = await Promise.all(
      Array.from({ length: 20 * PLACES }, async (_, number) => {
        if (number % 5 === 4) await store.change((change) => change.ensureUser(`user-${number}`))
        return (await ask('pids', text, [String(number)]))[0] as { readonly pid: number; readonly x: string }
      }),
    )
    expect(answers.map(({ x }) => Number(x))).toEqual(answers.map((_, number) => number))
    expect(new Set(answers.map(({ pid }) => pid)).size).toBeLessThanOrEqual(PLACES)
    expect(database.connections()).toMatchObject({ used: 0, waiting: 0 })
    expect(database.connections().free).toBeGreaterThan(0)
  })

  it('that died there are not asked', async () => {
    const admin = await openDatabase({ kind: 'postgres', url: opened.url, poolMax: 1 })
    await Promise.all(Array.from({ length: PLACES }, () => ask('sleep', 'select pg_sleep(0.01), $1::text as x', ['x'])))
    await admin.queryPrepared(
      undefined,
      'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      [],
    )
    await Promise.all(Array.from({ length: PLACES }, () => ask('after', 'select $1::text as x', ['x'])))
    await admin.close()
  })

  it('close with the database, which answers nobody from then on', async () => {
    const database = await openDatabase({ kind: 'postgres', url: opened.url, poolMax: 2 })
    await database.queryPrepared('once', 'select $1::text as x', ['x'])
    const late = database.queryPrepared('late', 'select pg_sleep(0.05), $1::text as x', ['x'])
    await database.close()
    await late
    await expect(database.queryPrepared('once', 'select $1::text as x', ['x'])).rejects.toMatchObject(UNAVAILABLE)
    expect(database.connections()).toEqual({ used: 0, free: 0, waiting: 0 })
    const { rows } = await opened.database.knex.raw(
      `select count(*)::integer as left from pg_stat_activity where datname = current_database() and query like '%select pg_sleep(0.05)%' and pid <> pg_backend_pid()`,
    )
    expect(rows).toEqual([{ left: 0 }])
  })
})
