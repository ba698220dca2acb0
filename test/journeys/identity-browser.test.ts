/** The login as a person meets it: a real browser, the pages, the mailed link. Opening consumes nothing; the click signs in. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { ask, call, get, type IdentityWires, openIdentityWires, send } from '../identity/transport/identity-wires.ts'
import { openAddressWitness } from '../support/address-witness.ts'
import { openBrowser } from '../support/browser.ts'

let wires: IdentityWires
let browser: Browser
beforeAll(async () => {
  wires = await openIdentityWires()
  const { store } = wires.house
  await store.change(({ identity }) => identity.insertClient({ id: 'demo', name: 'Demo', redirectUris: [`${wires.issuer}/dev/app`] }))
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await wires?.close()
})

const faults: string[] = []
const witness = openAddressWitness()

/** A browser of its own, with no cookies. Whatever its console or its network complains of is remembered. */
async function openContext(locale = 'en-GB', more: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ locale, viewport: { width: 320, height: 640 }, ...more })
  witness.watch(context)
  context.on('console', (message) => {
    // A refused attempt is answered with 401; the browser notes that.
    if (message.type() === 'error' && !/status of 40[01]|status of 409/.test(message.text())) faults.push(message.text())
  })
  context.on('weberror', (fault) => void faults.push(fault.error().message))
  context.on('request', (request) => {
    if (new URL(request.url()).origin !== wires.issuer && !request.url().startsWith('data:')) faults.push(request.url())
  })
  return context
}

const startPath = (more = '') => `${wires.issuer}/login?clientId=demo&redirectUri=${encodeURIComponent(`${wires.issuer}/dev/app`)}${more}`

async function askOnPage(page: Page, email = 'bob@hospital.example'): Promise<{ readonly link: string; readonly code: string }> {
  await page.goto(startPath())
  await page.locator('#email').fill(email)
  await page.keyboard.press('Enter')
  await page.locator('#sent').waitFor()
  const mail = (await wires.mails()).find((kept) => kept.to === email)
  const link = /https?:\S+\/login\/verify#\S+/.exec(mail?.text ?? '')?.[0] ?? ''
  const code = /^(\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? ''
  witness.keep('link token', link.split('#')[1] ?? '')
  witness.keep('code', code)
  return { link, code }
}

/** @returns the link token */
async function askForToken(): Promise<string> {
  const { token, code, binding } = await ask(wires)
  witness.keep('link token', token)
  witness.keep('code', code)
  witness.keep('cookie', binding.split('=')[1] ?? '')
  return token
}

/** No page is wider than the smallest screen. */
async function fits(page: Page): Promise<boolean> {
  return await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth')
}

async function sessionsOf(user: string): Promise<number> {
  return (await wires.house.store.identity.listSessions(user, { pageSize: 100 })).items.length
}

describe('a login in a browser', () => {
  it('goes from the start page over the mailed link to the application, and consumes nothing before the click', async () => {
    const context = await openContext()
    const page = await context.newPage()
    const { link } = await askOnPage(page)
    expect(await fits(page)).toBe(true)
    const before = await sessionsOf('bob')
    for (let time = 0; time < 20; time += 1) {
      await send(wires.port, { method: time % 2 === 0 ? 'GET' : 'HEAD', path: '/login/verify' })
    }
    // A scanner of mails that runs the page, in a browser of its own, and presses nothing.
    const scanner = await openContext()
    const scanned = await scanner.newPage()
    await scanned.goto(link)
    await scanned.locator('#agree').waitFor()
    await witness.close(scanner)
    expect(await sessionsOf('bob')).toBe(before)

    await page.goto(link)
    await page.locator('#agree').waitFor()
    expect(page.url()).toBe(`${wires.issuer}/login/verify`)
    expect(await page.locator('#account').textContent()).toMatch(/^b.*@hospital\.example$/)
    expect(await page.locator('#application').textContent()).toBe('Demo')
    expect(await page.locator('#other-device').isVisible()).toBe(false)
    expect(await fits(page)).toBe(true)
    expect(await sessionsOf('bob')).toBe(before)
    await page.getByRole('button', { name: 'Sign in here' }).click()
    await page.locator('#in').waitFor()
    expect(page.url()).toBe(`${wires.issuer}/dev/app`)
    expect(await page.locator('#user').textContent()).toBe('bob')
    expect(await sessionsOf('bob')).toBe(before + 1)
    // No script can read the cookies, and the page keeps no refresh token.
    expect(await page.evaluate('document.cookie')).toBe('')
    expect(
      (await context.cookies(wires.issuer)).map(({ name, httpOnly, secure, sameSite }) => ({ name, httpOnly, secure, sameSite })),
    ).toEqual(expect.arrayContaining([{ name: '__Host-castellan-refresh', httpOnly: true, secure: true, sameSite: 'Strict' }]))

    await page.locator('#renew').click()
    await page.locator('#in').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.locator('#out').waitFor()
    expect(await sessionsOf('bob')).toBe(before)
    await page.reload()
    await page.locator('#out').waitFor()
    await witness.close(context)
  })

  it('says on another device that it is another one, and refuses the link the second time', async () => {
    const asking = await openContext()
    const { link } = await askOnPage(await asking.newPage())
    const phone = await openContext('en-GB', { userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/605.1' })
    const page = await phone.newPage()
    await page.goto(link)
    await page.locator('#other-device').waitFor()
    expect(await page.locator('#device').textContent()).not.toMatch(/iPhone/)
    await page.getByRole('button', { name: 'Sign in here' }).click()
    await page.locator('#in').waitFor()
    const second = await asking.newPage()
    await second.goto(link)
    await second.locator('#problem:not(:empty)').waitFor()
    expect(await second.locator('#problem').textContent()).toContain('not valid')
    expect(await second.locator('#agree').isVisible()).toBe(false)
    await witness.close(asking)
    await witness.close(phone)
  })

  it('takes the code in the page that asked, by keyboard alone, after a wrong one', async () => {
    const context = await openContext()
    const page = await context.newPage()
    const { code } = await askOnPage(page)
    // Where somebody who reads by ear is taken; the next stop is the field.
    expect(await page.evaluate('document.activeElement.id')).toBe('sent-title')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.id')).toBe('code')
    await page.keyboard.type(code === '000000' ? '000001' : '000000')
    await page.keyboard.press('Enter')
    await page.locator('#problem:not(:empty)').waitFor()
    await page.locator('#code').fill('')
    await page.keyboard.type(`${code.slice(0, 3)} ${code.slice(3)}`)
    await page.keyboard.press('Enter')
    await page.locator('#in').waitFor()
    expect(await page.locator('#user').textContent()).toBe('bob')
    await witness.close(context)
  })

  it('lets a person of several tenants choose one', async () => {
    const context = await openContext()
    const page = await context.newPage()
    const { link } = await askOnPage(page, 'ann@hospital.example')
    await page.goto(link)
    await page.getByRole('radio', { name: 'south' }).check()
    await page.getByRole('button', { name: 'Sign in here' }).click()
    await page.locator('#in').waitFor()
    expect(await page.locator('#tenant').textContent()).toBe('south')
    await witness.close(context)
  })

  it('asks for a tenant after the code, too', async () => {
    const context = await openContext()
    const page = await context.newPage()
    const { code } = await askOnPage(page, 'ann@hospital.example')
    await page.locator('#code').fill(code)
    await page.keyboard.press('Enter')
    await page.getByRole('radio', { name: 'north' }).check()
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.locator('#in').waitFor()
    expect(await page.locator('#tenant').textContent()).toBe('north')
    await witness.close(context)
  })

  it('is French for who reads French, from the first page to the last', async () => {
    const context = await openContext('fr-FR')
    const page = await context.newPage()
    const { link } = await askOnPage(page)
    expect(await page.locator('#sent-title').textContent()).toBe('Consultez votre messagerie')
    // The mail is opened in an English browser: the page goes on in the language of the login.
    const english = await openContext('en-GB')
    const other = await english.newPage()
    await other.goto(link)
    await other.getByRole('button', { name: 'Se connecter ici' }).waitFor()
    expect(other.url()).toBe(`${wires.issuer}/login/verify?locale=fr`)
    await witness.close(english)
    await page.goto(link)
    expect(await page.title()).toBe('Voulez-vous vous connecter ?')
    await page.getByRole('button', { name: 'Se connecter ici' }).click()
    await page.locator('#in').waitFor()
    await witness.close(context)
  })

  it('changes the language on request, without losing what it is about', async () => {
    const context = await openContext()
    const page = await context.newPage()
    await page.goto(startPath('&tenant=north'))
    await page.getByRole('link', { name: 'Français' }).click()
    await page.getByRole('button', { name: 'Envoyez-moi un lien' }).waitFor()
    expect(new URL(page.url()).searchParams.get('tenant')).toBe('north')
    const token = await askForToken()
    await page.goto(`${wires.issuer}/login/verify#${token}`)
    await page.locator('#agree').waitFor()
    await page.getByRole('link', { name: 'Français' }).click()
    await page.getByRole('button', { name: 'Se connecter ici' }).waitFor()
    expect(page.url()).toBe(`${wires.issuer}/login/verify?locale=fr`)
    await witness.close(context)
  })

  it('says what is missing: an application, an address, the link itself, scripts', async () => {
    const context = await openContext()
    const page = await context.newPage()
    await page.goto(`${wires.issuer}/login`)
    expect(await page.locator('#problem').textContent()).toContain('which application')
    await page.goto(startPath())
    await page.locator('#email').fill('bob')
    await page.keyboard.press('Enter')
    await page.locator('#problem:not(:empty)').waitFor()
    expect(await page.evaluate('document.activeElement.id')).toBe('email')
    await page.goto(`${wires.issuer}/login/verify`)
    expect(await page.locator('#problem').textContent()).toContain('not complete')
    await witness.close(context)
    const without = await openContext('en-GB', { javaScriptEnabled: false })
    const plain = await without.newPage()
    const token = await askForToken()
    await plain.goto(`${wires.issuer}/login/verify#${token}`)
    expect(await plain.locator('noscript').textContent()).toContain('JavaScript')
    await witness.close(without, false)
    expect((await call(wires, 'POST', '/v1/login/verify', { token })).status).toBe(200)
  })

  it('begins at the mailbox of development, too: its links can be followed', async () => {
    const context = await openContext()
    const page = await context.newPage()
    await askOnPage(page)
    await page.goto(`${wires.issuer}/dev/mailbox`)
    await page.locator('article a[href*="/login/verify#"]').first().click()
    await page.getByRole('button', { name: 'Sign in here' }).click()
    await page.locator('#in').waitFor()
    await witness.close(context)
  })

  it('loaded nothing from elsewhere, broke no policy and threw nothing, and no secret was in any address', async () => {
    expect(faults).toEqual([])
    for (const kind of ['link token', 'code', 'cookie', 'token']) expect([kind, witness.kinds()[kind]]).toEqual([kind, expect.any(Number)])
    expect(witness.findings()).toEqual([])
    const { request, referer, history } = witness.places()
    for (const times of [request, history]) expect(times).toBeGreaterThan(4)
    expect(referer).toBeUndefined()
    expect(JSON.stringify(wires.logged)).not.toMatch(/verify#|"level":"error"/)
    expect((await get(wires, '/livez')).status).toBe(200)
  })
})
