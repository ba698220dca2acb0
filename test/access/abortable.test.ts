/** Waiting no longer than a caller does: what comes of the work, of its faults, and of a caller who has gone. */
import { getEventListeners } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { abortable } from '../../src/access/abortable.ts'
import { ServiceError } from '../../src/model/error-code.ts'

const later = async <T>(value: T): Promise<T> => {
  await turn()
  return value
}
const failing = async (): Promise<never> => {
  await turn()
  throw new RangeError('of the work')
}

describe('work that somebody waits for', () => {
  it.each([
    ['without a signal', undefined],
    ['with a signal', new AbortController().signal],
  ] as const)('gives its value or its own fault %s, and leaves nothing on the signal', async (_, signal) => {
    expect(await abortable(later('value'), signal)).toBe('value')
    await expect(abortable(failing(), signal)).rejects.toThrow(RangeError)
    if (signal !== undefined) expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it.each([
    ['cancelled', undefined, 'cancelled'],
    ['over its time', new DOMException('late', 'TimeoutError'), 'deadline_exceeded'],
    ['told why', new ServiceError('overloaded', 'Too much.'), 'overloaded'],
  ])('is left at once by a caller who is %s, also before it began, and may fail unheard then', async (_, reason, code) => {
    for (const before of [true, false]) {
      const gone = new AbortController()
      if (before) gone.abort(reason)
      const waiting = abortable(failing(), gone.signal)
      if (!before) gone.abort(reason)
      await expect(waiting).rejects.toMatchObject({ name: 'ServiceError', code })
      expect(getEventListeners(gone.signal, 'abort').length).toBeLessThanOrEqual(before ? 0 : 1)
      // A fault that nobody heard would end the process here.
      await turn()
      await turn()
      expect(getEventListeners(gone.signal, 'abort')).toEqual([])
    }
  })
})
