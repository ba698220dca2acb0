/** A person's way through login, removal and return: two decision replicas and the identity service as processes, on real PostgreSQL, Redis and SMTP. */
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SMTPServer } from 'smtp-server'
import { ask, type RunningCastellan, type RunningService, runCastellan, startCastellan, startServe } from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const SECRET = Buffer.alloc(32, 42).toString('base64')
const MAIL_PASSWORD = 'mail-password-of-the-journey'
const policies = fileURLToPath(new URL('../../policies', import.meta.url))
const CLIENT = 'portal'
const REDIRECT = 'https://portal.example.org/signed-in'

let folder: string
let postgres: TestPostgres
let redis: TestRedis
let smtp: SMTPServer
let replicas: readonly [RunningService, RunningService]
let identity: { readonly process: RunningCastellan; readonly url: string; readonly probes: string }
/** Everything that nobody may find anywhere, by what it is. */
const secrets = new Map<string, string>([
  ['first administrator key', KEY],
  ['identity secret', SECRET],
  ['mail password', MAIL_PASSWORD],
])
const mails: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-identity-'))
  ;[postgres, redis] = await Promise.all([openTestPostgres(), startRedis()])
  smtp = openMailServer()
  const [mailPort, port] = [await listen(smtp), await freePort()]
  const environment = {
    CASTELLAN_DATABASE_URL: postgres.url,
    CASTELLAN_REDIS_URL: redis.url,
    CASTELLAN_POLICIES: policies,
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
    CASTELLAN_ISSUER: `http://127.0.0.1:${port}`,
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
      CASTELLAN_SMTP_URL: `smtp://castellan:${MAIL_PASSWORD}@127.0.0.1:${mailPort}`,
      CASTELLAN_MAIL_FROM: 'Castellan <login@example.org>',
    },
  })
  const [, http, probes] = await process.seen(/"ports":\{"http":(\d+),"probes":(\d+)\}/)
  identity = { process, url: `http://127.0.0.1:${http}`, probes: `http://127.0.0.1:${probes}` }
}, 180_000)
afterAll(async () => {
  const processes = [...(replicas ?? []).map((replica) => replica.process), ...(identity === undefined ? [] : [identity.process])]
  for (const process of processes) process.kill('SIGKILL')
  await Promise.all(processes.map((process) => process.ended))
  await new Promise<void>((resolve) => (smtp === undefined ? resolve() : smtp.close(() => resolve())))
  await redis?.stop()
  await postgres?.close()
  rmSync(folder, { recursive: true, force: true })
})

function openMailServer(): SMTPServer {
  return new SMTPServer({
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'castellan' && password === MAIL_PASSWORD ? done(null, { user: username }) : done(new Error('wrong password')),
    onData(stream, _session, done) {
      let text = ''
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      stream.on('end', () => {
        // Quoted-printable (RFC 2045, 6.7).
        mails.push(
          text.replaceAll(/=\r?\n/g, '').replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        )
        done()
      })
    },
  })
}

function listen(server: SMTPServer): Promise<number> {
  return new Promise((resolve) => {
    const net = server.listen(0, '127.0.0.1', () => resolve((net.address() as AddressInfo).port))
  })
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
  readonly cookie: string
}

async function call(
  method: string,
  path: string,
  body?: object | URLSearchParams,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
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
const keep = (what: string, secret: string) => secrets.set(`${what} ${secrets.size}`, secret)

interface Asked {
  readonly challengeId: string
  readonly cookie: string
  readonly link: string
  readonly code: string
}

/** Asks for a login as another browser each time (one gets a mail a minute for an address), and reads the mail. */
async function askForMail(email: string): Promise<Asked> {
  const before = mails.length
  const started = await call('POST', '/v1/login/start', { email, clientId: CLIENT, redirectUri: REDIRECT })
  expect(started).toMatchObject({ status: 202 })
  while (mails.length === before) await new Promise((resolve) => setTimeout(resolve, 20))
  const mail = mails.at(-1) ?? ''
  expect(mail).toMatch(new RegExp(`^To: ${email}\\r?$`, 'm'))
  const [, base, link = ''] = /(http:\S+)\/login\/verify#([A-Za-z0-9_-]{43})/.exec(mail) ?? []
  expect(base).toBe(identity.url)
  const [code = ''] = /^\d{6}(?=\r?$)/m.exec(mail) ?? []
  keep('link token', link)
  keep('code', code)
  keep('binding cookie', started.cookie.split('=')[1] ?? '')
  return { challengeId: started.json.challengeId, cookie: started.cookie, link, code }
}

interface SignedIn {
  readonly accessToken: string
  readonly refreshToken: string
}

function keepTokens(answer: Answer): SignedIn {
  expect(answer.status).toBe(200)
  const { accessToken, refreshToken } = answer.json
  keep('access token', accessToken)
  keep('signature', accessToken.split('.')[2])
  keep('refresh token', refreshToken)
  return { accessToken, refreshToken }
}

async function refresh({ refreshToken }: SignedIn): Promise<Answer> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: CLIENT })
  return await call('POST', '/oauth/token', body)
}

const check = async (replica: RunningService, accessToken: string) =>
  (await ask(replica, 'POST', '/v1/check', { accessToken, permission: 'sales.quote.create' })).body

let service: { readonly id: string; readonly key: string }
const isActive = async (token: string) => {
  const basic = Buffer.from(`${service.id}:${service.key}`).toString('base64')
  return (await call('POST', '/oauth/introspect', new URLSearchParams({ token }), { authorization: `Basic ${basic}` })).json.active
}

describe('a person', () => {
  let first: SignedIn
  let second: SignedIn
  let unused: Asked

  it('is registered, and logs in by the link of a mail: what the token proves is allowed on every replica', async () => {
    const [one, two] = replicas
    expect((await ask(one, 'PUT', '/v1/users/ann', { email: 'Ann@Example.org' })).status).toBe(200)
    expect((await ask(one, 'POST', '/v1/tenants/acme/users/ann/assignments', { role: 'salesperson' })).status).toBe(201)
    const made = (await ask(one, 'POST', '/v1/callers', { name: 'portal backend', scopes: ['decide'] })).body as {
      key: string
      caller: { id: string }
    }
    service = { id: made.caller.id, key: made.key }
    keep('caller key', made.key)
    const client = { name: 'Portal', redirectUris: [REDIRECT] }
    expect((await call('PUT', `/v1/login-clients/${CLIENT}`, client, asAdministrator)).status).toBe(200)

    const asked = await askForMail('ann@example.org')
    const peeked = await call('POST', '/v1/login/peek', { token: asked.link })
    expect(peeked).toMatchObject({ status: 200, json: { application: 'Portal', otherDevice: true } })
    first = keepTokens(await call('POST', '/v1/login/verify', { token: asked.link }, { cookie: asked.cookie }))
    for (const replica of [one, two]) expect(await check(replica, first.accessToken)).toMatchObject({ allowed: true, via: ['salesperson'] })
    expect(await isActive(first.accessToken)).toBe(true)
    expect((await call('POST', '/v1/login/verify', { token: asked.link })).json).toMatchObject({ code: 'login_refused' })
  }, 60_000)

  it('refreshes, which no other application can do for it', async () => {
    const renewed = await refresh(first)
    expect(renewed.status).toBe(200)
    keep('access token', renewed.json.access_token)
    keep('refresh token', renewed.json.refresh_token)
    first = { accessToken: renewed.json.access_token, refreshToken: renewed.json.refresh_token }
    expect(await check(replicas[1], first.accessToken)).toMatchObject({ allowed: true })
    // Another application cannot use it, and that ends nothing.
    const foreign = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: first.refreshToken, client_id: 'other' })
    expect((await call('POST', '/oauth/token', foreign)).json.error).toMatch(/invalid_(grant|client)/)
  })

  it('is denied by the very next check on another replica once a deactivation has answered, and all that was issued is void', async () => {
    await ask(replicas[0], 'PUT', '/v1/users/ann', { email: 'ann@example.org', displayName: 'Ann' })
    unused = await askForMail('ann@example.org')
    const answer = await call('POST', '/v1/users/ann/deactivate', { reason: 'left the company' }, asAdministrator)
    expect(answer).toMatchObject({ status: 200, json: { changed: true, effective: true } })
    expect(await check(replicas[1], first.accessToken)).toMatchObject({ allowed: false, reason: 'ACCOUNT_DEACTIVATED' })
    expect(await refresh(first)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    expect(await isActive(first.accessToken)).toBe(false)
    expect(await isActive(first.refreshToken)).toBe(false)
    expect((await call('GET', '/v1/me', undefined, { authorization: `Bearer ${first.accessToken}` })).status).toBe(401)
    for (const body of [{ token: unused.link }, { challengeId: unused.challengeId, code: unused.code }])
      expect(await call('POST', '/v1/login/verify', body, { cookie: unused.cookie })).toMatchObject({ json: { code: 'login_refused' } })
  }, 60_000)

  it('comes back by a reactivation with the roles as they were, and by a new login only: nothing old is revived', async () => {
    const back = await ask(replicas[0], 'POST', '/v1/users/ann/reactivate', { reason: 'came back' })
    expect(back).toMatchObject({ status: 200, body: { changed: true, effective: true } })
    for (const replica of replicas)
      expect(await check(replica, first.accessToken)).toMatchObject({ allowed: false, reason: 'TOKEN_REVOKED' })
    expect(await refresh(first)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
    expect(await isActive(first.accessToken)).toBe(false)
    expect(await call('POST', '/v1/login/verify', { token: unused.link }, { cookie: unused.cookie })).toMatchObject({
      json: { code: 'login_refused' },
    })
    const asked = await askForMail('ann@example.org')
    const { challengeId, code } = asked
    second = keepTokens(await call('POST', '/v1/login/verify', { challengeId, code }, { cookie: asked.cookie }))
    for (const replica of replicas) expect(await check(replica, second.accessToken)).toMatchObject({ allowed: true, via: ['salesperson'] })
  }, 60_000)

  it('logs out everywhere: the token that did it is the first one that is refused', async () => {
    const done = await call('POST', '/v1/logout', { scope: 'all' }, { authorization: `Bearer ${second.accessToken}` })
    expect(done.status).toBeLessThan(300)
    expect(await check(replicas[1], second.accessToken)).toMatchObject({ allowed: false, reason: 'TOKEN_REVOKED' })
    expect(await refresh(second)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } })
  })
})

describe('the secrets of this journey', () => {
  const found = (text: string) =>
    [...secrets].filter(([what, secret]) =>
      what.startsWith('code') ? new RegExp(`(?<![\\w.-])${secret}(?![\\w.-])`).test(text) : text.includes(secret),
    )

  it('are many, of each kind', () => {
    const kinds = new Set([...secrets.keys()].map((what) => what.replace(/ \d+$/, '')))
    expect([...kinds].sort()).toEqual(
      [
        ...['access token', 'binding cookie', 'caller key', 'code', 'first administrator key', 'identity secret', 'link token'],
        ...['mail password', 'refresh token', 'signature'],
      ].sort(),
    )
    for (const secret of secrets.values()) {
      expect(secret.length).toBeGreaterThan(5)
      // Each would be found.
      expect(found(`{"a":"${secret}"}`)).not.toEqual([])
    }
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

  it('are in no row of the database, the audit among them, which has each step of the journey', async () => {
    const tables = await postgres.query(`select table_name from information_schema.tables where table_schema = 'public'`)
    for (const { table_name } of tables as { table_name: string }[]) {
      const rows = await postgres.query(`select row_to_json(t)::text as line from "${table_name}" t`)
      const text = rows.map((row) => String((row as { line: unknown }).line)).join('\n')
      expect([table_name, found(text)]).toEqual([table_name, []])
    }
    const actions = await postgres.query(`select distinct action from audit_event`)
    expect((actions as { action: string }[]).map(({ action }) => action)).toEqual(
      expect.arrayContaining([
        'client.put',
        'key.create',
        'login.succeed',
        'login.refuse',
        'session.refresh',
        'user.deactivate',
        'user.log-out',
      ]),
    )
  })
})
