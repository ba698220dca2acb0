/** Costly work has one caller at a time, and nobody keeps the turn by doing nothing. */
import { describe, expect, it } from '@jest/globals'
import { OneAtATime } from '../../src/access/one-at-a-time.ts'

const NEVER = new AbortController().signal
async function* count(signal: AbortSignal): AsyncGenerator<number, void, undefined> {
  for (let number = 1; ; number++) {
    signal.throwIfAborted()
    yield number
  }
}

describe('work that one caller at a time has done', () => {
  it('is refused to others until it is done, also when it fails', async () => {
    const turn = new OneAtATime('Another one is at work.', 3)
    let fail = (_: Error): void => undefined
    const first = turn.run(
      () =>
        new Promise<void>((_, reject) => {
          fail = reject
        }),
    )
    await expect(turn.run(async () => 1)).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterSeconds: 3,
      publicMessage: 'Another one is at work.',
    })
    fail(new Error('failed'))
    await expect(first).rejects.toThrow('failed')
    expect(await turn.run(async () => 1)).toBe(1)
  })

  it('is given up when nobody reads on, and what was begun ends with an error, never as if it were whole', async () => {
    const turn = new OneAtATime('Another one is at work.', 3)
    const stream = turn.stream(count, NEVER, 20)
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    await expect(turn.stream(count, NEVER, 20).next()).rejects.toMatchObject({ code: 'overloaded' })
    let next: IteratorResult<number, void> | undefined
    while (next === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      next = await turn
        .stream(count, NEVER, 20)
        .next()
        .catch(() => undefined)
    }
    await expect(stream.next()).rejects.toMatchObject({ code: 'deadline_exceeded' })
  })

  it('does not lose its turn while it is read, and gives it back when its reader stops', async () => {
    const turn = new OneAtATime('Another one is at work.', 3)
    let taken = 0
    for await (const number of turn.stream(count, NEVER, 60_000)) {
      taken = number
      if (number === 1_000) break
    }
    expect(taken).toBe(1_000)
    expect(await turn.run(async () => 'free')).toBe('free')
  })
})
