/** What watchers are told, and in which order, by what a follower applies; at the test's own time. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { AccessFeed, type WatchedFrom } from '../../src/access/access-feed.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import type { AccessEvent } from '../../src/model/access-event.ts'
import { fingerprintOf } from '../../src/model/fingerprint.ts'
import { ACCESS_CHANGES_TOLD_AT_ONCE_MAX, FRESHNESS_BOUND_MS } from '../../src/model/limits.ts'
import type { FeedChange, FeedEntry } from '../../src/store/ports.ts'
import { ManualClock } from '../support/manual-clock.ts'

const POLICY = { revision: 'one', position: 1 }

/** A feed that has begun at position 10 and is fresh. */
function openFeed(keptMax = 100) {
  const clock = new ManualClock()
  const knowledge = new Knowledge(100, clock)
  const feed = new AccessFeed({ knowledge, clock, keptMax })
  let position = 10
  let policy = POLICY
  const catchUp = () => {
    knowledge.catchUp({ sent: { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }, atMs: 5_000 })
    feed.caughtUp()
  }
  const apply = (...changes: FeedChange[]) => {
    const entries: FeedEntry[] = changes.map((change) => ({ ...change, position: ++position, atMs: 0 }))
    for (const entry of entries) if (entry.kind === 'policy') policy = { revision: entry.revision, position: entry.position }
    for (const entry of entries) knowledge.note(entry)
    knowledge.reach(position)
    feed.applied(entries, position, policy)
    return position
  }
  const restart = (incarnation: string, at: number) => {
    position = at
    knowledge.restart(incarnation, at)
    feed.restarted(incarnation, at)
  }
  restart('first', 10)
  apply()
  catchUp()
  return { clock, knowledge, feed, apply, restart, catchUp, silently: (to: typeof POLICY) => feed.applied([], position, to) }
}
const user = (id: string): FeedChange => ({ kind: 'user', user: id })
const all = (feed: AccessFeed, from?: WatchedFrom) =>
  feed.watch(from === undefined ? from : { callerDigest: 'c', ...from }, { tenants: null, callerDigest: 'c' }, () => undefined)
const positionsOf = (events: readonly AccessEvent[]) =>
  events.flatMap((event) => (event.kind === 'changes' ? event.changes.map(({ position }) => position) : []))

describe('a watcher of the access feed', () => {
  it('begins at what is known, with the policy in force there, and is told what turns decisions', () => {
    const { feed, apply } = openFeed()
    const watching = all(feed)
    expect(watching.take(undefined)).toEqual([
      { kind: 'opened', incarnation: 'first', position: 10, resumed: false, policy: POLICY, callerDigest: 'c' },
    ])
    expect(watching.pending).toBe(false)
    apply(
      { kind: 'assignment', tenant: 'north', user: 'ann' },
      user('bob'),
      { kind: 'tenant', tenant: 'north' },
      { kind: 'revision', revision: 'two' },
      { kind: 'policy', revision: 'two' },
      { kind: 'caller', caller: 'c' },
    )
    expect(watching.pending).toBe(true)
    expect(watching.take(undefined)).toEqual([
      {
        kind: 'changes',
        through: 16,
        changes: [
          { kind: 'user', position: 11, fingerprint: fingerprintOf('ann') },
          { kind: 'user', position: 12, fingerprint: fingerprintOf('bob') },
          { kind: 'tenant', position: 13, fingerprint: fingerprintOf('north') },
          { kind: 'policy', position: 15, revision: 'two' },
        ],
      },
    ])
    apply({ kind: 'caller', caller: 'c' })
    expect(watching.take(undefined)).toEqual([{ kind: 'changes', through: 17, changes: [] }])
  })

  it('gets a heartbeat only behind all that it tells of, with the age of what it rests on, rounded up', () => {
    const { feed, apply, clock } = openFeed()
    const watching = all(feed)
    watching.take(undefined)
    for (let change = 0; change < ACCESS_CHANGES_TOLD_AT_ONCE_MAX / 10; change++) apply(user('ann'))
    clock.advance(2.5)
    const events = watching.take(3)
    expect(events.map(({ kind }) => kind)).toEqual(['changes', 'heartbeat'])
    const through = 10 + ACCESS_CHANGES_TOLD_AT_ONCE_MAX / 10
    expect(events[0]).toMatchObject({ through })
    expect(events[1]).toEqual({ kind: 'heartbeat', beat: 3, position: through, ageMs: 3, fresh: true, databaseBeforeMs: 5_004 })
    clock.advance(FRESHNESS_BOUND_MS)
    expect(watching.take(4)).toMatchObject([{ beat: 4, fresh: false, ageMs: FRESHNESS_BOUND_MS + 3 }])
  })

  it('gets no heartbeat between two parts of what is too much for one message', () => {
    const { feed, apply } = openFeed(10 * ACCESS_CHANGES_TOLD_AT_ONCE_MAX)
    const watching = all(feed)
    watching.take(undefined)
    const last = apply(...Array.from({ length: ACCESS_CHANGES_TOLD_AT_ONCE_MAX + 1 }, () => user('ann')))
    expect(watching.take(1)).toMatchObject([{ kind: 'changes', through: last - 1 }])
    expect(watching.pending).toBe(true)
    expect(watching.take(1)).toMatchObject([
      { kind: 'changes', through: last },
      { kind: 'heartbeat', position: last },
    ])
  })

  it('never hears that a position is told while a change of it is left for the next message', () => {
    const { feed } = openFeed(10 * ACCESS_CHANGES_TOLD_AT_ONCE_MAX)
    const watching = all(feed)
    watching.take(undefined)
    const entry = (id: string, position: number): FeedEntry => ({ kind: 'user', user: id, position, atMs: 0 })
    const changes = Array.from({ length: ACCESS_CHANGES_TOLD_AT_ONCE_MAX + 5 }, (_, index) => entry(`u${index}`, 11))
    feed.applied([...changes, entry('last', 12)], 12, POLICY)
    const [told] = watching.take(undefined)
    expect(told).toMatchObject({ through: 11, changes: { length: changes.length } })
  })

  it('goes on from a position that the ring covers, and is not told again what it knows', () => {
    const { feed, apply } = openFeed()
    apply(user('ann'), user('bob'), user('cid'))
    const watching = all(feed, { incarnation: 'first', position: 12 })
    const events = watching.take(undefined)
    expect(events[0]).toEqual({ kind: 'opened', incarnation: 'first', position: 12, resumed: true, policy: undefined, callerDigest: 'c' })
    expect(positionsOf(events)).toEqual([13])
    expect(all(feed, { incarnation: 'first', position: 10 }).take(undefined)[0]).toMatchObject({ resumed: true })
    expect(all(feed, { incarnation: 'first', position: 9 }).take(undefined)).toMatchObject([
      { resumed: false, position: 13, policy: POLICY },
    ])
    expect(all(feed, { incarnation: 'other', position: 12 }).take(undefined)).toMatchObject([{ resumed: false, position: 13 }])
  })

  it('begins anew when the caller is another one or unsaid, and when any caller has changed since', () => {
    const { feed, apply } = openFeed()
    const known = apply(user('ann'))
    const from = { incarnation: 'first', position: known }
    const watch = (by: WatchedFrom) => feed.watch(by, { tenants: null, callerDigest: 'c' }, () => undefined).take(undefined)
    expect(watch(from)).toMatchObject([{ resumed: false, policy: POLICY }])
    expect(watch({ ...from, callerDigest: 'd' })).toMatchObject([{ resumed: false, callerDigest: 'c' }])
    expect(watch({ ...from, callerDigest: 'c' })).toMatchObject([{ resumed: true }])
    const changed = apply({ kind: 'caller', caller: 'any' })
    expect(watch({ ...from, callerDigest: 'c' })).toMatchObject([{ resumed: false, position: changed }])
    expect(watch({ ...from, callerDigest: 'c', position: changed })).toMatchObject([{ resumed: true }])
  })

  it('begins anew when the ring has forgotten what it lacks', () => {
    const { feed, apply } = openFeed(4)
    apply(user('ann'), user('bob'), user('cid'), user('dan'), user('eve'))
    for (let position = 10; position <= 15; position++) {
      const [opened, ...rest] = all(feed, { incarnation: 'first', position }).take(undefined)
      if ((opened as { resumed: boolean }).resumed) expect(positionsOf(rest)).toEqual([11, 12, 13, 14, 15].filter((one) => one > position))
      else expect([rest, opened]).toMatchObject([[], { position: 15 }])
    }
    expect(all(feed, { incarnation: 'first', position: 11 }).take(undefined)).toMatchObject([{ resumed: false }])
    expect(all(feed, { incarnation: 'first', position: 12 }).take(undefined)).toMatchObject([{ resumed: true }, {}])
  })

  it('that is ahead of this replica is told nothing until it gets there, and then only what it lacks', () => {
    const { feed, apply } = openFeed()
    const watching = all(feed, { incarnation: 'first', position: 12 })
    expect(watching.take(1)).toMatchObject([
      { kind: 'opened', position: 12, resumed: true },
      { kind: 'heartbeat', position: 10 },
    ])
    apply(user('ann'))
    expect(watching.take(2)).toMatchObject([{ kind: 'heartbeat', position: 11 }])
    apply(user('bob'))
    apply(user('cid'))
    expect(watching.take(3)).toMatchObject([
      { kind: 'changes', through: 13, changes: [{ position: 13 }] },
      { kind: 'heartbeat', position: 13 },
    ])
  })

  it('hears nothing of a database that is gone, and begins anew once the policy of the next one is in force', () => {
    const { feed, apply, restart, catchUp } = openFeed()
    const [ahead, beside] = [all(feed, { incarnation: 'first', position: 90 }), all(feed)]
    for (const watching of [ahead, beside]) watching.take(undefined)
    apply(user('ann'))
    restart('second', 5)
    apply(user('bob'))
    for (const watching of [ahead, beside, all(feed)]) expect([watching.pending, watching.take(1)]).toEqual([false, []])
    catchUp()
    for (const watching of [ahead, beside])
      expect(watching.take(1)).toMatchObject([
        { kind: 'opened', incarnation: 'second', position: 6, resumed: false, policy: POLICY },
        { kind: 'heartbeat', position: 6 },
      ])
    // Elsewhere somebody was told up to here: what this replica read again is in its ring.
    expect(positionsOf(all(feed, { incarnation: 'second', position: 5 }).take(undefined))).toEqual([6])
  })

  it('begins anew when a policy took force that no change tells of', () => {
    const { feed, apply, silently } = openFeed()
    const watching = all(feed)
    watching.take(undefined)
    const position = apply(user('ann'))
    silently({ revision: 'two', position: 0 })
    expect(watching.take(undefined)).toEqual([
      { kind: 'opened', incarnation: 'first', position, resumed: false, policy: { revision: 'two', position: 0 }, callerDigest: 'c' },
    ])
  })

  it('is ended when the ring went on without it, and is never left a gap', () => {
    const { feed, apply } = openFeed(4)
    const watching = all(feed)
    watching.take(undefined)
    for (let change = 0; change < 6; change++) apply(user('ann'))
    expect(watching.pending).toBe(true)
    expect(() => watching.take(undefined)).toThrow(expect.objectContaining({ code: 'overloaded' }))
  })

  it('is told of its own tenants, and of every user, whatever their tenant', () => {
    const { feed, apply } = openFeed()
    const watching = feed.watch(undefined, { tenants: new Set(['north']), callerDigest: 'c' }, () => undefined)
    watching.take(undefined)
    apply({ kind: 'tenant', tenant: 'south' }, { kind: 'assignment', tenant: 'south', user: 'ann' }, { kind: 'tenant', tenant: 'north' })
    expect(watching.take(undefined)).toMatchObject([
      { through: 13, changes: [{ fingerprint: fingerprintOf('ann') }, { kind: 'tenant', fingerprint: fingerprintOf('north') }] },
    ])
    apply({ kind: 'tenant', tenant: 'south' })
    expect(watching.take(undefined)).toEqual([{ kind: 'changes', through: 14, changes: [] }])
  })

  it('is woken by what comes, and by nothing any more when it has closed', () => {
    const { feed, apply } = openFeed()
    let woken = 0
    const watching = feed.watch(undefined, { tenants: null, callerDigest: 'c' }, () => {
      woken++
    })
    apply(user('ann'))
    watching.close()
    apply(user('bob'))
    expect(woken).toBe(1)
  })

  it('misses nothing and hears nothing twice, however it reads, and what a heartbeat reaches was told before', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('apply' as const), count: fc.integer({ min: 0, max: 4 }) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), beat: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reconnect' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { feed, apply, restart, catchUp } = openFeed(6)
        let incarnation = 'first'
        let written: number[] = []
        let watching = all(feed)
        /** What the watcher knows. */
        let known: { incarnation: string; position: number } | undefined
        let expected: { incarnation: string; position: number; told: number[] } | undefined
        const hear = (event: AccessEvent) => {
          if (event.kind === 'opened') {
            if (event.resumed) expect(event).toMatchObject({ ...known })
            else expected = { incarnation: event.incarnation, position: event.position, told: [] }
            known = { incarnation: event.incarnation, position: event.position }
          } else if (event.kind === 'changes') {
            for (const { position } of event.changes) expected?.told.push(position)
            expect(event.through).toBeGreaterThan(known?.position ?? 0)
            known = { incarnation: known?.incarnation ?? '', position: event.through }
            expect(expected?.told).toEqual(written.filter((one) => one > (expected?.position ?? 0) && one <= event.through))
          } else expect(event.position).toBeLessThanOrEqual(known?.position ?? -1)
        }
        for (const one of steps) {
          if (one.kind === 'apply') {
            const last = apply(...Array.from({ length: one.count }, () => user('ann')))
            written.push(...Array.from({ length: one.count }, (_, index) => last - one.count + 1 + index))
          } else if (one.kind === 'restart') {
            incarnation += '+'
            written = []
            restart(incarnation, 3)
            apply()
            catchUp()
          } else if (one.kind === 'reconnect') {
            watching.close()
            watching = all(feed, known)
          } else {
            try {
              for (const event of watching.take(one.beat ? 1 : undefined)) hear(event)
            } catch (fault) {
              expect(fault).toMatchObject({ code: 'overloaded' })
              watching.close()
              watching = all(feed, known)
            }
          }
        }
      }),
    )
  })
})
