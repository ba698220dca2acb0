/**
 * What freshness promises (F1 to F3), on the real parts of src/access and src/decision in a simulated world: clocks, network, PostgreSQL and
 * Redis are arguments, and chance decides what is late, lost, stopped, restored or brought back.
 *
 *   SIMULATION_RUNS=100000 SIMULATION_SEED=random npm run jest -- test/simulation/freshness.test.ts
 *
 * A failure names SIMULATION_SEED and SIMULATION_PATH, which lead to the same schedule again.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { schedules } from './draw.ts'
import { RUNS } from './search.ts'
import { runWorld } from './world/world.ts'

const TIMEOUT_MS = 60_000 + 60 * RUNS

it(
  'no answer is from before what was acknowledged, older than the bound or the position asked for, or of a state that never was',
  async () => {
    const { found, counts } = await searched()
    if (found !== null) throw new Error(found)
    if (process.env['SIMULATION_PATH'] !== undefined) return

    // A promise is easily kept where nothing happens, or where nothing is answered.
    const often = ['memory', 'redis', 'store', 'outdated', 'acknowledged', 'ROLE', 'TEMPORARY_GRANT', 'NO_ASSIGNMENT', 'ASSIGNMENT_EXPIRED']
    const faults = ['restored', 'buried', 'refused', 'reading failed', 'change not answered', 'disturbed', 'position_not_reached']
    for (const what of [...often, ...faults]) expect([what, (counts[what] ?? 0) / RUNS > 0.01]).toEqual([what, true])
    expect(counts['store_unavailable'] ?? 0).toBeLessThan(0.1 * (counts['answered'] ?? 0))
  },
  TIMEOUT_MS,
)

async function searched(): Promise<{ readonly found: string | null; readonly counts: Readonly<Record<string, number>> }> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const args = ['--import', './test/chaos/typescript.mjs', 'test/simulation/run.ts']
  const { NODE_OPTIONS: _, ...environment } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env: environment, maxBuffer: 100_000_000 })
  return JSON.parse(stdout)
}

it('makes the same history of the same schedule, to the last instant', async () => {
  for (const schedule of fc.sample(schedules, { numRuns: 100, seed: 1 })) {
    const [one, other] = [await runWorld(schedule, undefined, true), await runWorld(schedule, undefined, true)]
    expect(other.told).toEqual(one.told)
    expect(other.checks).toEqual(one.checks)
    expect(one.told.length).toBeGreaterThan(0)
  }
})
