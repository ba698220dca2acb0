import { beforeEach, describe, expect, it } from '@jest/globals'
import { type Acknowledgement, openAcknowledgement } from '../../src/access/acknowledge.ts'
import { Silences } from '../../src/access/tidy.ts'
import { FRESHNESS_BOUND_MS, FRESHNESS_MARGIN_MS, REPLICA_SILENCE_MS_MAX } from '../../src/model/limits.ts'
import type { ReplicaRecord } from '../../src/store/ports.ts'
import { ManualClock } from '../support/manual-clock.ts'

const replica = (id: string, knownPosition: number | null, beat = 1): ReplicaRecord => ({
  id,
  beat,
  knownPosition,
  policyRevision: null,
  policySinceMs: null,
  preparedRevision: null,
  startedAtMs: 0,
  seenAtMs: 0,
})

let clock: ManualClock
let rows: readonly ReplicaRecord[]
let failing: boolean
let rings: string[]
let seconds: number[]
let acknowledgement: Acknowledgement

beforeEach(() => {
  clock = new ManualClock()
  rows = [replica('own', 7), replica('other', 7)]
  failing = false
  rings = []
  seconds = []
  acknowledgement = openAcknowledgement({
    registry: {
      list: async () => {
        if (failing) throw new Error('away')
        return rows
      },
      remove: async () => undefined,
    },
    ownId: 'own',
    doorbell: { ring: () => void rings.push('all'), onRing: () => undefined },
    ring: () => void rings.push('own'),
    clock,
    observe: { effective: (value) => void seconds.push(value) },
  })
})

/** How long a wait for `position` took, on the clock. */
async function waited(position: number, during: (afterMs: number) => void = () => undefined): Promise<number> {
  const sinceMs = clock.monotonicMs()
  let endedMs: number | undefined
  void acknowledgement.effective(position).then(() => {
    endedMs = clock.monotonicMs()
  })
  for (let afterMs = 0; endedMs === undefined && afterMs < 10_000; afterMs++) {
    during(afterMs)
    await clock.pass(1)
  }
  return (endedMs ?? Number.POSITIVE_INFINITY) - sinceMs
}
const ALL = FRESHNESS_BOUND_MS + FRESHNESS_MARGIN_MS

describe('acknowledging a change', () => {
  it('wakes every replica, and this one without the doorbell', () => {
    acknowledgement.announce()
    expect(rings).toEqual(['all', 'own'])
  })

  it('waits for nobody when all have reported it', async () => {
    expect(await waited(7)).toBe(0)
  })

  it('waits until the last replica has reported it', async () => {
    const took = await waited(8, (afterMs) => {
      if (afterMs === 100) rows = [replica('own', 8), replica('other', 7)]
      if (afterMs === 300) rows = [replica('own', 9), replica('other', 8)]
    })
    expect(took).toBeGreaterThanOrEqual(300)
    expect(took).toBeLessThan(400)
    expect(seconds).toEqual([took / 1_000])
  })

  it('waits the whole freshness bound for one that says nothing, and for one that knows nothing yet, and no longer', async () => {
    rows = [replica('own', 8), replica('other', 7)]
    expect(await waited(8)).toBe(ALL)
    rows = [replica('own', 8), replica('starting', null)]
    expect(await waited(8)).toBe(ALL)
  })

  it('does not take silence for consent: neither a database that is away, nor a list without ourselves', async () => {
    failing = true
    expect(await waited(7)).toBe(ALL)
    failing = false
    rows = []
    expect(await waited(7)).toBe(ALL)
    rows = [replica('other', 9)]
    expect(await waited(7)).toBe(ALL)
  })

  it('tells which replicas are not there yet when the time for them is over', async () => {
    const missing = acknowledgement.waitForReplicas(({ id }) => id === 'own', 500)
    await clock.pass(500)
    expect((await missing).map(({ id }) => id)).toEqual(['other'])
  })
})

describe('the dead', () => {
  it('are those whose beat stood still on our own clock; one that beat in between lives', async () => {
    const removed: [string, number][] = []
    let listed = [replica('dead', 1, 5), replica('alive', 1, 5)]
    const silences = new Silences({
      list: async () => listed,
      remove: async (id, beat) => void removed.push([id, beat]),
    })
    expect(await silences.removeDead(0)).toEqual([])
    listed = [replica('dead', 1, 5), replica('alive', 1, 6)]
    expect(await silences.removeDead(REPLICA_SILENCE_MS_MAX)).toEqual([])
    expect(await silences.removeDead(REPLICA_SILENCE_MS_MAX + 1)).toEqual(['dead'])
    expect(removed).toEqual([['dead', 5]])
    listed = [replica('alive', 1, 6)]
    expect(await silences.removeDead(2 * REPLICA_SILENCE_MS_MAX)).toEqual([])
    expect(await silences.removeDead(2 * REPLICA_SILENCE_MS_MAX + 1)).toEqual(['alive'])
  })
})
