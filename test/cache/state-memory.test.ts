import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { openStateMemory } from '../../src/cache/state-memory.ts'
import { type AccessState, nextEdgeMs } from '../../src/model/access-state.ts'
import { HOSTILE_IDS } from '../support/ids.ts'
import { anyState, stateAt } from './states.ts'

const ROOM = { entriesMax: 1_000, bytesMax: 10_000_000 }

const anyId = fc.constantFrom(...HOSTILE_IDS.slice(0, 4), 'ann', 'ben', 'north', '')
/** Ids as the service makes them, and as nobody does. */
const anyKeptState: fc.Arbitrary<AccessState> = fc
  .tuple(anyState, fc.array(fc.option(fc.uuid(), { nil: undefined }), { minLength: 5, maxLength: 5 }))
  .map(([state, uuids]) => ({
    ...state,
    assignments: state.assignments.map((assignment, index) => ({ ...assignment, id: uuids[index] ?? assignment.id })),
  }))

describe('access states in memory', () => {
  it('come out as they went in, whatever they hold, each time they are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyId, anyId, anyKeptState), { maxLength: 8 }), (puts) => {
        const memory = openStateMemory(ROOM)
        const expected = new Map<string, readonly [string, string, AccessState]>()
        for (const [tenant, user, state] of puts) {
          memory.set(tenant, user, state)
          expected.set(JSON.stringify([tenant, user]), [tenant, user, state])
        }
        for (let look = 0; look < 3; look++)
          for (const [tenant, user, state] of expected.values())
            expect([memory.get(tenant, user)?.value, memory.get(tenant, user)?.edgeMs]).toEqual([state, nextEdgeMs(state)])
        expect(memory.entries).toBe(expected.size)
      }),
      { numRuns: 80 },
    )
  })

  it('are never those of another pair, nor older than the last that was put, however full it is', () => {
    const pair = fc.tuple(
      fc.constantFrom('a', 'ab', ''),
      fc.integer({ min: 0, max: 4 }).map((number) => `b${number}`),
    )
    const step = fc.oneof(
      { weight: 10, arbitrary: fc.record({ put: pair, roles: fc.integer({ min: 0, max: 4 }) }) },
      { weight: 20, arbitrary: fc.record({ look: pair }) },
      { weight: 1, arbitrary: fc.constant({ clear: true as const }) },
    )
    const bounds = fc.record({
      entriesMax: fc.constantFrom(1, 2, 4, 8, 16, 20),
      bytesMax: fc.constantFrom(1, 11_500, 13_000, 23_000, 26_000, 100_000),
    })
    fc.assert(
      fc.property(bounds, fc.array(step, { minLength: 50, maxLength: 200, size: 'max' }), ({ entriesMax, bytesMax }, steps) => {
        const memory = openStateMemory({ entriesMax, bytesMax })
        const put = new Map<string, AccessState>()
        for (const [position, step] of steps.entries()) {
          if ('clear' in step) {
            memory.clear()
            put.clear()
            expect([memory.entries, memory.bytes]).toEqual([0, 0])
          } else if ('put' in step) {
            const state = held(position, step.roles)
            put.set(step.put.join(' '), state)
            memory.set(...step.put, state)
          } else {
            const found = memory.get(...step.look)
            if (found !== undefined) expect(found.value).toEqual(put.get(step.look.join(' ')))
          }
          expect(memory.entries).toBeLessThanOrEqual(Math.min(entriesMax, put.size))
          expect(memory.bytes).toBeLessThanOrEqual(bytesMax)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('are not taken for those that stood in their place before', () => {
    const memory = openStateMemory(ROOM)
    memory.set('t', 'ann', held(1, 1))
    memory.get('t', 'ann')
    memory.set('t', 'ann', held(2, 1))
    memory.set('t', 'ben', held(3, 1))
    expect([memory.get('t', 'ben')?.value.position, memory.get('t', 'ann')?.value.position]).toEqual([3, 2])
  })

  it('are all there as long as there is room', () => {
    const memory = openStateMemory({ entriesMax: 3_000, bytesMax: 10_000_000 })
    for (let number = 0; number < 3_000; number++) memory.set(`t${number % 7}`, `user-${number}`, held(number, number % 3))
    for (let number = 0; number < 3_000; number++) expect(memory.get(`t${number % 7}`, `user-${number}`)?.value.position).toBe(number)
  })

  it('are one object for as long as they are asked for all the time: a look makes nothing', () => {
    const memory = openStateMemory(ROOM)
    for (let number = 0; number < 100; number++) memory.set('t', `user-${number}`, held(number, 1))
    const first = memory.get('t', 'user-7')
    for (let number = 0; number < 100; number++) memory.get('t', `user-${number}`)
    expect(memory.get('t', 'user-7')).toBe(first)
  })

  it('stay when they are asked for, and go when they are not', () => {
    const memory = openStateMemory({ entriesMax: 10, bytesMax: 10_000_000 })
    for (let number = 0; number < 100; number++) {
      memory.set('t', `user-${number}`, held(number, 1))
      memory.get('t', 'user-0')
    }
    expect(memory.entries).toBe(10)
    expect(memory.get('t', 'user-0')?.value.position).toBe(0)
    expect(memory.get('t', 'user-1')).toBeUndefined()
  })

  it('share the parts that are equal: a tenant is held once for all of its users', () => {
    const memory = openStateMemory(ROOM)
    for (const user of ['ann', 'ben']) memory.set('t', user, stateAt(1))
    expect(memory.get('t', 'ann')?.value.tenant).toBe(memory.get('t', 'ben')?.value.tenant)
  })

  it('are not kept when one alone is larger than all that may be, nor is what it was to replace, and the others stay', () => {
    const memory = openStateMemory({ entriesMax: 100, bytesMax: 40_000 })
    memory.set('t', 'ann', held(1, 1))
    memory.set('t', 'ben', held(1, 1))
    const large = { ...held(2, 1), user: { deactivated: false, attributes: { note: 'x'.repeat(50_000) }, epoch: 0 } }
    memory.set('t', 'ann', large)
    expect(memory.get('t', 'ann')).toBeUndefined()
    expect(memory.get('t', 'ben')?.value.position).toBe(1)
  })

  it('take as much as they are counted for again after others were in their place', () => {
    const memory = openStateMemory(ROOM)
    const fill = () => {
      for (let number = 0; number < 200; number++) memory.set(`t${number % 3}`, `user-${number}`, held(number, 2))
    }
    fill()
    const bytes = memory.bytes
    for (let round = 0; round < 3; round++) fill()
    expect(memory.bytes).toBe(bytes)
    memory.clear()
    expect(memory.bytes).toBe(0)
  })

  it('take no more than they may when they are read, and reading drives out few: what is unpacked has a share of its own', () => {
    const bytesMax = 8_000_000
    const memory = openStateMemory({ entriesMax: 100_000, bytesMax })
    const users = Array.from({ length: 2_400 }, (_, number) => [`t${number >> 1}`, `user-${number}`] as const)
    const note = 'x'.repeat(6_000)
    for (const [number, [tenant, user]] of users.entries())
      memory.set(tenant, user, { ...held(number, 1), tenant: { suspended: false, attributes: { note: `${number >> 1}${note}` } } })
    const before = memory.entries
    for (let round = 0; round < 3; round++)
      for (const [tenant, user] of users) {
        memory.get(tenant, user)
        expect(memory.bytes).toBeLessThanOrEqual(bytesMax)
      }
    expect(before).toBeGreaterThan(2_000)
    expect(memory.entries / before).toBeGreaterThan(0.6)
  })

  it('take no more than they may where many are read at places that others keep', () => {
    const bytesMax = 30_000_000
    const memory = openStateMemory({ entriesMax: 100_000, bytesMax })
    for (let number = 0; number < 40_000; number++)
      memory.set(`t${number >> 1}`, `user-${number}`, {
        ...held(number, 0),
        tenant: { suspended: false, attributes: { [`key-${number >> 1}`]: 'x'.repeat(500) } },
      })
    for (let round = 0; round < 3; round++)
      for (let number = 0; number < 40_000; number++) {
        memory.get(`t${number >> 1}`, `user-${number}`)
        if (memory.bytes > bytesMax) throw new Error(`${memory.bytes} bytes after a look`)
      }
    expect(memory.entries).toBeGreaterThan(10_000)
  })

  it('give back what they held: who once had many roles takes no room from those that come later', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    // They are given back beside the process's work: measured once nothing changes any more.
    const buffers = async () => {
      let bytes = Number.NaN
      for (let same = 0; same < 3; ) {
        collect()
        await new Promise((resolve) => setTimeout(resolve, 20))
        const now = process.memoryUsage().arrayBuffers
        same = now === bytes ? same + 1 : 0
        bytes = now
      }
      return bytes
    }
    const bytesMax = 2_000_000
    const memory = openStateMemory({ entriesMax: 100_000, bytesMax })
    const before = await buffers()
    for (let number = 0; number < 2_000; number++) memory.set('t', `user-${number}`, held(number, 40))
    const [withMany, entriesWithMany] = [(await buffers()) - before, memory.entries]
    for (let number = 0; number < 15_000; number++) memory.set('t', `other-${number}`, held(number, 0))
    const withNone = (await buffers()) - before
    expect([withMany > 1_000_000, withMany < bytesMax]).toEqual([true, true])
    expect(withNone).toBeLessThan(500_000)
    expect(memory.entries).toBeGreaterThan(3 * entriesWithMany)
    expect(memory.bytes).toBeLessThanOrEqual(bytesMax)
  })

  it('make room in few steps, also when all of them were asked for', () => {
    const count = 40_000
    const memory = openStateMemory({ entriesMax: count, bytesMax: 1_000_000_000 })
    for (let number = 0; number < count; number++) memory.set('t', `user-${number}`, held(0, 0))
    // Of two that lie in one place of the unpacked ones each look marks one.
    for (let round = 0; round < 4; round++) for (let number = 0; number < count; number++) memory.get('t', `user-${number}`)
    memory.set('t', 'one-more', held(0, 0))
    // The hand took the one at which its steps ended, not the first one after a whole round.
    const gone = Array.from({ length: count }, (_, number) => number).filter((number) => memory.get('t', `user-${number}`) === undefined)
    expect(gone).toHaveLength(1)
    expect(gone[0]).toBeGreaterThan(500)
    expect(gone[0]).toBeLessThan(2_000)
  })
})

function held(position: number, roles: number): AccessState {
  return {
    position,
    policyPosition: 1,
    readAtMs: 1_000 + position,
    tenant: { suspended: false, attributes: { region: 'north' } },
    user: { deactivated: false, attributes: { number: position }, epoch: 0 },
    assignments: Array.from({ length: roles }, (_, index) => ({
      id: `00000000-0000-4000-8000-${String(1_000 * position + index).padStart(12, '0')}`,
      role: `role-${index}`,
      validFromMs: position,
      expiresAtMs: index % 2 === 0 ? null : 9_000_000,
    })),
  }
}
