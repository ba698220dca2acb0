/** Looks for a schedule that breaks what was promised, and tells of one that was found so that a person can read it. */
import fc from 'fast-check'
import { judge, type Violation } from './checker.ts'
import { schedules } from './draw.ts'
import type { Schedule } from './schedule.ts'
import type { Variant } from './variants.ts'
import { type Run, runWorld } from './world/world.ts'

/** `SIMULATION_RUNS`: schedules tried. */
export const RUNS = Number(process.env['SIMULATION_RUNS'] ?? 10_000)
/** The same schedules each time, unless `SIMULATION_SEED` says which: a number, or `random`. */
const SEED = process.env['SIMULATION_SEED'] ?? '1'
/** `SIMULATION_PATH`: leads to one schedule of a seed, as a failure names it. */
const PATH = process.env['SIMULATION_PATH']

export interface Found {
  readonly violations: readonly Violation[]
  /** The schedule without what is not needed, its history, and how to see it again. */
  readonly text: string
}

/** @param seen is shown every run that broke nothing. @returns the first schedule that breaks a promise */
export async function search(variant: Variant | undefined, seen: (run: Run) => void = () => undefined): Promise<Found | undefined> {
  let breaking: Schedule | undefined
  const details = await fc.check(
    fc.asyncProperty(schedules, async (schedule) => {
      const run = await runWorld(schedule, variant)
      if (judge(run).length === 0) seen(run)
      else breaking = schedule
      return breaking === undefined
    }),
    {
      numRuns: RUNS,
      // It is made small by taking steps away, which fast-check does not see.
      endOnFailure: true,
      ...(SEED === 'random' ? {} : { seed: Number(SEED) }),
      ...(PATH === undefined ? {} : { path: PATH }),
    },
  )
  if (breaking === undefined) {
    if (details.failed) throw details.errorInstance
    return undefined
  }
  const found = await describe(await reduce(breaking, variant), variant)
  return { ...found, text: `SIMULATION_SEED=${details.seed} SIMULATION_PATH=${details.counterexamplePath}\n${found.text}` }
}

/** Without each step, and each peculiarity, that the violation does not need. */
export async function reduce(schedule: Schedule, variant: Variant | undefined): Promise<Schedule> {
  const breaks = async (smaller: Schedule) => judge(await runWorld(smaller, variant)).length > 0
  let smallest = schedule
  for (const peculiarity of [{ heals: false }, { replicas: 2 }, { redis: false }, { drifts: [0] }] as const) {
    const smaller = { ...smallest, ...peculiarity }
    if (await breaks(smaller)) smallest = smaller
  }
  for (let index = smallest.steps.length - 1; index >= 0; index--) {
    const { afterMs = 0 } = smallest.steps[index] ?? {}
    const steps = smallest.steps.flatMap((step, at) => {
      if (at === index) return []
      return at === index + 1 ? [{ ...step, afterMs: step.afterMs + afterMs }] : [step]
    })
    if (await breaks({ ...smallest, steps })) smallest = { ...smallest, steps }
  }
  return smallest
}

export async function describe(schedule: Schedule, variant: Variant | undefined): Promise<Found> {
  const run = await runWorld(schedule, variant, true)
  const violations = judge(run)
  const told = violations.map(({ rule, check, text }) => `${rule} is broken by check ${check.number}: ${text}`)
  const { steps, ...rest } = schedule
  return { violations, text: [JSON.stringify(rest), ...run.told, ...told].join('\n') }
}
