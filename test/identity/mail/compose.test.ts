/** What a mail says, in each language, and that nothing from outside becomes more than a word of it. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { composeMail, type MailContent } from '../../../src/identity/mail/compose.ts'

const CONTENT: MailContent = {
  challenge: {
    kind: 'login',
    email: 'ann@hospital.example',
    locale: 'en',
    agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    createdAtMs: Date.UTC(2025, 2, 9, 14, 5),
  },
  application: 'Coding',
  base: 'https://login.hospital.example',
  token: 'T'.repeat(43),
  code: '012345',
}
const LINK = `https://login.hospital.example/login/verify#${CONTENT.token}`
const compose = (part: Partial<MailContent>, challenge: Partial<MailContent['challenge']> = {}) =>
  composeMail({ ...CONTENT, ...part, challenge: { ...CONTENT.challenge, ...challenge } })

describe('a login mail', () => {
  it.each([
    ['en', 'Sign in to Coding', '9 March 2025', 'If this was not you'],
    ['fr', 'Connexion à Coding', '9 mars 2025', 'Si ce n’était pas vous'],
  ] as const)('in %s says what asked and when, and what to do when it was not you', (locale, subject, day, notYou) => {
    const mail = compose({}, { locale })
    expect(mail).toMatchObject({ to: 'ann@hospital.example', subject })
    for (const form of [mail.text, mail.html]) {
      for (const part of ['Coding', LINK, '012345', day, '14:05', 'UTC', 'Firefox, Linux', notYou]) expect(form).toContain(part)
    }
    expect(mail.html).toContain(`lang="${locale}"`)
  })

  it('loads nothing from anywhere', () => {
    const addresses = compose({}).html.match(/https?:\/\/[^"<\s]+/g)
    expect(new Set(addresses)).toEqual(new Set([LINK]))
    expect(compose({}).html).not.toMatch(/<(img|script|link|style|iframe)/)
  })
})

describe('an invitation', () => {
  it.each(['en', 'fr'] as const)('in %s has a link, and no code: no browser asked for it', (locale) => {
    const { code: _, ...content } = CONTENT
    const mail = composeMail({ ...content, challenge: { ...content.challenge, kind: 'invitation', agent: null, locale } })
    expect(mail.subject).toMatch(/^(You are invited to|Invitation à) Coding$/)
    expect(mail.text).toContain(LINK)
    expect(mail.text).not.toMatch(/^\d{6}$/m)
  })
})

describe('the name of an application', () => {
  it('is text in HTML', () => {
    const { html } = compose({ application: `<img src=x onerror=alert(1)> & "quotes'` })
    expect(html).not.toContain('<img')
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&#39;')
  })

  it('begins no header and no line, and turns no writing direction', () => {
    const { subject, text } = compose({ application: 'Coding\r\nBcc: eve@evil.example\u2028\u202egnidoC\0' })
    expect(subject).toBe('Sign in to Coding Bcc: eve@evil.example gnidoC')
    expect(text).not.toMatch(/^Bcc:/m)
  })

  it('is one short line of a subject, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1_000 }), (application) => {
        const { subject, html } = compose({ application })
        const markup = html.replaceAll(/<\/?(!doctype html|html|head|meta|title|body|h1|p|a)( [^<>]*)?>/g, '')
        return subject.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(subject) && [...subject].length <= 80 && !/[<>]/.test(markup)
      }),
    )
  })
})
