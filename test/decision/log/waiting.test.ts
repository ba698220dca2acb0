/** What waits leaves in order of time, and what matters less can be pushed out: as a plain list does it, at a constant cost. */
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Waiting } from '../../../src/decision/log/waiting.ts'

interface Item {
  readonly id: number
  readonly less: boolean
}

/** As an expectation is, at less cost. */
function same(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
}

it('is what a plain list would be, whatever comes and goes', () => {
  const step = fc.record({
    act: fc.constantFrom('push', 'take', 'push out', 'next'),
    count: fc.integer({ min: 1, max: 700 }),
    less: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const waiting = new Waiting<Item>((item) => item.less)
      const plain: Item[] = []
      let id = 0
      for (const { act, count, less } of steps)
        for (let index = 0; index < count; index += 1) {
          if (act === 'push') {
            const item = { id: id++, less: less && id % 3 > 0 }
            waiting.push(item)
            plain.push(item)
          } else if (act === 'take') same(waiting.take(), plain.shift())
          else if (act === 'push out') {
            const at = plain.findIndex((item) => item.less)
            same(waiting.pushOut(), at === -1 ? undefined : plain.splice(at, 1)[0])
          } else same(waiting.next, plain[0])
          same(waiting.size, plain.length)
        }
    }),
    { numRuns: 40 },
  )
})

it('looks at no item twice for what matters less, and keeps no place for what went', () => {
  let looks = 0
  const waiting = new Waiting<Item>((item) => {
    looks += 1
    return item.less
  })
  const count = 20_000
  for (let id = 0; id < count; id += 1) waiting.push({ id, less: false })
  for (let id = 0; id < 3 * count; id += 1) {
    waiting.push({ id: count + id, less: true })
    same(waiting.pushOut()?.id, count + id)
  }
  expect(looks).toBe(4 * count)
})

it('tells once of each that stays where others were pushed out, and of nobody else', () => {
  const passedOver: number[] = []
  const waiting = new Waiting<Item>(
    (item) => item.less,
    ({ id }) => void passedOver.push(id),
  )
  for (let id = 0; id < 10; id += 1) waiting.push({ id, less: id % 3 === 2 })
  same(waiting.pushOut()?.id, 2)
  same(waiting.pushOut()?.id, 5)
  expect(passedOver).toEqual([0, 1, 3, 4])
  same(waiting.pushOut()?.id, 8)
  same(waiting.pushOut(), undefined)
  same(waiting.pushOut(), undefined)
  expect(passedOver).toEqual([0, 1, 3, 4, 6, 7, 9])
})
