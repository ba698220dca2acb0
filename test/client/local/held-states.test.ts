import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { LOCAL_TENANT_BYTES } from '../../../src/client/limits.ts'
import { HeldStates } from '../../../src/client/local/held-states.ts'

describe('states that are held', () => {
  it('are the last that was kept, within their bounds, whatever is kept, looked at and grows', () => {
    const step = fc.record({
      kind: fc.constantFrom('set' as const, 'set' as const, 'get' as const, 'grow' as const),
      tenant: fc.constantFrom('a', 'bb', 'c'.repeat(200)),
      user: fc.constantFrom('u', 'v', 'w', 'x'),
      bytes: fc.integer({ min: 1, max: 900 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [entriesMax, bytesMax] = [6, 5_000]
        const held = new HeldStates<{ bytes: number }>({ entriesMax, bytesMax })
        const kept = new Map<string, { bytes: number }>()
        for (const { kind, tenant, user, bytes } of steps) {
          const name = `${tenant} ${user}`
          if (kind === 'set') {
            const entry = { bytes }
            held.set(tenant, user, entry)
            kept.set(name, entry)
          } else {
            const found = held.get(tenant, user)
            if (found !== undefined) expect(found).toBe(kept.get(name))
            if (found !== undefined && kind === 'grow') held.grew(found, bytes)
          }
          expect(held.entries).toBeLessThanOrEqual(entriesMax)
          // What grows is let go with its generation, one step late.
          expect(held.bytes).toBeLessThanOrEqual(bytesMax + 900)
        }
        held.clear()
        expect([held.entries, held.bytes]).toEqual([0, 0])
      }),
    )
  })

  it('cost nothing any more once they are gone', () => {
    const held = new HeldStates<{ bytes: number }>({ entriesMax: 10, bytesMax: 10_000 })
    held.set('a', 'u', { bytes: 100 })
    held.set('a', 'v', { bytes: 100 })
    expect(held.bytes).toBe(200 + LOCAL_TENANT_BYTES + 2)
    // Larger than is kept: nor is what was there.
    held.set('a', 'u', { bytes: 6_000 })
    expect([held.entries, held.bytes]).toEqual([1, 100 + LOCAL_TENANT_BYTES + 2])
    held.set('a', 'v', { bytes: 6_000 })
    expect([held.entries, held.bytes, held.holdsTenant('a')]).toEqual([0, 0, false])
  })
})
