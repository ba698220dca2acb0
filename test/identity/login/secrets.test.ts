/** Codes are drawn evenly, and digests say nothing of what they are of. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { systemRandom } from '../../../src/ground/random.ts'
import { hashCode, hashSecret, isCode, isSameDigest, isSecretForm, newCode, newSecret } from '../../../src/identity/login/secrets.ts'

/** Gives these words, one after the other. */
function scripted(words: readonly number[]) {
  const left = [...words]
  return {
    uuid: () => 'unused',
    bytes: () => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(left.shift() ?? 0)
      return bytes
    },
  }
}

describe('a code', () => {
  it('is drawn again above the last multiple of a million, so that no code is likelier than another', () => {
    expect(newCode(scripted([4_294_000_000, 4_294_967_295, 42]))).toBe('000042')
    expect(newCode(scripted([4_293_999_999]))).toBe('999999')
  })

  it('has six digits, always', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 4_293_999_999 }), (drawn) => /^\d{6}$/.test(newCode(scripted([drawn])))))
  })

  it('is checked with every key that is still known, and belongs to one challenge', () => {
    const [first, second, stranger] = [1, 2, 3].map(() => systemRandom.bytes(32)) as [Uint8Array, Uint8Array, Uint8Array]
    const digest = hashCode(second, 'challenge', '123456')
    expect(isCode([first, second], 'challenge', '123456', digest)).toBe(true)
    expect(isCode([first, stranger], 'challenge', '123456', digest)).toBe(false)
    expect(isCode([second], 'another', '123456', digest)).toBe(false)
    expect(isCode([second], 'challenge', '123457', digest)).toBe(false)
    for (const odd of ['', '12345', '1234567', ' 123456', '１２３４５６']) expect(isCode([second], 'challenge', odd, digest)).toBe(false)
  })
})

describe('a secret', () => {
  it('has 32 bytes, and one form', () => {
    const secret = newSecret(systemRandom)
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    expect(isSecretForm(secret)).toBe(true)
    for (const odd of ['', `${secret}=`, `${secret}\n`, secret.slice(1), `+${secret.slice(1)}`]) expect(isSecretForm(odd)).toBe(false)
  })

  it('is the same only when its digest is', () => {
    expect(isSameDigest(hashSecret('a'), hashSecret('a'))).toBe(true)
    expect(isSameDigest(hashSecret('a'), hashSecret('b'))).toBe(false)
    expect(isSameDigest(hashSecret('a'), hashSecret('a').subarray(1))).toBe(false)
    for (const missing of [null, undefined]) {
      expect(isSameDigest(missing, missing)).toBe(false)
      expect(isSameDigest(missing, hashSecret('a'))).toBe(false)
    }
  })
})
