import { describe, expect, it } from '@jest/globals'
import { type Attempt, Breaker } from '../../src/cache/breaker.ts'
import { ManualClock } from '../support/manual-clock.ts'

function openBreaker() {
  const clock = new ManualClock()
  const changes: boolean[] = []
  const breaker = new Breaker({ clock, failuresMax: 3, breakMs: 1_000, changed: (open) => changes.push(open) })
  const begin = (): Attempt => {
    const attempt = breaker.begin()
    if (attempt === undefined) throw new Error('no attempt')
    return attempt
  }
  const fail = (times: number) => {
    for (let time = 0; time < times; time++) begin().failed()
  }
  return { clock, changes, breaker, begin, fail }
}

describe('a breaker', () => {
  it('opens after failures in a row, and not when one success lies between', () => {
    const { breaker, begin, fail, changes } = openBreaker()
    fail(2)
    begin().succeeded()
    fail(2)
    expect([breaker.open, changes]).toEqual([false, []])
    fail(1)
    expect([breaker.open, changes]).toEqual([true, [true]])
  })

  it('lets nothing through while it is open, then one trial and no second one beside it', () => {
    const { breaker, clock, fail } = openBreaker()
    fail(3)
    clock.advance(999)
    expect(breaker.begin()).toBeUndefined()
    clock.advance(1)
    expect(breaker.begin()).toBeDefined()
    expect(breaker.begin()).toBeUndefined()
    clock.advance(60_000)
    expect(breaker.begin()).toBeUndefined()
  })

  it('stays open for its time again when the trial fails, and tells of it once', () => {
    const { breaker, clock, begin, fail, changes } = openBreaker()
    fail(3)
    for (let trial = 0; trial < 3; trial++) {
      clock.advance(1_000)
      begin().failed()
      clock.advance(999)
      expect(breaker.begin()).toBeUndefined()
      clock.advance(1)
    }
    expect(changes).toEqual([true])
  })

  it('closes when the trial succeeds, and has forgotten the failures before', () => {
    const { breaker, clock, begin, fail, changes } = openBreaker()
    fail(3)
    clock.advance(1_000)
    begin().succeeded()
    fail(2)
    expect([breaker.open, changes]).toEqual([false, [true, false]])
  })

  it('is not moved by attempts that began before it opened or closed', () => {
    const { breaker, clock, begin, fail, changes } = openBreaker()
    const old = [begin(), begin(), begin(), begin()]
    fail(3)
    old[0]?.succeeded()
    expect(breaker.open).toBe(true)
    clock.advance(1_000)
    const trial = begin()
    old[1]?.failed()
    expect(breaker.begin()).toBeUndefined()
    trial.succeeded()
    for (const late of old) late.failed()
    expect([breaker.open, changes]).toEqual([false, [true, false]])
  })
})
