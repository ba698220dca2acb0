import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Knowledge } from '../../src/access/knowledge.ts'
import { LastChanges } from '../../src/access/last-changes.ts'
import { FRESHNESS_BOUND_MS, SUSPENSION_MS_MAX } from '../../src/model/limits.ts'
import type { FeedChange } from '../../src/store/ports.ts'
import { HOSTILE_IDS } from '../support/ids.ts'

/** A wall clock that nobody moves runs behind the monotonic one, which is harmless. */
const WALL = { nowMs: () => 0 }
const at = (position: number, change: FeedChange) => ({ ...change, position, atMs: 0 })

describe('what a replica knows', () => {
  it('refuses everything before it has begun: no entry is as new as nothing', () => {
    const knowledge = new Knowledge(10, WALL)
    expect(knowledge.isFresh(0)).toBe(false)
    expect(knowledge.known).toBeUndefined()
    expect(knowledge.lastChange('t', 'u')).toBe(Number.MAX_SAFE_INTEGER)
    expect(knowledge.lastCallerChange()).toBe(Number.MAX_SAFE_INTEGER)
    expect(knowledge.latestDatabaseMs(0)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is fresh for less than the bound, counted from when the reading was sent', () => {
    const knowledge = new Knowledge(10, WALL)
    knowledge.restart('one', 5)
    expect(knowledge.isFresh(0)).toBe(false)
    knowledge.catchUp({ sent: { monotonicMs: 1_000, wallMs: 0 }, atMs: 77_000 })
    expect(knowledge.isFresh(1_000 + FRESHNESS_BOUND_MS - 1)).toBe(true)
    expect(knowledge.isFresh(1_000 + FRESHNESS_BOUND_MS)).toBe(false)
    expect(knowledge.ageMs(1_250)).toBe(250)
  })

  it('is not fresh when the machine was suspended, which the wall clock shows and the monotonic one does not', () => {
    let wallMs = 50_000
    const knowledge = new Knowledge(10, { nowMs: () => wallMs })
    knowledge.restart('one', 5)
    knowledge.catchUp({ sent: { monotonicMs: 1_000, wallMs: 50_000 }, atMs: 77_000 })
    wallMs = 50_200 + SUSPENSION_MS_MAX
    expect(knowledge.isFresh(1_200)).toBe(true)
    wallMs += 1
    expect(knowledge.isFresh(1_200)).toBe(false)
    knowledge.catchUp({ sent: { monotonicMs: 1_201, wallMs: wallMs }, atMs: 77_500 })
    expect(knowledge.isFresh(1_201)).toBe(true)
  })

  it('takes the database for as late as it can be: the reading may have run the moment it was sent, and its clock be the faster one', () => {
    const knowledge = new Knowledge(10, WALL)
    knowledge.restart('one', 5)
    knowledge.catchUp({ sent: { monotonicMs: 1_000, wallMs: 0 }, atMs: 77_000 })
    expect(knowledge.latestDatabaseMs(1_300)).toBe(77_304)
  })

  it('knows the last change of a pair by its user and by its tenant, and not before the floor', () => {
    const knowledge = new Knowledge(10, WALL)
    knowledge.restart('one', 5)
    knowledge.note(at(6, { kind: 'user', user: 'ann' }))
    knowledge.note(at(7, { kind: 'tenant', tenant: 'north' }))
    knowledge.note(at(8, { kind: 'assignment', tenant: 'south', user: 'bob' }))
    knowledge.note(at(9, { kind: 'policy', revision: 'r' }))
    expect(knowledge.lastChange('south', 'ann')).toBe(6)
    expect(knowledge.lastChange('north', 'ann')).toBe(7)
    expect(knowledge.lastChange('north', 'bob')).toBe(8)
    expect(knowledge.lastChange('east', 'cleo')).toBe(5)
  })

  it('forgets all of it when it begins anew, and is not fresh then', () => {
    const knowledge = new Knowledge(10, WALL)
    knowledge.restart('one', 5)
    knowledge.note(at(6, { kind: 'user', user: 'ann' }))
    knowledge.catchUp({ sent: { monotonicMs: 0, wallMs: 0 }, atMs: 0 })
    knowledge.restart('two', 3)
    expect(knowledge).toMatchObject({ incarnation: 'two', known: 3 })
    expect(knowledge.lastChange('north', 'ann')).toBe(3)
    expect(knowledge.isFresh(1)).toBe(false)
  })

  it('never takes an id for less changed than it was, however little it may remember', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...HOSTILE_IDS), { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (ids, keptMax) => {
        const changes = new LastChanges(keptMax)
        const truth = new Map<string, number>()
        ids.forEach((id, index) => {
          changes.note(id, index + 1)
          truth.set(id, index + 1)
        })
        for (const [id, position] of truth) {
          const told = changes.of(id)
          expect(told === position || (told === 0 && changes.forgotten >= position)).toBe(true)
        }
      }),
    )
  })

  it('raises the floor to what it forgot, so that what it cannot judge is refused', () => {
    const knowledge = new Knowledge(4, WALL)
    knowledge.restart('one', 0)
    for (let position = 1; position <= 5; position++) knowledge.note(at(position, { kind: 'user', user: `user-${position}` }))
    expect(knowledge.lastChange('north', 'nobody')).toBe(3)
    expect(knowledge.lastChange('north', 'user-5')).toBe(5)
  })
})
