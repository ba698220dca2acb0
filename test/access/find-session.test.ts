import { beforeEach, describe, expect, it } from '@jest/globals'
import { DatabaseTime } from '../../src/access/database-time.ts'
import { openKeyFinder } from '../../src/access/find-keys.ts'
import { isLive, openSessionFinder } from '../../src/access/find-session.ts'
import { holds } from '../../src/access/fresh-reader.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import { momentOf } from '../../src/access/moment.ts'
import { openMemoryLevel } from '../../src/cache/memory.ts'
import type { SessionRecord, SigningKeyRecord } from '../../src/model/identity.ts'
import type { FeedChange } from '../../src/store/ports.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const ID = '0b9f2a52-6d0e-4c53-9a4c-2f1a7a1f6c11'
const ANN = { id: ID, user: 'ann' }
const observe = { answered: () => undefined, outdated: () => undefined, refused: () => undefined }

let clock: ManualClock
let knowledge: Knowledge
let position: number
let loads: number
let session: SessionRecord | undefined
/** The store answers what it read when this is over. */
let slow: Promise<void> | undefined
let keys: readonly SigningKeyRecord[]

/** The database's clock is this machine's here, and the feed is read to its head. */
function caughtUp(): void {
  knowledge.reach(position)
  knowledge.catchUp({ sent: momentOf(clock), atMs: clock.nowMs() })
}
function changed(change: FeedChange): void {
  position += 1
  knowledge.note({ ...change, position, atMs: clock.nowMs() })
  caughtUp()
}
const row = (part: Partial<SessionRecord>) =>
  ({ ...ANN, revokedAtMs: null, idleExpiresAtMs: Infinity, expiresAtMs: Infinity, agent: null, ...part }) as SessionRecord
const key = (part: Partial<SigningKeyRecord>) => ({ kid: 'one', state: 'current', retiresAtMs: null, ...part }) as SigningKeyRecord

function open() {
  const needs = { knowledge, catchUp: async () => caughtUp(), clock, holds, observe }
  const loaded = () => {
    loads += 1
    return { position, readAtMs: clock.nowMs() }
  }
  return {
    sessions: openSessionFinder({
      ...needs,
      memory: openMemoryLevel({ entriesMax: 10, bytesMax: 100_000 }),
      identity: {
        findSession: async () => {
          const reading = { ...loaded(), session }
          await slow
          return reading
        },
      },
    }),
    keys: openKeyFinder({
      ...needs,
      time: new DatabaseTime(knowledge, clock),
      memory: openMemoryLevel({ entriesMax: 1, bytesMax: 100_000 }),
      identity: { findKeys: async () => ({ ...loaded(), keys }) },
    }),
  }
}

beforeEach(() => {
  clock = new ManualClock()
  knowledge = new Knowledge(10, clock)
  position = 10
  loads = 0
  session = row({})
  slow = undefined
  keys = [key({})]
  knowledge.restart('one', position)
  caughtUp()
})

describe('a session in memory', () => {
  it('is read again when anything of its user changed, and not for another user', async () => {
    const { sessions } = open()
    await sessions.find(ANN, undefined)
    await sessions.find(ANN, undefined)
    expect(loads).toBe(1)
    changed({ kind: 'user', user: 'bob' })
    changed({ kind: 'tenant', tenant: 'north' })
    await sessions.find(ANN, undefined)
    expect(loads).toBe(1)
    session = row({ revokedAtMs: 1 })
    changed({ kind: 'user', user: 'ann' })
    expect((await sessions.find(ANN, undefined)).value.session?.revokedAtMs).toBe(1)
    expect(loads).toBe(2)
  })

  it.each(['idleExpiresAtMs', 'expiresAtMs'] as const)('is read again when its %s may have passed, and not before', async (end) => {
    const { sessions } = open()
    session = row({ [end]: clock.nowMs() + 5_000 })
    await sessions.find(ANN, undefined)
    clock.advance(4_000)
    caughtUp()
    await sessions.find(ANN, undefined)
    expect(loads).toBe(1)
    clock.advance(1_000)
    caughtUp()
    await sessions.find(ANN, undefined)
    expect(loads).toBe(2)
  })

  it.each([
    ['was ended', () => row({ revokedAtMs: 1 })],
    ['is over absolutely', () => row({ expiresAtMs: clock.nowMs(), idleExpiresAtMs: clock.nowMs() })],
  ])('is not read again once it %s: that stays so', async (_, over) => {
    const { sessions } = open()
    session = over()
    await sessions.find(ANN, undefined)
    clock.advance(60_000)
    caughtUp()
    await sessions.find(ANN, undefined)
    expect(loads).toBe(1)
  })

  it('is not kept when it is over by idle time alone: a refresh that began before may commit after, and no feed tells', async () => {
    const { sessions } = open()
    session = row({ idleExpiresAtMs: clock.nowMs() })
    expect(isLive((await sessions.find(ANN, undefined)).value.session as SessionRecord, clock.nowMs())).toBe(false)
    session = row({ idleExpiresAtMs: clock.nowMs() + 60_000 })
    expect(isLive((await sessions.find(ANN, undefined)).value.session as SessionRecord, clock.nowMs())).toBe(true)
  })

  it('is asked for anew by everybody while it is not there: no feed tells of its beginning', async () => {
    const { sessions } = open()
    const begun = session
    session = undefined
    let answer: () => void = () => undefined
    slow = new Promise((resolve) => (answer = resolve))
    const before = sessions.find(ANN, undefined)
    await settle()
    slow = undefined
    session = begun
    clock.advance(1)
    const after = sessions.find(ANN, undefined)
    answer()
    expect((await before).value.session).toBeUndefined()
    expect((await after).value.session).toMatchObject(ANN)
  })

  it('is not kept when nobody has it, and is nobody’s under another name', async () => {
    const { sessions } = open()
    const other = { id: ID, user: 'bob' }
    expect((await sessions.find(other, undefined)).value.session).toBeUndefined()
    await sessions.find(other, undefined)
    expect(loads).toBe(2)
    expect((await sessions.find(ANN, undefined)).value.session).toMatchObject(ANN)
  })

  it('can be no answer any more once its user changed after it was found', async () => {
    const { sessions } = open()
    await sessions.find(ANN, undefined)
    const found = await sessions.find(ANN, undefined)
    expect(sessions.isCurrent(ANN, found)).toBe(true)
    changed({ kind: 'user', user: 'ann' })
    expect(sessions.isCurrent(ANN, found)).toBe(false)
  })
})

describe('the published keys in memory', () => {
  it('are read again when a caller or a key changed, and not for anything else', async () => {
    const finder = open().keys
    await finder.find(undefined)
    changed({ kind: 'user', user: 'ann' })
    await finder.find(undefined)
    expect(loads).toBe(1)
    changed({ kind: 'caller', caller: 'signing-keys' })
    await finder.find(undefined)
    expect(loads).toBe(2)
  })

  it('are read again when the first of them may have retired', async () => {
    const finder = open().keys
    keys = [
      key({}),
      key({ kid: 'two', state: 'previous', retiresAtMs: clock.nowMs() + 9_000 }),
      key({ kid: 'three', state: 'previous', retiresAtMs: clock.nowMs() + 5_000 }),
    ]
    await finder.find(undefined)
    clock.advance(4_000)
    caughtUp()
    await finder.find(undefined)
    expect(loads).toBe(1)
    clock.advance(1_000)
    caughtUp()
    await finder.find(undefined)
    expect(loads).toBe(2)
  })
})
