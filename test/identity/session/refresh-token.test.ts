/** Refresh tokens as text: one spelling each, and nothing that was not made here. */
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { makeRefreshToken, parseRefreshToken, refreshTokenOf } from '../../../src/identity/session/refresh-token.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe('a refresh token', () => {
  const keys = [randomBytes(32)]
  const sessionId = randomUUID()
  const token = makeRefreshToken(keys, { sessionId, counter: 7 })

  it('says its session and its counter to who has the key', () => {
    const counter = fc.integer({ min: 0, max: 2 ** 48 - 1 })
    fc.assert(
      fc.property(fc.uuid(), counter, (id, count) => {
        const made = makeRefreshToken(keys, { sessionId: id, counter: count })
        expect(parseRefreshToken(keys, made)).toEqual({ sessionId: id, counter: count })
      }),
    )
    expect(refreshTokenOf(keys, { id: sessionId, counter: 7 })).toBe(token)
  })

  it('is refused when any one of its characters is another', () => {
    for (let index = 0; index < token.length; index++) {
      const other = ALPHABET[(ALPHABET.indexOf(token[index] ?? '') + 1) % ALPHABET.length]
      expect(parseRefreshToken(keys, `${token.slice(0, index)}${other}${token.slice(index + 1)}`)).toBeUndefined()
    }
  })

  it.each([
    ['nothing', ''],
    ['padding', `${token}=`],
    ['a space', ` ${token}`],
    ['a line break', `${token}\n`],
    ['a shorter one', token.slice(0, -4)],
    ['a longer one', `${token}AAAA`],
    ['ten kilobytes', 'A'.repeat(10_240)],
    ['the alphabet of plain base64', token.replaceAll('-', '+').replaceAll('_', '/').replace(/^./, '+')],
    ['characters beyond ASCII', `${token.slice(0, -1)}é`],
  ])('is refused with %s', (_, text) => {
    expect(parseRefreshToken(keys, text)).toBeUndefined()
  })

  it('of a key that is only checked by is good, and of a key that is gone is not', () => {
    const [fresh, other] = [randomBytes(32), randomBytes(32)]
    expect(parseRefreshToken([fresh, ...keys], token)).toEqual({ sessionId, counter: 7 })
    expect(parseRefreshToken([fresh, other], token)).toBeUndefined()
    expect(makeRefreshToken([fresh, ...keys], { sessionId, counter: 7 })).not.toBe(token)
  })
})
