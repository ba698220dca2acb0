/** E-mail addresses: one form for one mailbox. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { maskEmail, normalizeEmail } from '../../src/model/email.ts'

describe('an e-mail address', () => {
  it.each([
    ['ann@hospital.example', 'ann@hospital.example'],
    ['Ann.Lee+billing@Hospital.EXAMPLE', 'ann.lee+billing@hospital.example'],
    ['ａｎｎ＠hospital.example', 'ann@hospital.example'],
    ["o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example"],
    ['ann@hospital。example', undefined],
    [`${'a'.repeat(64)}@hospital.example`, `${'a'.repeat(64)}@hospital.example`],
  ])('%j has the form %j', (text, form) => {
    expect(normalizeEmail(text)).toBe(form)
  })

  it.each([
    '',
    'ann',
    '@hospital.example',
    'ann@',
    'ann@hospital',
    'ann@-hospital.example',
    'ann@hospital..example',
    'ann@10.0.0.1',
    'ann@[10.0.0.1]',
    '.ann@hospital.example',
    'ann..lee@hospital.example',
    'ann lee@hospital.example',
    ' ann@hospital.example',
    'ann@hospital.example\n',
    'ann@hospital.example\r\nBcc: eve@evil.example',
    'ann@hospital.example,eve@evil.example',
    'ann@hospital.example;eve@evil.example',
    'ann@hospital.example＼n',
    'ann@hospital.example，eve@evil.example',
    'Ann <ann@hospital.example>',
    '"ann"@hospital.example',
    'ann(comment)@hospital.example',
    'ann@evil.example@hospital.example',
    'ann\0@hospital.example',
    'änn@hospital.example',
    'ann@höspital.example',
    'аnn@hospital.example',
    `${'a'.repeat(65)}@hospital.example`,
    `ann@${'a'.repeat(64)}.example`,
    `ann@${'a.'.repeat(150)}example`,
    'ﷺ'.repeat(250),
  ])('is none: %j', (text) => {
    expect(normalizeEmail(text)).toBeUndefined()
  })

  it('keeps its form when it is normalized again, and never holds what a header or a list of recipients is made of', () => {
    const character = fc.oneof(
      fc.constantFrom(...'aZ0.@-+,;:<>"\\ \r\n\t＠。，'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    )
    const part = fc.array(character, { minLength: 1, maxLength: 12 }).map((characters) => characters.join(''))
    fc.assert(
      fc.property(part, part, (local, domain) => {
        const email = normalizeEmail(`${local}@${domain}.example`)
        if (email === undefined) return
        expect(normalizeEmail(email)).toBe(email)
        expect(email).toMatch(/^[\x21-\x7e]+$/)
        expect(email).not.toMatch(/[,;:<>"\\()[\]]/)
        expect(email.split('@')).toHaveLength(2)
      }),
      { numRuns: 3_000 },
    )
  })

  it('is shown to others by its first character and its domain', () => {
    expect(maskEmail('ann@hospital.example')).toBe('a…@hospital.example')
  })
})
