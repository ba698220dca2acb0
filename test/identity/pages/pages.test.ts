/** The pages as text: two languages that say the same, nothing inline, nothing of anybody else. */
import { describe, expect, it } from '@jest/globals'
import { pageAssets } from '../../../src/identity/pages/assets.ts'
import { demoPage, mailboxPage } from '../../../src/identity/pages/dev-pages.ts'
import { localeOf } from '../../../src/identity/pages/locale.ts'
import { startPage, verifyPage } from '../../../src/identity/pages/login-pages.ts'
import { PAGE_TEXTS } from '../../../src/identity/pages/texts.ts'
import { LOCALES } from '../../../src/model/identity.ts'

const mail = {
  id: 'm1',
  to: 'ann@hospital.example',
  subject: '<img src=x onerror=alert(1)>',
  text: 'Open https://id.example/login/verify#abc or <b>not</b> javascript:alert(1)',
  html: '<html><head></head></html>',
  atMs: 0,
}
const PAGES = [
  ...LOCALES.flatMap((locale) => [startPage(locale), verifyPage(locale)]),
  demoPage('https://id.example', 'http://127.0.0.1:8080/v1/check'),
  mailboxPage([mail]),
]

describe('the pages', () => {
  it('carry no script, style or handler inline, and load nothing from elsewhere', () => {
    for (const page of PAGES) {
      expect(page).not.toMatch(/<script(?![^>]* src="\/login\/assets\/)/)
      expect(page).not.toMatch(/<style|\sstyle=/)
      expect(page.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[^>]*\son\w+=/)
      for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) {
        expect(address).toMatch(/^\/|^data:,$|^https:\/\/id\.example\/login\/verify#abc$/)
      }
    }
  })

  it('name only files that are there', () => {
    const assets = pageAssets()
    for (const page of PAGES) {
      for (const [, path] of page.matchAll(/"(\/login\/assets\/[^"]+)"/g)) expect([...assets.keys()]).toContain(path)
    }
    for (const [, { body }] of assets)
      for (const [, name] of body.matchAll(/from '\.\/([^']+)'/g)) expect(assets.has(`/login/assets/${name}`)).toBe(true)
  })

  it('have every element that their script asks for', () => {
    const assets = pageAssets()
    for (const page of PAGES) {
      const script = /src="(\/login\/assets\/[^"]+)"/.exec(page)?.[1]
      if (script === undefined) continue
      for (const [, id] of (assets.get(script)?.body ?? '').matchAll(/element\('([\w-]+)'\)/g)) expect(page).toContain(` id="${id}"`)
      for (const id of ['status', 'problem', 'messages']) expect(page).toContain(`id="${id}"`)
    }
  })

  it('never insert anything as HTML', () => {
    for (const [path, { body }] of pageAssets()) {
      if (path.endsWith('.js')) expect(body).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/)
    }
  })

  it('label every field, name their language, and say what to do without scripts', () => {
    for (const locale of LOCALES) {
      for (const page of [startPage(locale), verifyPage(locale)]) {
        expect(page).toContain(`<html lang="${locale}">`)
        expect(page).toContain('<noscript>')
        expect(page).toMatch(/role="alert"/)
        for (const [, id] of page.matchAll(/<input id="([^"]+)"/g)) expect(page).toContain(`<label for="${id}">`)
      }
    }
  })

  it('have every word in each language', () => {
    const paths = (value: object, at = ''): string[] =>
      Object.entries(value).flatMap(([name, part]) => (typeof part === 'string' ? [`${at}${name}`] : paths(part, `${at}${name}.`)))
    expect(paths(PAGE_TEXTS.fr)).toEqual(paths(PAGE_TEXTS.en))
    for (const text of paths(PAGE_TEXTS.en)) expect(text).not.toBe('')
  })

  it('show mails as text, with links that can be followed and nothing else', () => {
    const page = mailboxPage([mail])
    expect(page).toContain('<a href="https://id.example/login/verify#abc">')
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(page).toContain('&lt;b&gt;not&lt;/b&gt;')
    expect(page).not.toContain('href="javascript:')
  })
})

describe('the language of a page', () => {
  it.each([
    ['fr', 'en', 'fr'],
    [undefined, undefined, 'en'],
    [undefined, 'fr', 'fr'],
    [undefined, 'fr-CH, fr;q=0.9, en;q=0.8', 'fr'],
    [undefined, 'de, en;q=0.5, fr;q=0.7', 'fr'],
    [undefined, 'fr;q=0, en', 'en'],
    [undefined, 'fr;q=0', 'en'],
    [undefined, ';;;,=, fr;q=9', 'en'],
    ['de', 'fr', 'fr'],
    ['__proto__', '*', 'en'],
  ])('asked %s, browser %s: %s', (asked, header, expected) => {
    expect(localeOf(asked, header)).toBe(expected)
  })
})
