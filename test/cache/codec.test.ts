/** What is kept in Redis comes back as it was, or not at all. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { decodeAccessState, encodeAccessState } from '../../src/cache/codec.ts'
import { Seal } from '../../src/cache/seal.ts'
import { HOSTILE_IDS } from '../support/ids.ts'
import { anyState, stateAt } from './states.ts'

const identity = { incarnation: '0b5c1c3e-8f5e-4c43-9d0b-0f4d6f0a7c11', secret: Buffer.alloc(32, 7) }
const seal = new Seal(identity)

describe('access states as bytes', () => {
  it('come back equal, whatever is in them', () => {
    fc.assert(fc.property(anyState, (state) => expect(decodeAccessState(encodeAccessState(state))).toEqual(state)))
  })

  it('are a miss when cut anywhere', () => {
    const bytes = encodeAccessState(stateAt(5))
    for (let length = 0; length < bytes.length; length++) expect(decodeAccessState(bytes.subarray(0, length))).toBeUndefined()
  })

  it('are a miss when another version wrote them', () => {
    const bytes = encodeAccessState(stateAt(5))
    for (const version of [0, 2, 255, '['.charCodeAt(0)])
      expect(decodeAccessState(Buffer.concat([Buffer.of(version), bytes.subarray(1)]))).toBeUndefined()
  })

  it.each([
    'null',
    '{}',
    '[]',
    '[1,1,1,null,null]',
    '[1,1,1,null,null,[],0]',
    '["1",1,1,null,null,[]]',
    '[1,null,1,null,null,[]]',
    '[1,1,1e999,null,null,[]]',
    '[1,1,1,[false],null,[]]',
    '[1,1,1,[0,{}],null,[]]',
    '[1,1,1,[false,[]],null,[]]',
    '[1,1,1,[false,null],null,[]]',
    '[1,1,1,null,[false,{}],[]]',
    '[1,1,1,null,[false,{},"1"],[]]',
    '[1,1,1,null,null,{}]',
    '[1,1,1,null,null,[1]]',
    '[1,1,1,null,null,[["a","r",0]]]',
    '[1,1,1,null,null,[["a",1,0,null]]]',
    '[1,1,1,null,null,[["a","r",null,null]]]',
    '[1,1,1,null,null,[["a","r",0,"1"]]]',
  ])('are a miss when the body is %s', (body) => {
    expect(decodeAccessState(Buffer.concat([Buffer.of(1), Buffer.from(body)]))).toBeUndefined()
    expect(decodeAccessState(Buffer.concat([Buffer.of(1), Buffer.from('[1,1,1,null,null,[]]')]))).toBeDefined()
  })

  it('are a miss, never a fault, when they are any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) =>
        expect(decodeAccessState(Buffer.concat([Buffer.of(1), bytes]))?.position ?? 0).toEqual(expect.any(Number)),
      ),
    )
  })
})

describe('a seal', () => {
  it('opens what it sealed under that key, and nothing with a bit flipped or a byte missing', () => {
    const key = seal.keyOf('north', 'ann')
    const body = encodeAccessState(stateAt(5))
    const value = seal.seal(key, body)
    expect(seal.open(key, value)).toEqual(body)
    for (let bit = 0; bit < value.length * 8; bit++) {
      const flipped = Buffer.from(value)
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(seal.open(key, flipped)).toBeUndefined()
    }
    for (let length = 0; length < value.length; length++) expect(seal.open(key, value.subarray(0, length))).toBeUndefined()
  })

  it('names any two pairs differently', () => {
    const ids = [...HOSTILE_IDS, '', '\ud800', '\ufffd', '1 ', ' 1', '10 ', 'ann'.repeat(80)]
    const keys = ids.flatMap((tenant) => ids.map((user) => seal.keyOf(tenant, user)))
    expect(new Set(keys).size).toBe(ids.length ** 2)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), fc.nat(), (both, one, other) => {
        const [cut, otherCut] = [one % (both.length + 1), other % (both.length + 1)]
        fc.pre(cut !== otherCut)
        const keyCutAt = (at: number) => seal.keyOf(both.slice(0, at), both.slice(at))
        expect(keyCutAt(cut)).not.toBe(keyCutAt(otherCut))
      }),
    )
  })

  it('of another incarnation or secret has other names, and opens nothing of this one', () => {
    const value = seal.seal(seal.keyOf('north', 'ann'), Buffer.from('body'))
    // The same first characters, which are all that a key shows of an incarnation.
    const others = [
      new Seal({ ...identity, incarnation: '0b5c1c3e-8f5e-4c43-9d0b-0f4d6f0a7c12' }),
      new Seal({ ...identity, secret: Buffer.alloc(32, 8) }),
    ]
    for (const other of others) {
      expect(other.keyOf('north', 'ann')).not.toBe(seal.keyOf('north', 'ann'))
      expect(other.open(seal.keyOf('north', 'ann'), value)).toBeUndefined()
      expect(other.openHead(seal.sealHead(5))).toBeUndefined()
    }
  })

  it('vouches for a head, and for no other text', () => {
    for (const head of [0, 5, Number.MAX_SAFE_INTEGER]) expect(seal.openHead(seal.sealHead(head))).toBe(head)
    const [, code] = seal.sealHead(5).split(' ')
    for (const text of ['', '5', '6', `6 ${code}`, `05 ${code}`, `5 ${code} `, `5  ${code}`, `-5 ${code}`, 'x', '9007199254740993'])
      expect(seal.openHead(text)).toBeUndefined()
  })
})
