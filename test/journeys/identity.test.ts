/**
 * A person's way through login, removal and return, in a browser: two decision replicas and the identity service as processes, on real PostgreSQL,
 * Redis and SMTP; and that none of its secrets is left anywhere.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createWebServer, type Server } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { type MailServer, readable, startMailServer } from '../identity/mail/mail-server.ts'
import { openAddressWitness } from '../support/address-witness.ts'
import { openBrowser } from '../support/browser.ts'
import { ask, type RunningCastellan, type RunningService, runCastellan, startCastellan, startServe } from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis, type TestRedis, until } from '../support/redis.ts'
import { KeptSecrets } from './kept-secrets.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const SECRET = Buffer.alloc(32, 42).toString('base64')
const MAIL_PASSWORD = 'mail-password-of-the-journey'
const policies = fileURLToPath(new URL('../../policies', import.meta.url))
const CLIENT = 'portal'
const EMAIL = 'ann@example.org'
const REFRESH_COOKIE = '__Host-castellan-refresh'

let folder: string
let postgres: TestPostgres
let redis: TestRedis
let smtp: MailServer
let portal: { readonly server: Server; readonly url: string }
let browser: Browser
let replicas: readonly [RunningService, RunningService]
let identity: { readonly process: RunningCastellan; readonly url: string; readonly probes: string }
/** Everything that nobody may find anywhere. */
const secrets = new KeptSecrets()
secrets.keep('first administrator key', KEY)
secrets.keep('identity secret', SECRET)
secrets.keep('mail password', MAIL_PASSWORD)
const addresses = openAddressWitness()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-identity-'))
  ;[postgres, redis, browser] = await Promise.all([openTestPostgres(), startRedis(), openBrowser()])
  smtp = await startMailServer({
    authOptional: false,
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'castellan' && password === MAIL_PASSWORD ? done(null, { user: username }) : done(new Error('wrong password')),
  })
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  portal = await openPortal(issuer)
  const environment = {
    CASTELLAN_DATABASE_URL: postgres.url,
    CASTELLAN_REDIS_URL: redis.url,
    CASTELLAN_POLICIES: policies,
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
    CASTELLAN_ISSUER: issuer,
    CASTELLAN_TOKEN_AUDIENCE: 'https://api.example.org',
    // Whatever may be logged is.
    CASTELLAN_LOG_LEVEL: 'trace',
  }
  expect(await runCastellan(['migrate'], { cwd: folder, environment })).toMatchObject({ code: 0 })
  replicas = [await startServe(KEY, { cwd: folder, environment }), await startServe(KEY, { cwd: folder, environment })]
  const process = startCastellan(['identity'], {
    cwd: folder,
    environment: {
      ...environment,
      CASTELLAN_ADMIN_KEY: KEY,
      CASTELLAN_IDENTITY_PORT: String(port),
      CASTELLAN_IDENTITY_SECRET: SECRET,
      CASTELLAN_SMTP_URL: `smtp://castellan:${MAIL_PASSWORD}@127.0.0.1:${smtp.port}`,
      CASTELLAN_MAIL_FROM: 'Castellan <login@example.org>',
    },
  })
  const [, http, probes] = await process.seen(/"ports":\{"http":(\d+),"probes":(\d+)\}/)
  identity = { process, url: `http://127.0.0.1:${http}`, probes: `http://127.0.0.1:${probes}` }
})
afterAll(async () => {
  await browser?.close()
  const processes = [...(replicas ?? []).map((replica) => replica.process), ...(identity === undefined ? [] : [identity.process])]
  for (const process of processes) process.kill('SIGKILL')
  await Promise.all(processes.map((process) => process.ended))
  portal?.server.close()
  await smtp?.close()
  await redis?.stop()
  await postgres?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The application: a page on an origin of its own, which gets its access token by the cookie that it cannot read. */
async function openPortal(issuer: string): Promise<typeof portal> {
  const page = `<!doctype html><title>Portal</title><script>
const headers = { 'x-castellan-csrf': '1' }
async function renew() {
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: '${CLIENT}' })
  const answer = await fetch('${issuer}/oauth/token', { method: 'POST', credentials: 'include', headers, body })
  return { status: answer.status, json: await answer.json() }
}
</script>`
  const server = createWebServer((request, response) => {
    const known = request.url === '/signed-in'
    response.writeHead(known ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(known ? page : '')
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
  return { server, url: `http://127.0.0.1:${port}/signed-in` }
}

/** The issuer has to be known before the service listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many forms
  readonly json: any
}

async function call(
  method: string,
  path: string,
  body?: object | URLSearchParams,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer & { readonly cookie: string }> {
  const json = body === undefined || body instanceof URLSearchParams ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(`${identity.url}${path}`, {
    method,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { body: body instanceof URLSearchParams ? body : JSON.stringify(body) }),
  })
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  return { status: answer.status, json: JSON.parse((await answer.text()) || '{}'), cookie }
}
const asAdministrator = { authorization: `Bearer ${KEY}` }

interface Secrets {
  readonly link: string
  readonly token: string
  readonly code: string
}

/** What the mail that `asking` brings about says to who reads it. */
async function readMail<T>(asking: () => Promise<T>): Promise<Secrets & { readonly asked: T }> {
  const before = smtp.received.length
  const asked = await asking()
  await until(() => smtp.received.length > before)
  const mail = smtp.received.at(-1)
  expect(mail?.to).toEqual([EMAIL])
  const text = readable(mail?.raw ?? '')
  const [link = '', base, token = ''] = /(http:\S+)\/login\/verify#([A-Za-z0-9_-]{43})/.exec(text) ?? []
  expect(base).toBe(identity.url)
  const [code = ''] = /^\d{6}(?=\r?$)/m.exec(text) ?? []
  for (const [kind, secret] of [
    ['link token', token],
    ['code', code],
  ] as const) {
    secrets.keep(kind, secret)
    addresses.keep(kind, secret)
  }
  return { link, token, code, asked }
}

/** A browser that nobody has used. */
async function newBrowser(): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'en-GB' })
  addresses.watch(context)
  return context
}

/** On the page of the login, as a person does. */
function askOnPage(page: Page): Promise<Secrets> {
  return readMail(async () => {
    const query = new URLSearchParams({ clientId: CLIENT, redirectUri: portal.url, tenant: 'acme' })
    await page.goto(`${identity.url}/login?${query}`)
    await page.locator('#email').fill(EMAIL)
    await page.keyboard.press('Enter')
    await page.locator('#sent').waitFor()
  })
}

async function keepCookies(context: BrowserContext): Promise<void> {
  for (const { name, value } of await context.cookies(identity.url))
    secrets.keep(name === REFRESH_COOKIE ? 'refresh cookie' : 'binding cookie', value)
}

/** What the application gets when it asks by the cookie of this browser. */
async function renewInPage(page: Page): Promise<Answer> {
  await keepCookies(page.context())
  const answer: Answer = await page.evaluate('renew()')
  await keepCookies(page.context())
  if (answer.status === 200) keepAccessToken(answer.json.access_token)
  return answer
}

function keepAccessToken(token: string, kind = 'access token'): string {
  secrets.keep(kind, token)
  secrets.keep('signature', token.split('.')[2] ?? '')
  return token
}

const check = async (replica: RunningService, accessToken: string, permission = 'sales.quote.create') =>
  (await ask(replica, 'POST', '/v1/check', { accessToken, permission })).body

let service: { readonly id: string; readonly key: string }
const asService = () => ({ authorization: `Basic ${Buffer.from(`${service.id}:${service.key}`).toString('base64')}` })
const isActive = async (token: string) => (await call('POST', '/oauth/introspect', new URLSearchParams({ token }), asService())).json.active
const grant = (fields: Readonly<Record<string, string>>, headers = {}) => call('POST', '/oauth/token', new URLSearchParams(fields), headers)
const refused = { json: { code: 'login_refused' } }

describe('a person', () => {
  beforeAll(async () => {
    const [one] = replicas
    expect((await ask(one, 'PUT', '/v1/users/ann', { email: 'Ann@Example.org', displayName: 'Ann' })).status).toBe(200)
    for (const tenant of ['acme', 'globex'])
      expect((await ask(one, 'POST', `/v1/tenants/${tenant}/users/ann/assignments`, { role: 'salesperson' })).status).toBe(201)
    const made = (await ask(one, 'POST', '/v1/callers', { name: 'portal backend', scopes: ['decide'] })).body as {
      key: string
      caller: { id: string }
    }
    service = { id: made.caller.id, key: made.key }
    secrets.keep('caller key', made.key)
    const client = { name: 'Portal', redirectUris: [portal.url] }
    expect((await call('PUT', `/v1/login-clients/${CLIENT}`, client, asAdministrator)).status).toBe(200)
  })

  it('asks, clicks in the mail, is in, is removed, denied by the next check elsewhere, comes back by a new login only, and leaves', async () => {
    const [one, two] = replicas
    const [context, page] = await openPage()
    const { link, token: linkToken } = await askOnPage(page)

    // Nothing is consumed by who fetches the link, nor by who runs its page and presses nothing.
    for (let time = 0; time < 20; time++)
      expect((await fetch(`${identity.url}/login/verify`, { method: time % 2 === 0 ? 'GET' : 'HEAD' })).status).toBe(200)
    const [scanner, scanned] = await openPage()
    await scanned.goto(link)
    await scanned.locator('#agree').waitFor()
    await addresses.close(scanner)
    const sessions = async () => (await call('GET', '/v1/users/ann/sessions', undefined, asAdministrator)).json.sessions
    expect(await sessions()).toEqual([])

    await page.goto(link)
    await page.locator('#agree').waitFor()
    expect(await page.locator('#application').textContent()).toBe('Portal')
    await page.getByRole('button', { name: 'Sign in here' }).click()
    await page.waitForURL(portal.url)
    expect(await page.evaluate('document.cookie')).toBe('')
    const signedIn = await renewInPage(page)
    expect(signedIn).toMatchObject({ status: 200, json: { token_type: 'Bearer' } })
    expect(signedIn.json.refresh_token).toBeUndefined()
    const old: string[] = [signedIn.json.access_token]
    expect(await sessions()).toMatchObject([{ clientId: CLIENT, tenant: 'acme' }])
    expect(await call('POST', '/v1/login/verify', { token: linkToken })).toMatchObject(refused)

    const first = old[0] ?? ''
    for (const replica of [one, two]) expect(await check(replica, first)).toMatchObject({ allowed: true, via: ['salesperson'] })
    expect(await isActive(first)).toBe(true)
    old.push((await renewInPage(page)).json.access_token)
    for (const token of old) expect(await check(two, token)).toMatchObject({ allowed: true })
    // Another login of theirs is under way, in another browser.
    const [elsewhere, otherPage] = await openPage()
    const unused = await askOnPage(otherPage)

    const removal = await ask(one, 'POST', '/v1/users/ann/deactivate', { reason: 'left the company' })
    expect(removal).toMatchObject({ status: 200, body: { changed: true, effective: true } })
    expect(await check(two, first)).toMatchObject({ allowed: false, reason: 'ACCOUNT_DEACTIVATED' })
    const nothingOldWorks = async (reason: string) => {
      for (const token of old) {
        for (const replica of [two, one]) expect(await check(replica, token)).toMatchObject({ allowed: false, reason })
        expect(await isActive(token)).toBe(false)
        expect((await call('GET', '/v1/me', undefined, { authorization: `Bearer ${token}` })).status).toBe(401)
      }
      expect(await renewInPage(page)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
      expect(await call('POST', '/v1/login/verify', { token: unused.token })).toMatchObject(refused)
      await otherPage.locator('#code').fill(unused.code)
      await otherPage.keyboard.press('Enter')
      await otherPage.locator('#problem:not(:empty)').waitFor()
      expect(await otherPage.locator('#problem').textContent()).toContain('not valid')
    }
    await nothingOldWorks('ACCOUNT_DEACTIVATED')

    const back = await ask(one, 'POST', '/v1/users/ann/reactivate', { reason: 'came back' })
    expect(back).toMatchObject({ status: 200, body: { changed: true, effective: true } })
    await nothingOldWorks('TOKEN_REVOKED')

    const [again, anew] = await openPage()
    const fresh = await askOnPage(anew)
    await anew.locator('#code').fill(fresh.code)
    await anew.keyboard.press('Enter')
    await anew.waitForURL(portal.url)
    const token: string = (await renewInPage(anew)).json.access_token
    for (const replica of replicas) expect(await check(replica, token)).toMatchObject({ allowed: true, via: ['salesperson'] })
    await nothingOldWorks('TOKEN_REVOKED')
    expect((await call('POST', '/v1/logout', { scope: 'all' }, { authorization: `Bearer ${token}` })).status).toBe(204)
    expect(await check(two, token)).toMatchObject({ allowed: false, reason: 'TOKEN_REVOKED' })
    expect(await renewInPage(anew)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    for (const used of [context, elsewhere, again]) await addresses.close(used)
  })

  it('moves to another tenant and back out, all by one login, whose tokens no other application can use', async () => {
    const input = { email: EMAIL, clientId: CLIENT, tenant: 'acme' }
    const { token, asked } = await readMail(() => call('POST', '/v1/login/start', input))
    secrets.keep('binding cookie', asked.cookie.split('=')[1] ?? '')
    const signedIn = await call('POST', '/v1/login/verify', { token }, { cookie: asked.cookie })
    expect(signedIn).toMatchObject({ status: 200, json: { tenant: 'acme' } })
    keepAccessToken(signedIn.json.accessToken)
    secrets.keep('refresh token', signedIn.json.refreshToken)
    // In a body and not in a cookie, which pages of others could plant; and by the application that it was given to.
    const foreign = { grant_type: 'refresh_token', refresh_token: signedIn.json.refreshToken, client_id: 'other' }
    expect((await grant(foreign)).json.error).toMatch(/invalid_(grant|client)/)
    const renewed = await grant({ ...foreign, client_id: CLIENT })
    expect(renewed.status).toBe(200)
    secrets.keep('refresh token', renewed.json.refresh_token)
    const inAcme = keepAccessToken(renewed.json.access_token)
    const type = 'urn:ietf:params:oauth:token-type'
    const moving = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', client_id: CLIENT, tenant: 'globex' }
    const byAccessToken = await grant({ ...moving, subject_token: inAcme, subject_token_type: `${type}:access_token` })
    expect(byAccessToken.json.error).toBe('invalid_request')
    const moved = await grant({ ...moving, subject_token: renewed.json.refresh_token, subject_token_type: `${type}:refresh_token` })
    expect(moved.status).toBe(200)
    secrets.keep('exchanged refresh token', moved.json.refresh_token)
    const inGlobex = keepAccessToken(moved.json.access_token, 'exchanged token')
    for (const replica of replicas)
      for (const shown of [inAcme, inGlobex]) expect(await check(replica, shown)).toMatchObject({ allowed: true })

    const done = await call('POST', '/v1/logout', { scope: 'this' }, { authorization: `Bearer ${inGlobex}` })
    expect(done.status).toBe(204)
    for (const shown of [inGlobex, inAcme])
      expect(await check(replicas[1], shown)).toMatchObject({ allowed: false, reason: 'TOKEN_REVOKED' })
    for (const { json } of [renewed, moved])
      expect(await grant({ ...foreign, client_id: CLIENT, refresh_token: json.refresh_token })).toMatchObject({ status: 400 })
  })

  it('is asked about by services with tokens of their own, also while their key is being replaced', async () => {
    const granted = await grant({ grant_type: 'client_credentials' }, asService())
    expect(granted.status).toBe(200)
    keepAccessToken(granted.json.access_token, 'service token')
    const rotated = (await ask(replicas[0], 'POST', `/v1/callers/${service.id}/rotate`, { overlapSeconds: 3_600 })).body as { key: string }
    secrets.keep('rotated caller key', rotated.key)
    for (const key of [service.key, rotated.key]) {
      service = { ...service, key }
      const anew = await grant({ grant_type: 'client_credentials' }, asService())
      keepAccessToken(anew.json.access_token, 'service token')
      const question = { user: 'ann', tenant: 'acme', permission: 'sales.quote.create' }
      const answer = await ask({ ...replicas[1], key: anew.json.access_token }, 'POST', '/v1/check', question)
      expect(answer.body).toMatchObject({ allowed: true })
    }
  })
})

async function openPage(): Promise<[BrowserContext, Page]> {
  const context = await newBrowser()
  return [context, await context.newPage()]
}

/** Everything that is in Redis, keys and values of each type, as bytes in hex: a line each. */
function redisLines(): readonly string[] {
  const script = `local function hex(text) return (text:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end
local read = { string = {'get'}, hash = {'hgetall'}, set = {'smembers'}, list = {'lrange', 0, -1}, zset = {'zrange', 0, -1, 'withscores'}, stream = {'xrange', '-', '+'} }
local lines = {}
local function add(value) if type(value) == 'table' then for _, part in ipairs(value) do add(part) end elseif value then lines[#lines + 1] = hex(tostring(value)) end end
for _, key in ipairs(redis.call('keys', '*')) do
  add(key)
  local words = read[redis.call('type', key).ok]
  add(redis.call(words[1], key, unpack(words, 2)))
end
return lines`
  return redis.command('eval', script, '0')
}

describe('the secrets of this journey', () => {
  const found = (text: string) => secrets.foundIn(text)

  it('are many, of each kind, and each would be found in any of its forms', () => {
    expect(secrets.kinds()).toEqual(
      [
        ...[
          'access token',
          'binding cookie',
          'caller key',
          'code',
          'exchanged refresh token',
          'exchanged token',
          'first administrator key',
        ],
        ...['identity secret', 'link token', 'mail password', 'refresh cookie', 'refresh token', 'rotated caller key', 'service token'],
        'signature',
      ].sort(),
    )
    for (const form of secrets.forms()) expect(found(`{"a":"${form}"}`)).not.toEqual([])
  })

  it('are in no log of any process, which are at their most talkative', () => {
    for (const { process } of [...replicas, identity]) {
      const lines = process.out() + process.err()
      expect(lines).toContain('"level":"info"')
      expect(found(lines)).toEqual([])
      expect(lines).not.toMatch(/ann@example\.org/i)
      expect(lines).not.toMatch(/PRIVATE KEY/)
    }
  })

  it('are in no metric', async () => {
    for (const { probes } of [...replicas, identity]) {
      const text = await (await fetch(`${probes}/metrics`)).text()
      expect(text).toContain('castellan_requests_total')
      expect(found(text)).toEqual([])
    }
  })

  it('are in no address that a browser asked for, named, showed or remembers', () => {
    expect(addresses.findings()).toEqual([])
    expect(addresses.places()['request']).toBeGreaterThan(10)
  })

  it('are in no key and no value of Redis', () => {
    const seen = () => redisLines().flatMap((line) => [line, Buffer.from(line, 'hex').toString('latin1')])
    expect(seen().some((line) => line.startsWith('castellan:limit:'))).toBe(true)
    expect(found(seen().join('\n'))).toEqual([])
    redis.command('hset', 'control', 'field', KEY)
    expect(found(seen().join('\n'))).not.toEqual([])
    redis.command('del', 'control')
  })

  it('are in no row of the database, the audit among them, which has each step of the journey', async () => {
    const linesOf = async (rows: string) =>
      (await postgres.query<{ line: string }>(`select row_to_json(t)::text as line from ${rows} t`)).map(({ line }) => line).join('\n')
    const tables = await postgres.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public'`,
    )
    for (const { name } of tables) expect([name, found(await linesOf(`"${name}"`))]).toEqual([name, []])
    expect(found(await linesOf(`(select '${KEY}'::bytea as kept)`))).not.toEqual([])
    const actions = await postgres.query<{ action: string }>(`select distinct action from audit_event`)
    expect(actions.map(({ action }) => action)).toEqual(
      expect.arrayContaining([
        ...['caller.rotate', 'client.put', 'key.create', 'login.succeed', 'login.refuse', 'session.exchange', 'session.refresh'],
        ...['user.deactivate', 'user.log-out', 'user.reactivate'],
      ]),
    )
  })
})
