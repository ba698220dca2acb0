/** Calls that share a signal, as all calls of one request do. */
import { getMaxListeners, setMaxListeners } from 'node:events'
import { expect, it } from '@jest/globals'
import { CallTurn } from '../../../src/client/asking/call-turn.ts'
import { systemClock } from '../../../src/ground/clock.ts'

it('takes many calls with one signal without being taken for a leak, and leaves a bound that somebody set', () => {
  const request = new AbortController()
  const turns = Array.from({ length: 50 }, () => new CallTurn(systemClock, 60_000, request.signal))
  // Beyond it Node warns on standard error, which is the application's.
  expect(getMaxListeners(request.signal)).toBeGreaterThan(turns.length)
  for (const turn of turns) turn.done()

  const own = new AbortController()
  setMaxListeners(25, own.signal)
  new CallTurn(systemClock, 60_000, own.signal).done()
  expect(getMaxListeners(own.signal)).toBe(25)
})
