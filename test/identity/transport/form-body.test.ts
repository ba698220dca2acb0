/** Forms are read one way only. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { OAuthError } from '../../../src/identity/errors.ts'
import { parseForm } from '../../../src/identity/transport/form-body.ts'

describe('a form', () => {
  it('is read as appendix B of RFC 6749 writes it', () => {
    expect([...parseForm('a=1&b=%2B+%C3%A9&c')]).toEqual([
      ['a', '1'],
      ['b', '+ é'],
    ])
  })

  it('takes a parameter without a value for one that was left out (RFC 6749, 3.2)', () => {
    expect(parseForm('scope=&x').has('scope')).toBe(false)
  })

  it.each(['a=1&a=2', 'a=1&%61=2', 'a=&a=1', 'a=1&a='])('is refused when a parameter comes twice: %s', (text) => {
    expect(() => parseForm(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it.each(['a=%', 'a=%zz', '%=1', 'a=%ff'])('is refused with a broken escape: %s', (text) => {
    expect(() => parseForm(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('is refused with too many parameters', () => {
    const text = Array.from({ length: 60 }, (_, at) => `p${at}=1`).join('&')
    expect(() => parseForm(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        try {
          parseForm(text)
        } catch (fault) {
          expect(fault).toBeInstanceOf(OAuthError)
          // RFC 6749, 5.2: what a description may hold.
          expect((fault as OAuthError).description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
        }
      }),
    )
  })
})
