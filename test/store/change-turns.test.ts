import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { ChangeTurns } from '../../src/store/change-turns.ts'

/** Work that ends when it is told to. */
function held() {
  let end: () => void = () => undefined
  const work = new Promise<void>((resolve) => {
    end = resolve
  })
  return { work, end: () => end() }
}

describe('turns of changes', () => {
  it('never run more at once than allowed, and run in the order of asking', async () => {
    const turns = new ChangeTurns(2, 60_000)
    const works = [held(), held(), held(), held()]
    const begun: number[] = []
    const ended = works.map((each, index) =>
      turns.run(async () => {
        begun.push(index)
        await each.work
      }),
    )
    await turn()
    expect(begun).toEqual([0, 1])
    works[1]?.end()
    await turn()
    expect(begun).toEqual([0, 1, 2])
    for (const each of works) each.end()
    await Promise.all(ended)
    expect(begun).toEqual([0, 1, 2, 3])
  })

  it('refuse what waited too long without beginning it, and lose no place by it: the store is at fault when nothing moves', async () => {
    const turns = new ChangeTurns(1, 1)
    const first = held()
    const running = turns.run(() => first.work)
    let begun = false
    const late = turns.run(async () => {
      begun = true
    })
    await expect(late).rejects.toMatchObject({ code: 'store_unavailable', retryAfterSeconds: 1 })
    first.end()
    await running
    expect(begun).toBe(false)
    expect(await turns.run(async () => 'next')).toBe('next')
  })

  it('refuse as overloaded what waited too long in a queue that moves', async () => {
    const turns = new ChangeTurns(1, 50)
    const [first, second] = [held(), held()]
    const running = turns.run(() => first.work)
    const next = turns.run(() => second.work)
    const late = turns.run(async () => undefined)
    first.end()
    await expect(late).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 })
    second.end()
    await Promise.all([running, next])
  })

  it('give the place back when the work fails', async () => {
    const turns = new ChangeTurns(1, 60_000)
    await expect(turns.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await turns.run(async () => 'next')).toBe('next')
  })
})
