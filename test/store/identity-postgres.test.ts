/** On real PostgreSQL: of many at once one makes each guarded change of a login, nothing is counted twice, and no locale changes an address. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  challengeOf,
  hashOf,
  openSession,
  sentChallenge,
  somebody,
  theChallenge,
  theSession,
  within,
  word,
} from '../contract/identity-rows.ts'
import { openPostgresStore } from '../support/stores.ts'

const TIMES = 20
const at20 = <T>(work: (number: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: TIMES }, (_, number) => work(number)))

let test: Awaited<ReturnType<typeof openPostgresStore>>

beforeAll(async () => {
  // A quarter of the pool is for changes: all of them are under way at once.
  test = await openPostgresStore(4 * TIMES)
})
afterAll(async () => {
  await test.close()
})

/** Resolves once a transaction of this database waits for a row. */
async function somebodyWaits(): Promise<void> {
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  for (;;) if ((await test.database.knex.raw<{ rows: unknown[] }>(waiting)).rows.length > 0) return
}

describe('addresses', () => {
  it('are found in ASCII letters whatever their case, and no further, under a locale that knows more letters', async () => {
    await test.database.knex.raw('alter table subject alter column email type text collate "tr-x-icu"')
    const name = word('x')
    await within(test, async (_identity, change) => {
      const { record } = await change.ensureUser(name)
      await change.updateUser({ ...record, email: `I.É.${name}@Hospital.Example` }, null)
    })
    const find = async (email: string) => (await test.store.identity.listUsersByEmail(email)).length
    expect(await find(`i.É.${name}@hospital.example`)).toBe(1)
    expect(await find(`ı.é.${name}@hospital.example`)).toBe(0)
    expect(await find(`i.é.${name}@hospital.example`)).toBe(0)
  })
})

describe('20 at once', () => {
  it('try one code: five are counted, each as another one', async () => {
    const { id } = await sentChallenge(test, await somebody(test))
    const answers = await at20(() => within(test, (identity) => identity.raiseTries(id)))
    expect(answers.flatMap((record) => record?.tries ?? []).sort()).toEqual([1, 2, 3, 4, 5])
    expect((await theChallenge(test, id)).tries).toBe(5)
  })

  it('consume one challenge: one does, and the challenge names its session', async () => {
    const person = await somebody(test)
    const { id } = await sentChallenge(test, person)
    const answers = await at20(async () => {
      const session = await openSession(test, person)
      return await within(test, (identity) => identity.consumeChallenge(id, hashOf(session.id), session.id))
    })
    const won = answers.filter((record) => record !== undefined)
    expect(won).toHaveLength(1)
    expect(await theChallenge(test, id)).toEqual(won[0])
  })

  it('take one mail: one gets it, and it counts as one attempt', async () => {
    const person = await somebody(test)
    const { id } = await within(test, (identity) => identity.insertChallenge(challengeOf(person)))
    const answers = await at20(() => within(test, (identity) => identity.takeDueMail(id, 60_000)))
    expect(answers.filter((record) => record !== undefined)).toHaveLength(1)
    expect((await theChallenge(test, id)).mailAttempts).toBe(1)
  })

  it('do not wait for a mail that another one holds', async () => {
    const person = await somebody(test)
    const { id } = await within(test, (identity) => identity.insertChallenge(challengeOf(person)))
    await within(test, async (identity) => {
      await identity.lockChallenge(id)
      // A worker that waited would wait for this very transaction, which waits for it.
      expect(await within(test, (others) => others.takeDueMail(id, 60_000))).toBeUndefined()
    })
    expect(await within(test, (identity) => identity.takeDueMail(id, 60_000))).toBeDefined()
  })

  it('consume and kill one challenge: it is consumed or dead, never both, and whoever won was told', async () => {
    const person = await somebody(test)
    const session = await openSession(test, person)
    for (let round = 0; round < 10; round++) {
      const { id } = await sentChallenge(test, person)
      const [consumed] = await Promise.all([
        within(test, (identity) => identity.consumeChallenge(id, undefined, session.id)),
        within(test, (identity) => identity.killChallenges(person.user)),
      ])
      const record = await theChallenge(test, id)
      expect([record.consumedAtMs !== null, record.deadReason !== null]).toEqual([consumed !== undefined, consumed === undefined])
    }
  })

  it('end one session, or all of a user: each is ended by one, with its reason', async () => {
    const person = await somebody(test)
    const { id } = await openSession(test, person)
    for (let more = 0; more < 5; more++) await openSession(test, person)
    const ended = await at20((number) =>
      within(test, (identity) => identity.revokeSessions(number % 2 === 0 ? { loginId: id } : { user: person.user }, 'logout')),
    )
    const ids = ended.flat().map((session) => session.id)
    expect([ids.length, new Set(ids).size]).toEqual([6, 6])
  })

  it('do not end what another one ended while they waited for it', async () => {
    const person = await somebody(test)
    const { id } = await openSession(test, person)
    let second: ReturnType<typeof end> | undefined
    const end = (reason: 'logout' | 'reuse') => within(test, (identity) => identity.revokeSessions({ user: person.user }, reason))
    await within(test, async (identity) => {
      await identity.revokeSessions({ loginId: id }, 'logout')
      second = end('reuse')
      await somebodyWaits()
    })
    expect(await second).toEqual([])
    expect((await theSession(test, id))?.revokedReason).toBe('logout')
  })

  it('rotate one session that each of them locks first: no rotation is lost', async () => {
    const { id } = await openSession(test, await somebody(test))
    const counters = await at20(() =>
      within(test, async (identity) => {
        const before = await identity.lockSession(id)
        const after = await identity.rotateSession(id, hashOf('b'), 60_000)
        expect(after.counter).toBe((before?.counter ?? -1) + 1)
        return after.counter
      }),
    )
    expect(counters.sort((a, b) => a - b)).toEqual(Array.from({ length: TIMES }, (_, number) => number + 1))
    expect((await theSession(test, id))?.counter).toBe(TIMES)
  })

  it('add to the index of permissions: no gap, no move, nothing twice, whoever rolls back', async () => {
    const base = word('p')
    const seen = await at20(async (number) => {
      const entries = [number, (number + 1) % TIMES, 100 + number].map((name) => ({ name: `${base}.${name}`, code: `${base}${name}` }))
      try {
        return await within(test, async (identity) => {
          const index = await identity.extendPermissionIndex(entries)
          if (number % 5 === 0) throw new Error('rolled back')
          return index
        })
      } catch {
        return []
      }
    })
    const index = await test.store.identity.listPermissionIndex()
    expect(index.map((entry) => entry.bit)).toEqual(index.map((_, bit) => bit))
    expect(new Set(index.map((entry) => entry.name)).size).toBe(index.length)
    // 0 is added by 19; 5, 10 and 15 by 4, 9 and 14.
    expect(index.length).toBe(TIMES + 16)
    for (const earlier of seen) expect(index.slice(0, earlier.length)).toEqual(earlier)
  })

  it('rotate the signing keys: one after the other', async () => {
    let inside = 0
    await at20((number) =>
      within(test, async (identity) => {
        await identity.lockKeys()
        inside += 1
        const keys = await identity.listSealedKeys()
        if (keys.length === 0) {
          const sealed = hashOf(String(number))
          await identity.insertKey({ kid: randomUUID(), algorithm: 'ES256', publicJwk: {}, sealed, sealedBy: 'k', state: 'current' })
        }
        expect(inside).toBe(1)
        inside -= 1
      }),
    )
    expect((await test.store.identity.findKeys()).keys).toHaveLength(1)
  })
})
