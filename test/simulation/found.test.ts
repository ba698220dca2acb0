/** Schedules that broke a promise once, each with what was wrong. Made small, and less dependent on chance than they were found. */
import { describe, expect, it } from '@jest/globals'
import { judge } from './checker.ts'
import { asked, CALM_MS, changed, disturbed, granted, RESTORE_MS_MIN, step } from './patterns.ts'
import type { Action, Schedule, Step, What } from './schedule.ts'
import { runWorld } from './world/world.ts'

/** The first two replicas, and two pairs that have nothing to do with each other. */
const [READER, WRITER] = [0, 1]
const [PAIR, OTHER] = [0, 4]
const REVOKED: What = { kind: 'revoke' }
const WAY_MS = 0.5
/** Comes back without its last version, and nothing tells. */
const RESTORED: Action = { kind: 'restore', back: 1, snapshot: true, forMs: RESTORE_MS_MIN }

/** Changed, and nobody is asked about it at once. */
const quietly = (what: What, wait = false): Action => ({ ...changed(WRITER, PAIR, what, wait), hammer: false, holdMs: 0 })

/** @returns what was broken, in words: nothing */
async function broken(steps: readonly Step[], drifts: readonly number[] = [0]): Promise<string[]> {
  const schedule: Schedule = { replicas: 2, redis: false, travelMs: [WAY_MS, WAY_MS], drifts, seed: 1, heals: false, steps }
  const run = await runWorld(schedule, undefined, true)
  expect(run.checks.filter(({ ended }) => ended !== undefined && 'verdict' in ended.answer).length).toBeGreaterThan(0)
  return judge(run).map(({ rule, text, check }) => [`${rule} is broken by check ${check.number}: ${text}`, ...run.told].join('\n'))
}

describe('policy and rows', () => {
  it('are of one version: rows that were read before a change do not meet a policy that was activated after it', async () => {
    const steps = [
      step(0, disturbed(READER, 'resolve', 'back', 40)),
      step(0, asked(READER, PAIR)),
      step(5, changed(WRITER, PAIR, REVOKED)),
      step(10, changed(WRITER, PAIR, { kind: 'activate', revision: 1 })),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('are not joined after waiting for the policy longer than rows are good for', async () => {
    const steps = [
      step(0, disturbed(READER, 'policy', 'out', 1_500)),
      step(0, disturbed(READER, 'ring', 'out', null, 9)),
      step(0, quietly({ kind: 'activate', revision: 1 })),
      step(3, asked(READER, PAIR)),
      step(100, quietly(REVOKED)),
      step(2_000, asked(READER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('are both of the restored database: a policy that was taken back decides nothing', async () => {
    const steps = [
      step(0, changed(WRITER, PAIR, { kind: 'activate', revision: 1 })),
      step(50, RESTORED),
      step(RESTORE_MS_MIN, asked(READER, PAIR)),
      step(0, asked(WRITER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })
})

describe('what a restore took back', () => {
  it('is not kept by who saw it in the rows and never in the feed', async () => {
    const steps = [
      step(0, quietly(REVOKED)),
      // On its way while the change is committed, and back before anybody has read of it.
      step(WAY_MS / 2, asked(READER, PAIR)),
      step(2 * WAY_MS + WAY_MS / 4, RESTORED),
      step(RESTORE_MS_MIN + 300, asked(READER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('is not told by who had asked before and is answered after', async () => {
    const steps = [
      step(0, quietly({ kind: 'suspend' }, true)),
      step(50, disturbed(READER, 'resolve', 'back', RESTORE_MS_MIN + CALM_MS + 100)),
      step(0, asked(READER, PAIR)),
      step(5, RESTORED),
      step(RESTORE_MS_MIN + CALM_MS + 5, changed(WRITER, OTHER, granted(1))),
      step(30, changed(WRITER, OTHER, REVOKED)),
      step(200, asked(READER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('is not told by who is answered after, when nobody ever read of it and another change took its position', async () => {
    const steps = [
      step(0, disturbed(READER, 'resolve', 'back', RESTORE_MS_MIN + CALM_MS + 100)),
      step(0, quietly(REVOKED)),
      step(WAY_MS / 2, asked(READER, PAIR)),
      step(2 * WAY_MS + WAY_MS / 4, RESTORED),
      step(RESTORE_MS_MIN + CALM_MS + 5, changed(WRITER, OTHER, granted(1))),
      step(200, asked(READER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('is not told in a batch of which the last answer comes after', async () => {
    const steps = [
      step(0, changed(WRITER, PAIR, REVOKED)),
      step(50, asked(READER, PAIR)),
      step(50, disturbed(READER, 'resolve', 'back', RESTORE_MS_MIN + CALM_MS + 100)),
      step(0, asked(READER, PAIR, { batch: true })),
      step(5, RESTORED),
      step(RESTORE_MS_MIN + CALM_MS + 5, changed(WRITER, OTHER, granted(1))),
      step(30, changed(WRITER, OTHER, REVOKED)),
      step(200, asked(READER, OTHER)),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('is not kept by who slept until the feed had lost what would have told', async () => {
    const steps = [
      step(0, disturbed(WRITER, 'feed', 'out', 900, 3)),
      step(0, quietly(REVOKED)),
      step(10, asked(READER, PAIR)),
      step(5, { kind: 'pause', replica: READER, forMs: RESTORE_MS_MIN + CALM_MS + 500 }),
      step(1, RESTORED),
      step(RESTORE_MS_MIN + CALM_MS + 100, changed(WRITER, OTHER, granted(1), false)),
      step(50, changed(WRITER, OTHER, REVOKED, false)),
      step(50, { kind: 'prune' }),
      step(600, asked(READER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })

  it('is not reached by who asks for its position', async () => {
    const steps = [
      step(0, changed(WRITER, PAIR, { kind: 'suspend' }, false)),
      step(50, disturbed(READER, 'resolve', 'out', RESTORE_MS_MIN + 50)),
      step(0, asked(READER, PAIR + 1, { least: 'told' })),
      step(5, RESTORED),
      step(RESTORE_MS_MIN + 200, asked(WRITER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })
})

describe('clocks', () => {
  it.each([0, 900])('that run slower than the database’s do not move the edge of a window (begins after %i ms)', async (startsInMs) => {
    const steps = [
      step(0, changed(WRITER, PAIR, REVOKED)),
      step(300, changed(WRITER, PAIR, granted(0, startsInMs, 900), false)),
      step(20, asked(READER, PAIR)),
      step(1, disturbed(READER, 'feed', 'out', 1_300, 3)),
      ...[870, ...Array.from({ length: 20 }, () => 1)].map((ms) => step(ms, asked(READER, PAIR))),
    ]
    expect(await broken(steps, [-4, 0])).toEqual([])
  })

  it('that stand still while a machine is suspended do not make what it was told before recent', async () => {
    const steps = [
      step(0, disturbed(READER, 'resolve', 'back', 20)),
      step(0, asked(READER, PAIR)),
      step(5, { kind: 'suspend', replica: READER, forMs: 1_500 }),
      step(50, changed(WRITER, PAIR, REVOKED)),
      step(1_600, asked(READER, PAIR)),
    ]
    expect(await broken(steps)).toEqual([])
  })
})
