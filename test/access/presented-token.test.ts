import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { DatabaseTime } from '../../src/access/database-time.ts'
import { openKeyFinder } from '../../src/access/find-keys.ts'
import { openSessionFinder } from '../../src/access/find-session.ts'
import { holds } from '../../src/access/fresh-reader.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import { momentOf } from '../../src/access/moment.ts'
import { openTokenPresenter } from '../../src/access/presented-token.ts'
import { openMemoryLevel } from '../../src/cache/memory.ts'
import { StoreError } from '../../src/model/error-code.ts'
import type { SessionRecord, SigningKeyRecord } from '../../src/model/identity.ts'
import { UNKNOWN_KEY_CATCH_UP_MS_MIN } from '../../src/model/identity-limits.ts'
import { FRESHNESS_BOUND_MS } from '../../src/model/limits.ts'
import type { FeedChange, FeedEntry } from '../../src/store/ports.ts'
import { signAccessToken } from '../../src/token/access-token.ts'
import { TokenVerifier } from '../../src/token/verify.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { AUDIENCE, ISSUER, type KeyPair, NOW_SECONDS, openKeyPair, personClaims } from '../token/tokens.ts'

const ID = '0b9f2a52-6d0e-4c53-9a4c-2f1a7a1f6c11'
const KEYS: FeedChange = { kind: 'caller', caller: 'signing-keys' }
const ANN: FeedChange = { kind: 'user', user: 'ann' }
const NEVER = new AbortController().signal
const observe = { answered: () => undefined, outdated: () => undefined, refused: () => undefined }

let pair: KeyPair
let other: KeyPair
let good: string
beforeAll(async () => {
  pair = await openKeyPair()
  other = await openKeyPair()
  good = await signAccessToken(personClaims({ sid: ID }), pair.key)
})

let clock: ManualClock
let knowledge: Knowledge
/** What stands in the database, and what of its feed this replica has not read. */
let database: {
  position: number
  keys: readonly SigningKeyRecord[]
  session: SessionRecord | undefined
  unread: FeedEntry[]
  /** By how much its clock is ahead of this machine's. */
  aheadMs: number
  feedFails: boolean
  storeFails: boolean
  /** Happens once, while the keys or the session are read, after their rows were. */
  whileKeys: (() => void) | undefined
  whileSession: (() => void) | undefined
}
let readings: number

const databaseMs = () => clock.nowMs() + database.aheadMs

function commit(change: FeedChange): void {
  database.position += 1
  database.unread.push({ ...change, position: database.position, atMs: databaseMs() })
}
async function catchUp(): Promise<void> {
  readings += 1
  if (database.feedFails) throw new StoreError('the feed cannot be read')
  for (const change of database.unread.splice(0)) knowledge.note(change)
  knowledge.reach(database.position)
  knowledge.catchUp({ sent: momentOf(clock), atMs: databaseMs() })
}
function reading() {
  if (database.storeFails) throw new StoreError('the store is gone')
  return { position: database.position, readAtMs: databaseMs() }
}
async function during<T>(read: T, what: 'whileKeys' | 'whileSession'): Promise<T> {
  const happens = database[what]
  database[what] = undefined
  await Promise.resolve()
  happens?.()
  return read
}
const session = (part: Partial<SessionRecord> = {}) =>
  ({
    ...{ id: ID, user: 'ann', clientId: 'demo', tenant: 'north-clinic', epoch: 0, agent: null },
    ...{ revokedAtMs: null, idleExpiresAtMs: Number.POSITIVE_INFINITY, expiresAtMs: Number.POSITIVE_INFINITY },
    ...part,
  }) as SessionRecord

function open() {
  const needs = { knowledge, catchUp, clock, holds, observe }
  const time = new DatabaseTime(knowledge, clock)
  const keys = openKeyFinder({
    ...{ ...needs, time, memory: openMemoryLevel({ entriesMax: 1, bytesMax: 100_000 }) },
    identity: { findKeys: async () => during({ ...reading(), keys: database.keys }, 'whileKeys') },
  })
  const sessions = openSessionFinder({
    ...{ ...needs, memory: openMemoryLevel({ entriesMax: 10, bytesMax: 100_000 }) },
    identity: { findSession: async () => during({ ...reading(), session: database.session }, 'whileSession') },
  })
  const verifier = new TokenVerifier({ issuer: ISSUER, audience: AUDIENCE, clock: time })
  const { present } = openTokenPresenter({ keys, sessions, verifier })
  return (accessToken = good, minPosition?: number) => present(accessToken, minPosition, NEVER)
}

/** Exactly of our form, of a key that was never made. */
function junk(): string {
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: randomUUID() })).toString('base64url')
  return [header, ...good.split('.').slice(1)].join('.')
}

beforeEach(async () => {
  clock = new ManualClock()
  knowledge = new Knowledge(10, clock)
  database = {
    ...{ position: 10, keys: [pair.record], session: session(), unread: [] },
    ...{ aheadMs: 0, feedFails: false, storeFails: false, whileKeys: undefined, whileSession: undefined },
  }
  knowledge.restart('one', database.position)
  await catchUp()
  readings = 0
})

describe('the time by which a token is judged', () => {
  /** Knows the database's time by the feed, or only by what the store tells with its answers. */
  const ways: [string, () => Promise<void>][] = [
    ['the feed', catchUp],
    [
      'the store alone',
      async () => {
        database.feedFails = true
        knowledge.distrust()
      },
    ],
  ]

  it.each(ways)('is the database’s, told by %s: a replica whose clock is an hour behind takes no token that is over', async (_, know) => {
    database.aheadMs = 3_600_000
    await know()
    expect(await open()()).toMatchObject({ refusal: 'TOKEN_EXPIRED' })
  })

  it.each(ways)(
    'is the database’s, told by %s: one whose clock is a minute behind or ahead takes a token that was just made',
    async (_, know) => {
      for (const seconds of [60, -60, 3_600]) {
        database.aheadMs = seconds * 1_000
        await know()
        const [iat, exp] = [NOW_SECONDS + seconds, NOW_SECONDS + seconds + 20]
        expect(await open()(await signAccessToken(personClaims({ sid: ID, iat, exp }), pair.key))).toMatchObject({ user: 'ann' })
      }
    },
  )

  it.each(ways)('is the database’s, told by %s, also for a token that was verified before', async (_, know) => {
    const present = open()
    await know()
    expect(await present()).toMatchObject({ user: 'ann' })
    database.aheadMs = 331_000
    await know()
    expect(await present()).toMatchObject({ refusal: 'TOKEN_EXPIRED' })
  })

  it('is never before the database’s own, however long ago that was told', async () => {
    const time = new DatabaseTime(knowledge, clock)
    database.aheadMs = 5_000
    await catchUp()
    clock.advance(FRESHNESS_BOUND_MS - 1)
    expect(time.nowMs()).toBeGreaterThanOrEqual(databaseMs())
    expect(time.nowMs()).toBeLessThan(databaseMs() + FRESHNESS_BOUND_MS)
    clock.advance(1)
    // The feed is not fresh any more.
    time.note(momentOf(clock), databaseMs())
    clock.advance(700)
    expect(time.nowMs()).toBeGreaterThanOrEqual(databaseMs())
    expect(time.nowMs()).toBeLessThan(databaseMs() + FRESHNESS_BOUND_MS)
  })

  it('is nobody’s guess: where nothing is known of it, or the machine slept, there is no answer', async () => {
    knowledge.distrust()
    const [wall, monotonic] = [{ ms: 0 }, { ms: 0 }]
    const time = new DatabaseTime(knowledge, { ...clock, nowMs: () => wall.ms, monotonicMs: () => monotonic.ms } as never)
    expect(() => time.nowMs()).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
    time.note({ wallMs: 0, monotonicMs: 0 }, 7)
    expect(time.nowMs()).toBe(8)
    wall.ms = 3_600_000
    expect(() => time.nowMs()).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
  })
})

describe('a token of a key that is not known here', () => {
  const ofNewKey = () => signAccessToken(personClaims({ sid: ID }), other.key)
  const publish = () => {
    database.keys = [pair.record, other.record]
    commit(KEYS)
  }

  it('is taken from the first check on, although the feed with the key was not read yet', async () => {
    const present = open()
    await present()
    publish()
    expect(await present(await ofNewKey())).toMatchObject({ user: 'ann', sessionLive: true })
    expect(readings).toBe(1)
  })

  it('is looked for once for all who ask at the same time', async () => {
    const present = open()
    await present()
    publish()
    const token = await ofNewKey()
    const answers = await Promise.all(Array.from({ length: 50 }, () => present(token)))
    for (const answer of answers) expect(answer).toMatchObject({ user: 'ann' })
    expect(readings).toBe(1)
  })

  it('makes nobody read the feed more than once in a while, however many keys somebody invents', async () => {
    const present = open()
    await present()
    for (let round = 1; round <= 3; round++) {
      await Promise.all(Array.from({ length: 20 }, () => present(junk())))
      for (let index = 0; index < 20; index++) expect(await present(junk())).toMatchObject({ refusal: 'TOKEN_INVALID' })
      expect(readings).toBe(round)
      clock.advance(UNKNOWN_KEY_CATCH_UP_MS_MIN)
    }
  })

  it('is not looked for when it is not of our form, or its key is known', async () => {
    const present = open()
    const [header, payload] = good.split('.')
    const wrong = ['x', 'a.b.c', `${header}.${payload}.AAAA`, `${junk()}x`, junk().replace('.', 'A.'), 'é'.repeat(9)]
    const unlike = { alg: 'HS256', typ: 'at+jwt', kid: 'one' }
    for (const part of [unlike, { ...unlike, alg: 'none' }, { ...unlike, alg: 'ES256', typ: 'JWT' }, { ...unlike, alg: 'ES256', jku: 'x' }])
      wrong.push(`${Buffer.from(JSON.stringify(part)).toString('base64url')}.${payload}.AAAA`)
    for (const text of wrong) expect(await present(text)).toMatchObject({ refusal: 'TOKEN_INVALID' })
    expect(readings).toBe(0)
  })

  it('is invalid while the feed cannot be read and what is known is fresh, and no answer after that', async () => {
    const present = open()
    await present()
    database.feedFails = true
    expect(await present(junk())).toMatchObject({ refusal: 'TOKEN_INVALID' })
    clock.advance(FRESHNESS_BOUND_MS)
    database.storeFails = true
    await expect(present(junk())).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('what a presented token rests on', () => {
  it('is looked at again when its key retires while the session is read', async () => {
    const present = open()
    await present()
    commit(ANN)
    await catchUp()
    database.whileSession = () => {
      database.keys = []
      commit(KEYS)
      void catchUp()
    }
    expect(await present()).toMatchObject({ refusal: 'TOKEN_INVALID' })
  })

  it.each([
    ['its keys', KEYS],
    ['its session', ANN],
  ])('can be no answer any more once %s changed', async (_, change) => {
    const present = open()
    await present()
    const found = await present()
    expect(found.isCurrent()).toBe(true)
    commit({ kind: 'user', user: 'bob' })
    await catchUp()
    expect(found.isCurrent()).toBe(true)
    commit(change)
    await catchUp()
    expect(found.isCurrent()).toBe(false)
  })

  it('is refused only as long as no key changed', async () => {
    const present = open()
    await present()
    const refused = await present(junk())
    expect(refused.isCurrent()).toBe(true)
    commit(KEYS)
    await catchUp()
    expect(refused.isCurrent()).toBe(false)
  })

  it.each(['whileKeys', 'whileSession'] as const)(
    'has the position of the older of both, when the feed goes on %s are read',
    async (then) => {
      const present = open()
      // Both told by the store: what holds by the feed has the position of that.
      knowledge.distrust()
      database[then] = () => commit({ kind: 'user', user: 'bob' })
      expect((await present()).position).toBe(10)
      expect((await present()).position).toBe(11)
    },
  )

  it('has the position of the session where the keys are of a later one', async () => {
    const present = open()
    await present()
    commit(KEYS)
    knowledge.note({ ...KEYS, position: 11, atMs: databaseMs() })
    database.feedFails = true
    expect((await present()).position).toBe(10)
  })

  it('reflects the position that was asked for: keys, refusals and sessions alike', async () => {
    const present = open()
    await present()
    await expect(present(good, 11)).rejects.toMatchObject({ code: 'position_not_reached' })
    await expect(present('x', 11)).rejects.toMatchObject({ code: 'position_not_reached' })
    database.session = session({ revokedAtMs: 1 })
    commit(ANN)
    expect(await present(good, 11)).toMatchObject({ sessionLive: false, position: 11 })
  })

  it('reflects that position also when the feed cannot be read, and what is in memory is fresh enough for everybody else', async () => {
    const present = open()
    await present()
    database.session = session({ revokedAtMs: 1 })
    commit(ANN)
    database.feedFails = true
    expect(await present()).toMatchObject({ sessionLive: true, position: 10 })
    expect(await present(good, 11)).toMatchObject({ sessionLive: false, position: 11 })
    database.keys = []
    commit(KEYS)
    expect(await present(good, 12)).toMatchObject({ refusal: 'TOKEN_INVALID', position: 12 })
  })

  it('is no answer at all when the store cannot say it', async () => {
    const present = open()
    database.storeFails = true
    await expect(present()).rejects.toMatchObject({ code: 'store_unavailable' })
    database.storeFails = false
    await present()
    commit(ANN)
    await catchUp()
    // The keys are in memory; the session is not any more.
    database.storeFails = true
    await expect(present()).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})
