/** The identity service as development joins it with the decision service, over real sockets: its address, people who administer, the command line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { systemClock } from '../../src/ground/clock.ts'
import { Lifecycle } from '../../src/ground/lifecycle.ts'
import { openLog } from '../../src/ground/log.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { runCommandLine } from '../../src/main/command-line/run.ts'
import { type IdentityPlan, identityPlanFrom } from '../../src/main/identity-plan.ts'
import { openIdentityWire } from '../../src/main/open-identity-wire.ts'
import { openService, type Service } from '../../src/main/open-service.ts'
import { seedDemoClient } from '../../src/main/seed-identity.ts'
import { readDevSettings } from '../../src/main/settings.ts'
import type { ChangeContext } from '../../src/model/administration.ts'
import { type Caller, SCOPES } from '../../src/model/caller.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'

const KEY = 'k'.repeat(32)
const HERE = { host: '127.0.0.1', port: 0 }
const CONTEXT: ChangeContext = { caller: { id: 'test', name: 'test', scopes: SCOPES, tenants: null, builtIn: true }, reason: 'test' }
const needs = () => ({ clock: systemClock, random: systemRandom, log: openLog('silent'), metrics: openMetrics() })

const identityPlan: IdentityPlan = {
  ...identityPlanFrom(readDevSettings({ CASTELLAN_ADMIN_TENANT: 'office', CASTELLAN_TRUST_PROXY_HOPS: '1' })),
  ...{ http: HERE, tls: undefined, issuer: undefined, audience: 'castellan', secrets: [Buffer.alloc(32, 7)], adminKey: KEY },
  mail: 'mailbox',
}

const POLICY = `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: castellan, owner: o }
permissions:
  castellan.account.write: { code: c.a, title: Administer accounts }
  castellan.account.read: { code: c.r, title: See accounts }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: office, owner: o }
roles:
  administrator: { title: Administrator, permissions: [castellan.account.write] }
  reader: { title: Reader, permissions: [castellan.account.read] }
`

let folder: string
let postgres: TestPostgres
let service: Service
let issuer: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-open-identity-'))
  writeFileSync(join(folder, 'a.yaml'), POLICY)
  postgres = await openTestPostgres()
  service = await openService(
    {
      ...{
        database: { kind: 'postgres', url: postgres.url, poolMax: 5 },
        schema: 'migrate',
        policies: { source: 'directory', directory: folder, pollMs: 3_600_000 },
      },
      ...{ adminKey: KEY, strictSubjects: false, http: HERE, grpc: HERE, probes: HERE, tls: undefined, connectionAgeMs: 3_600_000 },
      ...{ settleMs: 0, cacheBytes: 1_000_000, redis: undefined, adminTenant: 'office' },
    },
    needs(),
    identityPlan,
  )
  service.ready()
  if (service.identity === undefined) throw new Error('There is an identity service')
  issuer = service.identity.issuer
  await seedDemoClient(service.identity.administration, issuer)
  const { administration } = service
  for (const user of ['ada', 'ben', 'cid']) await administration.putUser(CONTEXT, { user, email: `${user}@example.org` })
  await administration.grant(CONTEXT, { tenant: 'office', user: 'ada', role: 'administrator' })
  await administration.grant(CONTEXT, { tenant: 'office', user: 'cid', role: 'reader' })
})
afterAll(async () => {
  await service?.stop()
  await postgres?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of many forms
  readonly json: any
  readonly cookie: string | undefined
}

async function call(method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const answer = await fetch(`${issuer}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const cookie = answer.headers.get('set-cookie')?.split(';')[0]
  return { status: answer.status, json: JSON.parse((await answer.text()) || '{}'), cookie }
}

/** By the code of the mail that the mailbox shows; each login from a network of its own, as limits count networks. */
async function logIn(user: string): Promise<{ readonly accessToken: string; readonly refreshToken: string; readonly sessionId: string }> {
  const before = (await mailsTo(user)).length
  networks += 1
  const network = { 'x-forwarded-for': `10.0.${networks}.1` }
  const started = await call('POST', '/v1/login/start', { email: `${user}@example.org`, clientId: 'demo' }, network)
  expect(started.status).toBe(202)
  let mails: readonly string[] = []
  while (mails.length === before || mails.length === 0) mails = await mailsTo(user)
  const [code] = /^\d{6}$/m.exec(mails[0] ?? '') ?? []
  const { challengeId } = started.json
  const answer = await call('POST', '/v1/login/verify', { challengeId, code }, { ...network, cookie: started.cookie ?? '' })
  expect(answer.status).toBe(200)
  return answer.json
}
let networks = 0

/** Latest first. */
async function mailsTo(user: string): Promise<readonly string[]> {
  const { json } = await call('GET', '/dev/mailbox?format=json')
  return (json.mails as { to: string; text: string }[]).filter((mail) => mail.to === `${user}@example.org`).map((mail) => mail.text)
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const deactivate = (user: string, token: string) => call('POST', `/v1/users/${user}/deactivate`, { reason: 'left' }, bearer(token))

async function run(...args: readonly string[]) {
  const written = { out: '', err: '' }
  const code = await runCommandLine(args, {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    environment: { CASTELLAN_IDENTITY_URL: issuer, CASTELLAN_KEY: KEY },
    colours: false,
    nowMs: () => Date.now(),
  })
  return { code, ...written }
}

describe('the address of the identity service', () => {
  it('is bound before there is a service, names the issuer by the port that was taken, and tells visitors to come back', async () => {
    const lifecycle = new Lifecycle()
    const wire = await openIdentityWire(identityPlan, needs(), lifecycle)
    expect(wire.issuer).toBe(`http://127.0.0.1:${wire.port}`)
    const early = await fetch(`${wire.issuer}/.well-known/jwks.json`)
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1'])
    wire.serve(() => (_request, response) => void response.end('served'))
    expect(await (await fetch(wire.issuer)).text()).toBe('served')
    await lifecycle.close((_, fault) => {
      throw fault
    })
  })

  it('is the issuer of discovery, and is never taken from a request', async () => {
    const { json } = await call('GET', '/.well-known/openid-configuration', undefined, { 'x-forwarded-host': 'evil.example' })
    expect(json).toMatchObject({ issuer, jwks_uri: `${issuer}/.well-known/jwks.json` })
  })
})

describe('people who administer', () => {
  it('may with the permission in the tenant of administrators, and nobody else may', async () => {
    const [ada, cid] = [await logIn('ada'), await logIn('cid')]
    expect(await call('GET', '/v1/users', undefined, bearer(cid.accessToken))).toMatchObject({
      status: 403,
      json: { code: 'permission_denied' },
    })
    expect(await call('GET', '/v1/users', undefined, bearer(ada.accessToken))).toMatchObject({ status: 200 })
    expect(await call('GET', '/v1/users', undefined, bearer(`${ada.accessToken}x`))).toMatchObject({ status: 401 })
    const invited = { email: 'dot@example.org', clientId: 'demo', reason: 'joins' }
    expect(await call('POST', '/v1/users/dot/invite', invited, bearer(ada.accessToken))).toMatchObject({ status: 200 })
    const { items } = await service.administration.listAudit(CONTEXT.caller, { action: 'user.invite' }, { pageSize: 10 })
    expect(items).toMatchObject([{ actor: 'person:ada', actorName: 'ada', user: 'dot', reason: 'joins' }])
  })

  it('deactivate neither themselves nor, by whatever way, the last of them; asking twice is a noop', async () => {
    const { accessToken } = await logIn('ada')
    expect(await deactivate('ada', accessToken)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    await expect(service.administration.deactivateUser(CONTEXT, 'ada')).rejects.toMatchObject({ code: 'conflict' })
    expect(await run('user', 'deactivate', 'ada', '--reason', 'x', '--url', `http://127.0.0.1:${service.ports.http}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('conflict'),
    })
    expect(await deactivate('cid', accessToken)).toMatchObject({ status: 200, json: { changed: true, effective: true } })
    expect(await deactivate('cid', accessToken)).toMatchObject({ status: 200, json: { changed: false } })
    await service.administration.grant(CONTEXT, { tenant: 'office', user: 'ben', role: 'administrator' })
    expect(await service.administration.deactivateUser(CONTEXT, 'ben')).toMatchObject({ changed: true })
    await expect(service.administration.deactivateUser(CONTEXT, 'ada')).rejects.toMatchObject({ code: 'conflict' })
  })

  it('of two who deactivate each other at once, one stays', async () => {
    for (let round = 0; round < 3; round++) {
      const { administration } = service
      await administration.reactivateUser(CONTEXT, 'ben')
      await administration.reactivateUser(CONTEXT, 'ada')
      const [ada, ben] = [await asPerson('ada'), await asPerson('ben')]
      const outcomes = await Promise.allSettled([administration.deactivateUser(ada, 'ben'), administration.deactivateUser(ben, 'ada')])
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const states = await Promise.all(['ada', 'ben'].map(async (user) => (await administration.getUser(CONTEXT.caller, user)).state))
      expect(states.sort()).toEqual(['active', 'deactivated'])
    }
  })
})

/** Let in already, so that nothing but the change itself can find out. */
async function asPerson(user: string): Promise<ChangeContext> {
  const { sessionId } = await logIn(user)
  const { revision: policyRevision } = service.administration.policyStatus(CONTEXT.caller)
  const person = { user, sessionId, tenant: 'office', roles: ['administrator'], policyRevision }
  const caller: Caller = { id: `person:${user}`, name: user, scopes: ['administer'], tenants: null, person }
  return { caller, reason: 'test' }
}

describe('the command line against the identity service', () => {
  it('registers applications, and refuses a redirect that must not be by its place in the list', async () => {
    const put = ['client', 'put', 'portal', '--name', 'Portal', '--redirect']
    expect(await run(...put, 'https://portal.example.org/in')).toMatchObject({
      code: 0,
      out: expect.stringContaining('in force on every replica'),
    })
    expect(await run(...put, 'https://portal.example.org/in')).toMatchObject({ code: 0, out: expect.stringContaining('nothing to change') })
    expect(await run(...put, 'https://portal.example.org/in', 'http://portal.example.org/in')).toMatchObject({
      code: 1,
      err: expect.stringContaining('redirectUris[1]'),
    })
    expect((await run('client', 'list')).out).toContain('https://portal.example.org/in')
    expect(await run('client', 'revoke', 'portal', '--reason', 'replaced')).toMatchObject({
      code: 0,
      out: expect.stringContaining('revoked'),
    })
    expect(await run(...put, 'https://portal.example.org/in')).toMatchObject({ code: 1, err: expect.stringContaining('conflict') })
  })

  it('invites, lists and ends sessions', async () => {
    expect(await run('user', 'invite', 'eli', '--email', 'eli@example.org', '--client', 'demo', '--reason', 'joins')).toMatchObject({
      code: 0,
      out: expect.stringContaining('invited'),
    })
    await service.administration.putUser(CONTEXT, { user: 'fay', email: 'fay@example.org' })
    await logIn('fay')
    expect((await run('user', 'sessions', 'fay')).out).toMatch(/demo/)
    expect(await run('user', 'log-out', 'fay', '--reason', 'lost a laptop')).toMatchObject({
      code: 0,
      out: expect.stringContaining('sessions ended: 1'),
    })
    expect((await run('user', 'sessions', 'fay')).out).toBe('none\n')
    expect(await run('user', 'log-out', 'fay', '--reason', 'x')).toMatchObject({ code: 0, out: expect.stringContaining('no live session') })
  })

  it('rotates keys only when the next one is known to clients, unless it is an emergency', async () => {
    expect(await run('keys', 'rotate', '--reason', 'x')).toMatchObject({ code: 1, err: expect.stringContaining('conflict') })
    const rotated = await run('keys', 'rotate', '--emergency', '--reason', 'stolen')
    expect(rotated).toMatchObject({ code: 0, out: expect.stringMatching(/rotated[\s\S]*current[\s\S]*in force on every replica/) })
  })

  it('names the variable of the identity service when nothing answers there', async () => {
    const gone = await run('client', 'list', '--url', 'http://127.0.0.1:1')
    expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('CASTELLAN_IDENTITY_URL') })
  })
})

describe('metrics of the identity service', () => {
  it('count logins, refreshes, limits, mails, tokens and keys by bounded labels', async () => {
    const text = await (await fetch(`http://127.0.0.1:${service.ports.probes}/metrics`)).text()
    expect(text).toMatch(/^castellan_logins_total\{result="code"\} [1-9]/m)
    expect(text).toMatch(/^castellan_mails_total\{result="sent"\} [1-9]/m)
    expect(text).toMatch(/^castellan_refreshes_total\{result="reused"\} 0/m)
    expect(text).toMatch(/^castellan_limited_total\{limit="start-network"\} \d/m)
    expect(text).toMatch(/^castellan_token_characters_bucket\{le="1000",form="codes"\} [1-9]/m)
    expect(text).toMatch(/^castellan_signing_key_age_seconds\{state="current"\} \d/m)
    expect(text).toMatch(/^castellan_requests_total\{wire="identity"/m)
    expect(text).not.toMatch(/example\.org/)
  })
})
