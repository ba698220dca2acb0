/** Many deadlines over one timer end in their order, each in its moment, and hold nobody when there is none left. */
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Deadlines, type Due } from '../../../src/client/asking/deadlines.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const STEP_MS = 10

class Ending implements Due {
  place = -1
  number = 0
  readonly name: number
  readonly dueAtMs: number
  readonly #ended: (ending: Ending) => void

  constructor(name: number, dueAtMs: number, ended: (ending: Ending) => void) {
    this.name = name
    this.dueAtMs = dueAtMs
    this.#ended = ended
  }

  overdue(): void {
    this.#ended(this)
  }
}

it('ends what is overdue and nothing else, the earliest first and those of one moment as they were added', () => {
  const step = fc.oneof(
    // Many at a time, and many of one moment.
    { weight: 8, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 3, arbitrary: fc.record({ remove: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 6 }) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const clock = new ManualClock()
      const deadlines = new Deadlines<Ending>(clock)
      const ended: [name: number, atMs: number][] = []
      const kept: Ending[] = []
      const expected: [name: number, atMs: number][] = []
      for (const [name, one] of steps.entries()) {
        if ('add' in one) {
          const ending = new Ending(name, clock.monotonicMs() + one.add * STEP_MS, (due) => ended.push([due.name, clock.monotonicMs()]))
          kept.push(ending)
          deadlines.add(ending)
        } else if ('remove' in one) {
          const [removed] = kept.splice(one.remove % Math.max(1, kept.length), 1)
          if (removed === undefined) continue
          deadlines.remove(removed)
          // What is not kept any more may be removed again.
          deadlines.remove(removed)
        } else {
          clock.advance(one.pass * STEP_MS)
          const over = kept.filter(({ dueAtMs }) => dueAtMs <= clock.monotonicMs())
          // Sorting keeps the order of those that are equal.
          for (const { name: overdue, dueAtMs } of over.toSorted((a, b) => a.dueAtMs - b.dueAtMs)) expected.push([overdue, dueAtMs])
          for (const ending of over) kept.splice(kept.indexOf(ending), 1)
        }
        if (deadlines.size !== kept.length || clock.waiting > Math.min(1, kept.length))
          throw new Error('more or less is kept than was added')
      }
      expect(ended).toEqual(expected)
      expect(deadlines.all().map(({ name }) => name)).toEqual(kept.map(({ name }) => name))
    }),
  )
})

it('one that is added while others end has its whole time', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines<Ending>(clock)
  const ended: number[] = []
  const later = new Ending(2, clock.monotonicMs() + 2 * STEP_MS, ({ name }) => ended.push(name))
  deadlines.add(
    new Ending(1, clock.monotonicMs() + STEP_MS, ({ name }) => {
      ended.push(name)
      deadlines.add(later)
    }),
  )
  clock.advance(STEP_MS)
  expect(ended).toEqual([1])
  clock.advance(STEP_MS)
  expect(ended).toEqual([1, 2])
  expect(clock.waiting).toBe(0)
})
