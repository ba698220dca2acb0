/** Ids drawn in blocks are what single ones would be. */
import { describe, expect, it } from '@jest/globals'
import { systemRandom } from '../../src/ground/random.ts'
import { Uuids } from '../../src/ground/uuids.ts'

const COUNT = 1_000

describe('ids drawn in blocks', () => {
  it('are UUIDs of version 4, none twice', () => {
    const uuids = new Uuids(systemRandom)
    const drawn = Array.from({ length: COUNT }, () => uuids.next())
    for (const one of drawn) expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(new Set(drawn).size).toBe(COUNT)
  })

  it('have each random byte in its place, and each byte in one id', () => {
    let given: Uint8Array = new Uint8Array()
    const bytes = (length: number) => {
      const drawn = systemRandom.bytes(length)
      given = Buffer.concat([given, drawn])
      return drawn
    }
    const uuids = new Uuids({ bytes })
    for (let index = 0; index < COUNT; index++) {
      const id = Buffer.from(uuids.next().replaceAll('-', ''), 'hex')
      const expected = Buffer.from(given.subarray(index * 16, index * 16 + 16))
      for (const one of [id, expected]) {
        one[6] = (one[6] ?? 0) & 0x0f
        one[8] = (one[8] ?? 0) & 0x3f
      }
      expect(id.equals(expected)).toBe(true)
    }
  })
})
