/** The example application on a real development service: signed in through the sidecar, held by the guard on each route. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Client, createClient } from 'castellan/client'
import { createTokenVerifier } from 'castellan/client/token'
import express, { type Express } from 'express'
import { openOffice } from '../../examples/office/app.ts'
import type { Guard } from '../../examples/office/guard.ts'
import type { Permission } from '../../examples/office/permissions.ts'
import { endCover, giveCover, prepare, type Service, TENANT } from '../../examples/office/prepare.ts'
import { packageRoot } from '../../src/ground/package-root.ts'
import { openBrowser } from '../support/browser.ts'
import { type RunningService, startDev } from '../support/castellan-process.ts'
import { runCommand } from '../support/command-line.ts'

let folder: string
let dev: RunningService & { readonly identity: string }
let service: Service
let client: Client<Permission>
let server: Server
let office: { readonly app: Express; readonly guard: Guard }
let origin: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-office-'))
  dev = await startDev({ cwd: folder })
  service = { url: dev.url, identity: dev.identity, key: dev.key }
  // The port comes before the application: the login has to name it.
  const outer = express()
  server = outer.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // Long: what is tried is what the office answers, and a busy machine is slow, not wrong.
  const credentials = { key: await prepare(service, origin) }
  client = createClient<Permission>({ target: dev.grpc, credentials, deadlineMs: 60_000 })
  const verifier = createTokenVerifier({ issuer: dev.identity, audience: 'castellan' })
  office = openOffice({ client, verifier, issuer: dev.identity, origin, tenant: TENANT })
  outer.use(office.app)
})
afterAll(async () => {
  server?.closeAllConnections()
  server?.close()
  await client?.close()
  dev?.process.kill('SIGKILL')
  await dev?.process.ended
  rmSync(folder, { recursive: true, force: true })
})

interface Visitor {
  readonly cookies: Map<string, string>
  /** As a page of the office sends it. */
  send(
    method: string,
    url: string,
    more?: { readonly headers?: Record<string, string>; readonly body?: string | URLSearchParams },
  ): Promise<Seen>
}
interface Seen {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** What a browser does with cookies and origins; what it does with pages is in the browser's own test. */
function openVisitor(): Visitor {
  const cookies = new Map<string, string>()
  return {
    cookies,
    async send(method, url, { headers = {}, body } = {}) {
      const answer = await fetch(new URL(url, origin), {
        method,
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(method === 'GET' ? {} : { origin }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      })
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
        if (value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      return { status: answer.status, headers: answer.headers, text: await answer.text() }
    },
  }
}

/** From the first page over the mailed link to the session: each step that the pages take. */
async function signIn(user: string): Promise<Visitor> {
  const visitor = openVisitor()
  const json = { 'content-type': 'application/json' }
  const first = await visitor.send('GET', '/')
  expect([first.status, first.headers.get('location')]).toEqual([303, '/signed-in?to=%2F'])
  const redirectUri = `${origin}/signed-in`
  expect((await visitor.send('GET', '/signed-in')).text).toContain(encodeURIComponent(redirectUri))
  const asked = { email: `${user}@example.org`, clientId: 'office', redirectUri, tenant: TENANT }
  expect((await visitor.send('POST', `${dev.identity}/v1/login/start`, { headers: json, body: JSON.stringify(asked) })).status).toBe(202)
  const token = await linkToken(`${user}@example.org`)
  const own = { ...json, origin: dev.identity, 'x-castellan-csrf': '1' }
  const verified = await visitor.send('POST', `${dev.identity}/v1/login/verify`, {
    headers: own,
    body: JSON.stringify({ token, cookie: true }),
  })
  expect([verified.status, JSON.parse(verified.text)['redirectUri']]).toEqual([200, redirectUri])
  expect((await renew(visitor)).status).toBe(204)
  return visitor
}

async function linkToken(address: string): Promise<string> {
  for (;;) {
    const mails = (await (await fetch(`${dev.identity}/dev/mailbox?format=json`)).json()) as {
      readonly mails: readonly { readonly to: string; readonly text: string }[]
    }
    const mail = mails.mails.find(({ to }) => to === address)
    const token = /\/login\/verify\S*#(\S+)/.exec(mail?.text ?? '')?.[1]
    if (token !== undefined) return token
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** As assets/login.js does. */
async function renew(visitor: Visitor): Promise<Seen> {
  const answer = await visitor.send('POST', `${dev.identity}/oauth/token`, {
    headers: { 'x-castellan-csrf': '1' },
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'office' }),
  })
  if (answer.status !== 200) return answer
  const { access_token: token } = JSON.parse(answer.text) as { readonly access_token: string }
  return await visitor.send('POST', '/session', { headers: { authorization: `Bearer ${token}` } })
}

const form = (fields: Record<string, string>) => ({ body: new URLSearchParams(fields) })
const QUOTE = { customer: 'A <b>customer</b>', amount: '500', discountPercent: '0', region: 'north' }
const PAYOUT = { payee: 'A payee', amount: '80' }

/** Its id, by what the page says of the newest. */
function newest(text: string, kind: 'quotes' | 'payouts'): string {
  return new RegExp(`/${kind}/([a-z]-\\d+)/`).exec(text)?.[1] ?? ''
}

describe('the office', () => {
  let ann: Visitor
  let cleo: Visitor
  let abe: Visitor
  let mia: Visitor
  beforeAll(async () => {
    ;[ann, cleo, abe, mia] = await Promise.all([signIn('ann'), signIn('cleo'), signIn('abe'), signIn('mia')])
  })

  it('shows each person the pages that they may open', async () => {
    const menuOf = async (visitor: Visitor) =>
      [...((/<nav>.*<\/nav>/s.exec((await visitor.send('GET', '/')).text)?.[0] ?? '').matchAll(/href="(\/\w+)"/g) ?? [])].map(
        ([, path]) => path,
      )
    expect(await menuOf(ann)).toEqual(['/sales'])
    expect(await menuOf(abe)).toEqual(['/finance', '/reports'])
    const refused = await ann.send('GET', '/finance')
    expect(refused.status).toBe(403)
    expect(refused.text).toMatch(/None of your roles includes this.*finance\.page\.view.*ROLE_LACKS_PERMISSION.*<dd>[0-9a-f-]{36}<\/dd>/s)
  })

  it('lets Ann write a quote and send it, and no payout; what she typed is text', async () => {
    expect((await ann.send('POST', '/sales/quotes', form(QUOTE))).status).toBe(303)
    const page = await ann.send('GET', '/sales')
    expect(page.text).toContain('A &#60;b&#62;customer&#60;/b&#62;')
    expect((await ann.send('POST', `/sales/quotes/${newest(page.text, 'quotes')}/send`)).status).toBe(303)
    const refused = await ann.send('POST', '/finance/payouts', form(PAYOUT))
    expect([refused.status, refused.text.includes('finance.payout.create')]).toEqual([403, true])
    expect((await cleo.send('GET', '/finance')).text).not.toContain('A payee')
  })

  it('keeps the conditions of the policy: the amount, the region, who wrote it', async () => {
    await ann.send('POST', '/sales/quotes', form({ ...QUOTE, amount: '10001' }))
    const large = newest((await ann.send('GET', '/sales')).text, 'quotes')
    const refused = await ann.send('POST', `/sales/quotes/${large}/send`)
    expect([refused.status, refused.text.includes('Quotes over 10,000')]).toEqual([403, true])
    expect((await mia.send('POST', `/sales/quotes/${large}/approve`)).status).toBe(303)
    expect((await mia.send('POST', `/sales/quotes/${large}/send`)).status).toBe(303)
    // q-3 is of the south.
    expect((await mia.send('POST', '/sales/quotes/q-3/approve')).status).toBe(403)
    expect((await mia.send('POST', '/sales/quotes/q-999/approve')).status).toBe(404)
  })

  it('has four eyes on a payout', async () => {
    await cleo.send('POST', '/finance/payouts', form(PAYOUT))
    const payout = newest((await cleo.send('GET', '/finance')).text, 'payouts')
    expect((await cleo.send('POST', `/finance/payouts/${payout}/approve`)).status).toBe(403)
    // p-2 is Abe's own.
    const own = await abe.send('POST', '/finance/payouts/p-2/approve')
    expect([own.status, own.text.includes('Four eyes'), own.text.includes('CONDITION_FAILED')]).toEqual([403, true, true])
    expect((await abe.send('POST', `/finance/payouts/${payout}/approve`)).status).toBe(303)
    expect((await abe.send('GET', '/finance')).text).toContain('released')
  })

  it('follows a cover with the next click, and its end with the next', async () => {
    await giveCover(service, 'ann', Date.now())
    expect((await ann.send('POST', '/finance/payouts', form(PAYOUT))).status).toBe(303)
    await endCover(service, 'ann')
    expect((await ann.send('POST', '/finance/payouts', form(PAYOUT))).status).toBe(403)
  })

  it('answers programs with problem bodies', async () => {
    const refused = await ann.send('GET', '/finance', { headers: { accept: 'application/json' } })
    expect([refused.status, refused.headers.get('content-type')]).toEqual([403, 'application/problem+json'])
    expect(JSON.parse(refused.text)).toMatchObject({ status: 403, reason: 'ROLE_LACKS_PERMISSION', decisionId: expect.any(String) })
    const missing = await mia.send('POST', '/sales/quotes/q-999/approve', { headers: { accept: 'application/json' } })
    expect([missing.status, JSON.parse(missing.text)]).toEqual([
      404,
      { type: 'about:blank', status: 404, title: 'There is no such quote.' },
    ])
    expect((await openVisitor().send('GET', '/sales', { headers: { accept: 'application/json' } })).status).toBe(401)
  })

  it('takes no form from elsewhere, and nothing that makes no sense', async () => {
    const elsewhere = { headers: { origin: 'https://elsewhere.example' }, ...form(QUOTE) }
    expect((await ann.send('POST', '/sales/quotes', elsewhere)).status).toBe(403)
    expect((await ann.send('POST', '/sales/quotes', form({ ...QUOTE, amount: '-1' }))).status).toBe(400)
    expect((await ann.send('POST', '/sales/quotes', form({ ...QUOTE, region: 'moon' }))).status).toBe(400)
    expect((await ann.send('POST', '/sales/quotes')).status).toBe(400)
  })

  it('keeps the token to itself, and begins each session under a new name', async () => {
    const [cookie] = [...ann.cookies.keys()].filter((name) => name.includes('office'))
    expect(cookie).toBe('__Host-office')
    const before = ann.cookies.get('__Host-office')
    const renewed = await renew(ann)
    expect(renewed.headers.getSetCookie().join()).toMatch(
      /^__Host-office=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
    )
    expect(ann.cookies.get('__Host-office')).not.toBe(before)
    expect((await ann.send('GET', '/sales')).status).toBe(200)
    const stolen = openVisitor()
    stolen.cookies.set('__Host-office', before ?? '')
    expect((await stolen.send('GET', '/sales')).status).toBe(303)
    const forged = await openVisitor().send('POST', '/session', { headers: { authorization: 'Bearer a.b.c' } })
    expect([forged.status, forged.headers.getSetCookie()]).toEqual([401, []])
  })

  it('lets nobody in whose login ended elsewhere', async () => {
    const sue = await signIn('sue')
    expect((await sue.send('GET', '/finance')).status).toBe(200)
    const ended = await sue.send('POST', `${dev.identity}/v1/logout`, { headers: { 'x-castellan-csrf': '1' } })
    expect(ended.status).toBe(204)
    const next = await sue.send('GET', '/finance')
    expect([next.status, next.headers.get('location')]).toEqual([303, '/signed-in?to=%2Ffinance'])
    expect((await sue.send('POST', '/finance/payouts', form(PAYOUT))).status).toBe(401)
    expect((await renew(sue)).status).not.toBe(204)
  })

  it('signs out', async () => {
    const ada = await signIn('ada')
    expect((await ada.send('POST', '/agents/tickets/t-2/answer')).status).toBe(403)
    expect((await ada.send('POST', '/agents/tickets/t-1/answer')).status).toBe(303)
    const kept = openVisitor()
    kept.cookies.set('__Host-office', ada.cookies.get('__Host-office') ?? '')
    expect((await kept.send('GET', '/agents')).status).toBe(200)
    expect((await ada.send('POST', '/sign-out')).status).toBe(204)
    expect((await ada.send('GET', '/agents')).status).toBe(303)
    expect((await kept.send('GET', '/agents')).status).toBe(303)
  })

  it('is all that a browser needs: from the first page over the mailbox to a button that is refused, and out again', async () => {
    const browser = await openBrowser()
    try {
      const faults: string[] = []
      const context = await browser.newContext({ locale: 'en-GB' })
      context.on('console', (message) => {
        // A browser notes each answer that is no success; these are meant.
        if (message.type() === 'error' && !/status of 40[013]/.test(message.text())) faults.push(message.text())
      })
      context.on('weberror', (fault) => void faults.push(fault.error().message))
      const page = await context.newPage()
      await page.goto(`${origin}/agents`)
      await page.locator('#email').fill('dora@example.org')
      await page.keyboard.press('Enter')
      await page.locator('#sent').waitFor()
      await page.goto(`${dev.identity}/login/verify#${await linkToken('dora@example.org')}`)
      await page.getByRole('button', { name: 'Sign in here' }).click()
      await page.locator('#user').waitFor()
      expect([page.url(), await page.locator('#user').textContent()]).toEqual([`${origin}/`, 'dora'])
      await page.getByRole('link', { name: 'Finance' }).first().click()
      await page.getByRole('button', { name: 'Release' }).first().click()
      await page.locator('#reason').waitFor()
      expect(await page.locator('#reason').textContent()).toBe('ROLE_LACKS_PERMISSION')
      // The session is forgotten, as after a restart: the login still lives, and the person notices nothing.
      await context.clearCookies({ name: '__Host-office' })
      await page.goto(`${origin}/reports`)
      await page.locator('#user').waitFor()
      expect(page.url()).toBe(`${origin}/reports`)
      expect(await page.evaluate('document.cookie')).toBe('')
      // A browser that refuses the cookie of the session goes round once, and is told why.
      await context.clearCookies({ name: '__Host-office' })
      await context.route('**/session', async (route) => {
        if (route.request().method() === 'POST') await route.fulfill({ status: 204 })
        else await route.continue()
      })
      await page.goto(`${origin}/reports`)
      await page.locator('#no-cookie').waitFor()
      expect(page.url()).toBe(`${origin}/no-cookie`)
      await context.unroute('**/session')
      await page.goto(`${origin}/reports`)
      await page.locator('#user').waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.locator('#signed-out').waitFor()
      await page.goto(`${origin}/sales`)
      await page.locator('#email').waitFor()
      // As the login service sends people back whose browser refused its own cookie.
      await page.goto(`${origin}/signed-in`)
      await page.locator('#no-cookie').waitFor()
      expect(faults).toEqual([])
    } finally {
      await browser.close()
    }
  })

  it('has no route that nobody guards, and a test that would tell', () => {
    expect(office.guard.unguarded(office.app)).toEqual([])
    const careless = express().use(office.app)
    careless.get('/salaries', (_request, response) => void response.send('all of them'))
    expect(office.guard.unguarded(careless)).toEqual(['GET /salaries'])
  })

  it('asks by the names that the policy has', async () => {
    const names = 'examples/office/permissions.ts'
    expect(
      await runCommand(['codegen', join(packageRoot(), 'policies/office'), '--check', '--out', join(packageRoot(), names)]),
    ).toMatchObject({
      code: 0,
    })
    expect(readFileSync(join(packageRoot(), names), 'utf8')).toContain('sales.quote.send')
  })

  it('lets nobody through while the service is away', async () => {
    dev.process.kill('SIGKILL')
    await dev.process.ended
    const page = await ann.send('POST', '/sales/quotes', form(QUOTE))
    expect([page.status, page.headers.get('retry-after'), page.text.includes('Nothing was done')]).toEqual([503, '5', true])
    const json = await ann.send('GET', '/sales', { headers: { accept: 'application/json' } })
    expect([json.status, JSON.parse(json.text)]).toEqual([503, expect.objectContaining({ status: 503, code: 'unavailable' })])
  })
})
