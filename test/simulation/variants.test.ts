/** What the simulation is worth: with one thing broken, the same search finds a broken promise. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { RUNS, search } from './search.ts'
import { VARIANTS } from './variants.ts'

const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

describe('the simulation finds out', () => {
  it.each(VARIANTS.map((variant) => [variant.name, variant] as const))(
    '%s',
    async (_, variant) => {
      const found = await search(variant)
      expect(found?.violations.length).toBeGreaterThan(0)
    },
    60_000 + 60 * RUNS,
  )
})
