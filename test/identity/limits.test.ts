/** Who is counted together, and that nobody can be read out of a counter. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { MemoryLimiter } from '../../src/cache/memory-limiter.ts'
import type { Limiter } from '../../src/cache/ports.ts'
import { LIMITS, networkOf, openLimits } from '../../src/identity/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { outcome } from './session/desk.ts'

function open() {
  const clock = new ManualClock()
  const counting = new MemoryLimiter({ clock })
  const keys: string[] = []
  let looks = 0
  const limiter: Limiter = {
    take: (key, limit) => {
      keys.push(key)
      return counting.take(key, limit)
    },
    look: (key, limit) => {
      looks++
      return counting.look(key, limit)
    },
  }
  const limits = openLimits({ limiter, key: Buffer.alloc(32, 7), observe: { limited: () => undefined } })
  return { limits, clock, keys, steps: () => keys.length + looks }
}

describe('a network', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['unknown', 'unknown'],
    ['1.2.3.4, 5.6.7.8', 'unknown'],
  ])('of %s is %s', (address, network) => expect(networkOf(address)).toBe(network))

  it('is the same for every address of a /64, in every spelling', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((part) => part.toString(16))
    fc.assert(
      fc.property(fc.array(group, { minLength: 4, maxLength: 4 }), fc.array(group, { minLength: 4, maxLength: 4 }), (head, tail) => {
        fc.pre(head.some((part) => part !== '0'))
        const padded = [...head, ...tail].map((part) => part.padStart(4, '0').toUpperCase()).join(':')
        return networkOf(padded) === networkOf(`${head.join(':')}::`) && networkOf(padded) === `${head.join(':')}::/64`
      }),
    )
  })
})

it('keeps no address, cookie or session in a counter', async () => {
  const { limits, keys } = open()
  await limits.start({ email: 'ann@hospital.example', binding: 'the-cookie', address: '192.0.2.7' })
  await limits.verify('192.0.2.7')
  await limits.code({ email: 'ann@hospital.example', address: '192.0.2.7' })
  await limits.refresh('the-session')
  await limits.clientAttempts.failed('192.0.2.7', 'reception')
  expect(keys).toHaveLength(9)
  for (const key of keys) expect(key).toMatch(/^[a-z-]+:[A-Za-z0-9_-]{43}$/)
  expect(new Set(keys).size).toBe(keys.length)
})

describe('a limit that nobody is told of', () => {
  const ann = { email: 'ann@hospital.example', address: '192.0.2.7' }
  const elsewhere = (nth: number) => `198.51.100.${nth}`

  it('is not used up by those whom a narrower one refuses', async () => {
    const { limits, clock } = open()
    const browser = { ...ann, binding: 'one' }
    for (let nth = 0; nth < LIMITS['start-network'].max; nth++) expect(await limits.start(browser)).toBe(nth === 0)
    clock.advance(LIMITS['start-network'].windowMs)
    // None of those counted against the network, nor against the address.
    for (let nth = 1; nth < LIMITS['start-sender'].max; nth++) expect(await limits.start({ ...ann, binding: `b${nth}` })).toBe(true)
    expect(await limits.start({ ...ann, binding: 'late' })).toBe(false)
    for (let nth = LIMITS['start-sender'].max; nth < LIMITS['start-email'].max; nth++)
      expect(await limits.start({ ...ann, binding: `b${nth}`, address: elsewhere(nth) })).toBe(true)
    expect(await limits.start({ ...ann, binding: 'last', address: elsewhere(99) })).toBe(false)
  })

  it('is looked at as often as it is taken: how long it takes tells nobody whom others write to', async () => {
    const { limits, steps } = open()
    const stepsOf = async (work: () => Promise<unknown>) => {
      const before = steps()
      await work()
      return steps() - before
    }
    const browser = { ...ann, binding: 'one' }
    const [first, second] = [await stepsOf(() => limits.start(browser)), await stepsOf(() => limits.start(browser))]
    expect(second).toBe(first)
    const codes = [await stepsOf(() => limits.code(ann))]
    for (let nth = 0; nth < LIMITS['code-sender'].max; nth++) codes.push(await stepsOf(() => limits.code(ann)))
    expect(new Set(codes).size).toBe(1)
    expect(await limits.code(ann)).toBe(false)
    expect(await limits.code({ ...ann, address: elsewhere(1) })).toBe(true)
  })
})

it('counts only failed attempts of clients, and lets none through after too many until the window is over', async () => {
  const { limits, clock } = open()
  const { clientAttempts } = limits
  for (let attempt = 0; attempt < 2 * LIMITS['client-network'].max; attempt++) await clientAttempts.admit('192.0.2.7', 'one')
  for (let attempt = 0; attempt < LIMITS['client-network'].max; attempt++) await clientAttempts.failed('192.0.2.7', 'one')
  expect(await outcome(clientAttempts.admit('192.0.2.7', 'one'))).toBe('rate_limited')
  expect(await outcome(clientAttempts.admit('192.0.2.8', 'one'))).toBe('ok')
  expect(await outcome(clientAttempts.admit('192.0.2.7', 'two'))).toBe('ok')
  clock.advance(LIMITS['client-network'].windowMs)
  expect(await outcome(clientAttempts.admit('192.0.2.7', 'one'))).toBe('ok')
})

it('lets a session refresh sixty times a minute', async () => {
  const { limits } = open()
  for (let nth = 0; nth < 60; nth++) await limits.refresh('session')
  expect(await outcome(limits.refresh('session'))).toBe('rate_limited')
  expect(await outcome(limits.refresh('another'))).toBe('ok')
})

it('counts refreshes and ends of a session and moves of a person apart, and keeps neither in a counter', async () => {
  const { limits, keys } = open()
  for (let nth = 0; nth < LIMITS['refresh-session'].max; nth++) await limits.refresh('one')
  for (let nth = 0; nth < LIMITS['exchange-user'].max; nth++) await limits.exchange('one')
  expect(await outcome(limits.exchange('one'))).toBe('rate_limited')
  for (let nth = 0; nth < LIMITS['end-session'].max; nth++) await limits.end('one')
  expect(await outcome(limits.end('one'))).toBe('rate_limited')
  expect([await outcome(limits.exchange('another')), await outcome(limits.end('another'))]).toEqual(['ok', 'ok'])
  for (const key of keys) expect(key).toMatch(/^[a-z-]+:[A-Za-z0-9_-]{43}$/)
})
