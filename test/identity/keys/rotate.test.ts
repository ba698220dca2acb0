import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { dueSteps, type KeyStep, PREVIOUS_KEPT_MS, rotateAtOnce, rotateEarly } from '../../../src/identity/keys/rotate.ts'
import type { SigningKeyRecord } from '../../../src/model/identity.ts'
import {
  ACCESS_TOKEN_SECONDS_MAX,
  KEY_LIFE_MS,
  KEY_PUBLISHED_AHEAD_MS,
  KEY_SET_CACHE_SECONDS,
  SIGNING_KEYS_MAX,
  TOKEN_CLOCK_SKEW_MS,
} from '../../../src/model/identity-limits.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** Rows as the database keeps them, without one. */
class Table {
  readonly clock = new ManualClock()
  keys: SigningKeyRecord[] = []
  /** Kids whose secret is gone. */
  readonly unreadable = new Set<string>()
  #made = 0

  get at() {
    return { keys: this.keys, nowMs: this.clock.nowMs(), canOpen: (kid: string) => !this.unreadable.has(kid) }
  }

  look(): readonly KeyStep[] {
    return this.apply(dueSteps(this.at))
  }

  apply(steps: readonly KeyStep[]): readonly KeyStep[] {
    for (const step of steps) {
      if (step.do === 'create') this.#insert(step.state)
      else if (step.do === 'retire') this.keys = this.keys.filter(({ kid }) => kid !== step.kid)
      else {
        if (step.replaces !== undefined) this.#set(step.replaces, { state: 'previous', retiresAtMs: this.clock.nowMs() + PREVIOUS_KEPT_MS })
        this.#set(step.kid, { state: 'current', activatedAtMs: this.clock.nowMs() })
      }
    }
    return steps
  }

  /** `k1 current, k2 next` */
  get text(): string {
    return this.keys.map(({ kid, state }) => `${kid} ${state}`).join(', ')
  }

  #insert(state: 'current' | 'next'): void {
    const createdAtMs = this.clock.nowMs()
    this.#made++
    this.keys.push({
      kid: `k${this.#made}`,
      algorithm: 'ES256',
      publicJwk: {},
      state,
      createdAtMs,
      activatedAtMs: state === 'current' ? createdAtMs : null,
      retiresAtMs: null,
    })
  }

  #set(kid: string, changed: Partial<SigningKeyRecord>): void {
    this.keys = this.keys.map((key) => (key.kid === kid ? { ...key, ...changed } : key))
  }
}

const MINUTE_MS = 60_000

describe('signing keys over time', () => {
  it('are made, published, used, kept and retired at their times, and never otherwise', () => {
    const table = new Table()
    const history: [number, string][] = []
    const beganMs = table.clock.nowMs()
    for (let minute = 0; minute <= (2 * KEY_LIFE_MS) / MINUTE_MS + 60; minute++) {
      if (table.look().length > 0) history.push([(table.clock.nowMs() - beganMs) / MINUTE_MS, table.text])
      table.clock.advance(MINUTE_MS)
    }
    const [life, kept] = [KEY_LIFE_MS / MINUTE_MS, Math.ceil(PREVIOUS_KEPT_MS / MINUTE_MS)]
    expect(history).toEqual([
      [0, 'k1 current, k2 next'],
      [life, 'k1 previous, k2 current, k3 next'],
      [life + kept, 'k2 current, k3 next'],
      [2 * life, 'k2 previous, k3 current, k4 next'],
      [2 * life + kept, 'k3 current, k4 next'],
    ])
  })

  it('keep a replaced key for as long as anything that it signed is good anywhere', () => {
    expect(PREVIOUS_KEPT_MS).toBeGreaterThanOrEqual(ACCESS_TOKEN_SECONDS_MAX * 1_000 + TOKEN_CLOCK_SKEW_MS)
    expect(KEY_PUBLISHED_AHEAD_MS).toBeGreaterThan(KEY_SET_CACHE_SECONDS * 1_000)
  })

  it.each<[string, (table: Table) => void, readonly KeyStep[]]>([
    ['the next key is a day old, and the current one not due', (table) => table.clock.advance(86_400_000), []],
    [
      'the current key is due, and the next one is published for too short a time',
      (table) => {
        table.clock.advance(KEY_LIFE_MS)
        table.apply(rotateAtOnce(table.at))
        table.clock.advance(KEY_LIFE_MS - 1)
        table.keys = table.keys.map((key) => (key.state === 'next' ? { ...key, createdAtMs: table.clock.nowMs() - 1 } : key))
        table.clock.advance(1)
      },
      [],
    ],
    [
      'there is no next key',
      (table) => {
        table.keys = table.keys.filter(({ state }) => state !== 'next')
      },
      [{ do: 'create', state: 'next' }],
    ],
    [
      'there is a next key, and none to sign with',
      (table) => {
        table.keys = table.keys.filter(({ state }) => state !== 'current')
      },
      [
        { do: 'activate', kid: 'k2' },
        { do: 'create', state: 'next' },
      ],
    ],
    [
      'the current key is due, and the secret of the next one is not at hand',
      (table) => {
        table.clock.advance(KEY_LIFE_MS)
        table.unreadable.add('k2')
      },
      [],
    ],
    [
      'the secret of the current key is not at hand',
      (table) => {
        table.unreadable.add('k1')
      },
      [],
    ],
    [
      'the secret of the only key, a next one, is not at hand',
      (table) => {
        table.keys = table.keys.filter(({ state }) => state !== 'current')
        table.unreadable.add('k2')
      },
      [{ do: 'create', state: 'current' }],
    ],
  ])('do just this when %s', (_, arrange, steps) => {
    const table = new Table()
    table.look()
    arrange(table)
    expect(dueSteps(table.at)).toEqual(steps)
  })
})

describe('a rotation that is asked for', () => {
  it('is refused until clients know the next key, to the millisecond', () => {
    const table = new Table()
    table.look()
    const readyAtMs = table.clock.nowMs() + KEY_PUBLISHED_AHEAD_MS
    table.clock.advance(KEY_PUBLISHED_AHEAD_MS - 1)
    expect(rotateEarly(table.at)).toEqual({ readyAtMs })
    table.clock.advance(1)
    expect(rotateEarly(table.at)).toEqual({
      steps: [
        { do: 'activate', kid: 'k2', replaces: 'k1' },
        { do: 'create', state: 'next' },
      ],
    })
  })

  it('is refused when the secret of the next key is not at hand', () => {
    const table = new Table()
    table.look()
    table.clock.advance(KEY_PUBLISHED_AHEAD_MS)
    table.unreadable.add('k2')
    expect(rotateEarly(table.at)).toEqual({ unreadable: 'k2' })
  })

  it('in an emergency leaves nothing of what signed until now, nor what lay beside it', () => {
    const table = new Table()
    table.look()
    table.clock.advance(KEY_LIFE_MS)
    table.look()
    expect(table.text).toBe('k1 previous, k2 current, k3 next')
    table.apply(rotateAtOnce(table.at))
    expect(table.text).toBe('k4 current, k5 next')
    table.unreadable.add('k4').add('k5')
    table.apply(rotateAtOnce(table.at))
    expect(table.text).toBe('k6 current, k7 next')
  })
})

it('never leaves two keys that sign, none that does, or more than may be published, whatever is asked and when', () => {
  const act = fc.oneof(
    fc.record({ wait: fc.oneof(fc.integer({ min: 0, max: 3 * KEY_PUBLISHED_AHEAD_MS }), fc.integer({ min: 0, max: 2 * KEY_LIFE_MS })) }),
    fc.constantFrom('look', 'normal', 'emergency', 'lose secrets'),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const table = new Table()
      table.look()
      /** By key: until when something that it signed is good. */
      const signedUntilMs = new Map<string, number>()
      const published = new Map<string, number>()
      const note = (isEmergency: boolean) => {
        const nowMs = table.clock.nowMs()
        const [current, ...others] = table.keys.filter(({ state }) => state === 'current')
        if (current === undefined) throw new Error('None signs')
        expect(others).toEqual([])
        expect(table.keys.filter(({ state }) => state === 'next').length).toBeLessThanOrEqual(1)
        expect(table.keys.length).toBeLessThanOrEqual(SIGNING_KEYS_MAX)
        for (const { kid } of table.keys) if (!published.has(kid)) published.set(kid, nowMs)
        if (isEmergency) signedUntilMs.clear()
        for (const [kid, untilMs] of signedUntilMs) {
          // No false refusal: what is good is verified by a key that is there.
          if (untilMs > nowMs) expect(table.keys.map((key) => key.kid)).toContain(kid)
        }
        signedUntilMs.set(current.kid, nowMs + ACCESS_TOKEN_SECONDS_MAX * 1_000)
      }
      note(true)
      for (const done of acts) {
        const before = table.keys.find(({ state }) => state === 'current')?.kid
        if (typeof done === 'object') {
          // It signs until the very last moment.
          table.clock.advance(done.wait)
          if (before !== undefined) signedUntilMs.set(before, table.clock.nowMs() + ACCESS_TOKEN_SECONDS_MAX * 1_000)
          table.look()
        } else if (done === 'look') table.look()
        else if (done === 'normal') {
          const early = rotateEarly(table.at)
          if ('steps' in early) table.apply(early.steps)
        } else if (done === 'emergency') table.apply(rotateAtOnce(table.at))
        else for (const { kid } of table.keys) table.unreadable.add(kid)
        note(done === 'emergency')
        const after = table.keys.find(({ state }) => state === 'current')?.kid
        if (before !== after && done !== 'emergency') {
          expect(table.clock.nowMs() - (published.get(after ?? '') ?? Number.NaN)).toBeGreaterThanOrEqual(KEY_PUBLISHED_AHEAD_MS)
        }
      }
    }),
    { numRuns: 500 },
  )
})
