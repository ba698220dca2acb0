/** Positions of the feed under concurrency, on real PostgreSQL: PGlite has one connection and so none. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openStore } from '../../src/store/store.ts'
import { openPostgresStore } from '../support/stores.ts'

let opened: Awaited<ReturnType<typeof openPostgresStore>>

beforeAll(async () => {
  opened = await openPostgresStore(25)
})
afterAll(async () => {
  await opened.close()
})

describe('the feed under 20 concurrent writers', () => {
  it('grows in the order of the commits, has no gap, and gives a failed change no position', async () => {
    const { store, database } = opened
    const writers = 20
    const rounds = 15
    let seen = await store.change((change) => change.readPosition())
    const start = seen
    const positions: number[] = []
    let reading = true
    // A reader beside the writers: what it sees is always a whole prefix, so nothing is committed behind a position it has read.
    const reader = (async () => {
      while (reading) {
        const rows = await database.queryPrepared<{ head: number; counted: number }>(
          undefined,
          `select (select position from access_head) as head, (select count(distinct position) from access_changes) as counted`,
          [],
        )
        const { head = -1, counted = -1 } = rows[0] ?? {}
        expect(counted).toBe(head)
        expect(head).toBeGreaterThanOrEqual(seen)
        seen = head
      }
    })()
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let round = 0; round < rounds; round++) {
          const user = `user-${randomUUID()}`
          const work = store.change(async (change) => {
            await change.ensureUser(user)
            const position = await change.appendFeed([
              { kind: 'user', user },
              { kind: 'tenant', tenant: user },
            ])
            if ((writer + round) % 5 === 0) throw new Error('changed my mind')
            return position
          })
          const position = await work.catch(() => undefined)
          if (position !== undefined) positions.push(position)
        }
      }),
    )
    reading = false
    await reader
    const sorted = [...positions].sort((a, b) => a - b)
    expect(sorted).toEqual(Array.from({ length: (writers * rounds * 4) / 5 }, (_, index) => start + 1 + index))
    // Rows are committed one after the other: the order of the transactions' ends is the order of the positions.
    const rows = await database.queryPrepared<{ position: number; ordinal: number; kind: string }>(
      undefined,
      'select position, ordinal, kind from access_changes where position > $1 order by position, ordinal limit 2',
      [start],
    )
    expect(rows).toEqual([
      { position: start + 1, ordinal: 0, kind: 'user' },
      { position: start + 1, ordinal: 1, kind: 'tenant' },
    ])
  })

  it('gives each writer a position above all that it had seen committed before it began', async () => {
    const { store } = opened
    let last = 0
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let round = 0; round < 5; round++) {
          const seenBefore = last
          const position = await store.change((change) => change.appendFeed([{ kind: 'user', user: 'u' }]))
          expect(position).toBeGreaterThan(seenBefore)
          last = Math.max(last, position)
        }
      }),
    )
  })
})

describe('a change that meets another one', () => {
  it('is tried again when PostgreSQL names it the victim of a deadlock', async () => {
    const { store } = opened
    const [one, two] = [`one-${randomUUID()}`, `two-${randomUUID()}`]
    await store.change((change) => change.ensureUser(one))
    await store.change((change) => change.ensureUser(two))
    let attempts = 0
    // Both have their first lock before either asks for its second; a second attempt finds nobody waiting any more.
    let arrived = 0
    let open: () => void = () => undefined
    const both = new Promise<void>((resolve) => {
      open = resolve
    })
    const crossing = (first: string, second: string) =>
      store.change(async (change) => {
        attempts++
        await change.lockUser(first)
        if (++arrived === 2) open()
        await both
        return (await change.lockUser(second))?.id
      })
    expect(await Promise.all([crossing(one, two), crossing(two, one)])).toEqual([two, one])
    expect(attempts).toBe(3)
  })

  it('gives up after a few attempts, as StoreError, having waited between them as it was told', async () => {
    const { database } = opened
    const waits: number[] = []
    const patient = openStore(database, async (attempt) => {
      waits.push(attempt)
    })
    const victim = Object.assign(new Error('could not serialize access'), { code: '40001' })
    await expect(patient.change(() => Promise.reject(victim))).rejects.toBe(victim)
    expect(waits).toEqual([1, 2, 3, 4])
  })
})
