/** What growth costs is told as a part of a request, and what is quicker is no growth. */
import { expect, it } from '@jest/globals'
import { growthPercent } from '../../bench/workloads/growth.ts'

it('a check that costs more than at first makes a request dearer by that much of it, and one that costs less by nothing', () => {
  expect(growthPercent(1_000, 3_000, 20)).toBe(10)
  expect(growthPercent(1_000, 1_000, 20)).toBe(0)
  expect(growthPercent(3_000, 1_000, 20)).toBe(0)
  expect(growthPercent(1_000, Number.NaN, 20)).toBeNaN()
})
