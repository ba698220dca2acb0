/** Access states for tests: one with everything in it, and arbitrary ones. */
import fc from 'fast-check'
import type { AccessState } from '../../src/model/access-state.ts'
import { HOSTILE_IDS } from '../support/ids.ts'

export function stateAt(position: number): AccessState {
  return {
    position,
    policyPosition: 3,
    readAtMs: 1_764_000_000_000.5,
    tenant: { suspended: false, attributes: { region: 'north', tags: ['a', null, { deep: true }] } },
    user: { deactivated: false, attributes: { ['__proto__']: 'own', name: 'Ünïcødé 😀' }, epoch: 2 },
    assignments: [
      { id: 'a1', role: 'coder', validFromMs: 0, expiresAtMs: null },
      { id: 'a2', role: 'auditor', validFromMs: 1_763_000_000_000, expiresAtMs: 1_765_000_000_000 },
    ],
  }
}

const number = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.double({ noNaN: true, noDefaultInfinity: true })).map((given) => given + 0)
const text = fc.oneof(fc.constantFrom(...HOSTILE_IDS), fc.string({ unit: 'binary' }))
/** What JSON and the database can hold: neither knows a negative zero. */
const jsonValue = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)))
const attributes = fc.dictionary(text, jsonValue, { noNullPrototype: true })

export const anyState: fc.Arbitrary<AccessState> = fc.record({
  position: number,
  policyPosition: number,
  readAtMs: number,
  tenant: fc.option(fc.record({ suspended: fc.boolean(), attributes }, { noNullPrototype: true }), { nil: undefined }),
  user: fc.option(fc.record({ deactivated: fc.boolean(), attributes, epoch: number }, { noNullPrototype: true }), { nil: undefined }),
  assignments: fc.array(
    fc.record({ id: text, role: text, validFromMs: number, expiresAtMs: fc.option(number) }, { noNullPrototype: true }),
    {
      maxLength: 5,
    },
  ),
})
