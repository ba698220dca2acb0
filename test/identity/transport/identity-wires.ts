/** The whole identity service behind a real socket: real store, login, mails, sessions, tokens; a mailbox instead of a mail server. */
import { request as plainRequest, type RequestOptions } from 'node:http'
import { ADMINISTER_PERMISSION } from '../../../src/access/administrators.ts'
import { MemoryLimiter } from '../../../src/cache/memory-limiter.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { openIdentityAdministration } from '../../../src/identity/administration.ts'
import { openAdministrators } from '../../../src/identity/administrators.ts'
import { openKeyKeeper } from '../../../src/identity/keys/keeper.ts'
import { type Limits, openLimits } from '../../../src/identity/limits.ts'
import { inviteUser } from '../../../src/identity/login/invite.ts'
import { openLogin } from '../../../src/identity/login/login.ts'
import { Outbox } from '../../../src/identity/login/outbox.ts'
import { type KeptMail, Mailbox } from '../../../src/identity/mail/mailbox.ts'
import { openTokenIssuer } from '../../../src/identity/session/issue.ts'
import { openPermissionIndex } from '../../../src/identity/session/permission-index.ts'
import { openSessionService } from '../../../src/identity/session/sessions.ts'
import { identityApp } from '../../../src/identity/transport/app.ts'
import type { IdentityWireNeeds } from '../../../src/identity/transport/needs.ts'
import { wellKnownDocuments } from '../../../src/identity/transport/well-known.ts'
import { REFRESH_GRACE_MS } from '../../../src/model/identity-limits.ts'
import { IdentitySecrets } from '../../../src/token/secret.ts'
import { TokenVerifier } from '../../../src/token/verify.ts'
import { openAdmission } from '../../../src/wire/admission.ts'
import { openAuthentication } from '../../../src/wire/authentication.ts'
import { type Handle, openHttpServer } from '../../../src/wire/http/server.ts'
import { hearAnswers } from '../../support/hear-answers.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'

export const ADMIN_KEY = 'test-admin-key'
export const AUDIENCE = 'castellan'
/** Whoever is an officer there administers accounts. */
export const ADMIN_TENANT = 'office'
/** Of the registered application; on another origin than the service. */
export const APP_ORIGIN = 'https://app.hospital.example'
export const REDIRECT = `${APP_ORIGIN}/signed-in`
export const ROLES = {
  coder: ['coding.medical-stay.read', 'coding.medical-stay.validate'],
  clerk: ['finance.read'],
  officer: [ADMINISTER_PERMISSION],
}

export interface IdentityWires {
  readonly house: House
  readonly port: number
  readonly issuer: string
  readonly logged: readonly Record<string, unknown>[]
  /** Route, code of each request. */
  readonly ended: (readonly [string, string])[]
  /** Who was let in to administer or to ask, in order. */
  readonly letIn: readonly string[]
  readonly service: { readonly id: string; readonly key: string }
  /** Mails that were due have left. Latest first. */
  mails(): Promise<readonly KeptMail[]>
  close(): Promise<void>
}

export interface IdentityWireOptions {
  readonly trustProxyHops?: number
  readonly limits?: Limits
  readonly sameBrowser?: boolean
  /** Absent: the address that was bound. */
  readonly issuer?: string
}

/** No limit is reached; those who try limits bring their own. */
export const unlimited: Limits = {
  start: async () => true,
  verify: async () => undefined,
  code: async () => true,
  refresh: async () => undefined,
  exchange: async () => undefined,
  end: async () => undefined,
  clientAttempts: { admit: async () => undefined, failed: async () => undefined },
}

export function memoryLimits(): Limits {
  const key = systemRandom.bytes(32)
  return openLimits({ limiter: new MemoryLimiter({ clock: systemClock }), key, observe: { limited: () => undefined } })
}

/** ann is a coder in north and a clerk in south, bob a coder in north only, olga an officer of the office; `app` is registered with one redirect. */
export async function openIdentityWires(options: IdentityWireOptions = {}): Promise<IdentityWires> {
  const house = await openHouse(bundleOf(ROLES))
  const { administration, context, store, freshness, witness } = house
  for (const name of ['ann', 'bob', 'olga']) await administration.putUser(context, { user: name, email: `${name}@hospital.example` })
  await administration.grant(context, { tenant: 'north', user: 'ann', role: 'coder' })
  await administration.grant(context, { tenant: 'south', user: 'ann', role: 'clerk' })
  await administration.grant(context, { tenant: 'north', user: 'bob', role: 'coder' })
  await administration.grant(context, { tenant: ADMIN_TENANT, user: 'olga', role: 'officer' })
  const service = await administration.createCaller(context, { name: 'reception', scopes: ['decide'] })
  await store.change(({ identity }) => identity.insertClient({ id: 'app', name: 'Ward plan', redirectUris: [REDIRECT] }))

  const { log } = witness
  let handle: Handle = (_request, response) => void response.writeHead(503).end()
  const parts = { host: '127.0.0.1', port: 0, clock: systemClock, random: systemRandom }
  const server = await openHttpServer(parts, () => (request, response) => handle(request, response))
  const stopHearing = hearAnswers(server.port, witness)
  const issuer = options.issuer ?? `http://127.0.0.1:${server.port}`

  const verifier = new TokenVerifier({ issuer, audience: AUDIENCE, clock: systemClock })
  const secret = systemRandom.bytes(32)
  const secrets = new IdentitySecrets([secret])
  const [refreshKeys, codeKeys] = (['refresh token', 'login code'] as const).map((purpose) =>
    secrets.keysFor(purpose).map(({ key }) => key),
  )
  if (refreshKeys === undefined || codeKeys === undefined) throw new Error('There are keys')
  witness.keep('key', ADMIN_KEY, service.key)
  witness.keep('identity secret', secret, ...refreshKeys, ...codeKeys)
  const { acknowledgement } = freshness
  const findKeys = async () => (await freshness.keys.find(undefined)).value.keys
  const keys = await openKeyKeeper({
    ...{ store, findKeys, acknowledgement, secrets, clock: systemClock, random: systemRandom, log },
    algorithm: 'ES256',
    observe: { keyAges: () => undefined },
  })
  const tokens = openTokenIssuer({
    ...{ issuer, audience: AUDIENCE, accessTokenSeconds: 300, clock: systemClock, random: systemRandom },
    keys,
    resolver: freshness.resolver,
    permissionIndex: openPermissionIndex(store),
    observe: { issued: () => undefined },
  })
  const limits = options.limits ?? unlimited
  const mailbox = new Mailbox({ clock: systemClock, random: systemRandom })
  const common = { store, random: systemRandom, codeKeys, refreshKeys, issuer: tokens, acknowledgement, limits }
  const outbox = new Outbox({
    ...{
      store,
      mailer: witness.overhearMails(mailbox),
      random: systemRandom,
      codeKeys,
      base: issuer,
      signUp: false,
      clock: systemClock,
      log,
    },
    observe: { mailed: () => undefined },
  })
  const sessions = openSessionService({
    ...common,
    graceMs: REFRESH_GRACE_MS,
    verify: async (token) => await verifier.verify(token, await findKeys()),
    observe: { refreshed: () => undefined },
  })
  const findCallerByKeyHash = (hash: Uint8Array) => freshness.callers.findByKeyHash(hash)
  const ended: (readonly [string, string])[] = []
  const letIn: string[] = []
  const administrators = openAdministrators({
    callers: openAuthentication({ findCallerByKeyHash, adminKey: ADMIN_KEY }),
    sessions,
    adminTenant: ADMIN_TENANT,
    check: (user, tenant, permission) => house.check(user, tenant, permission),
  })
  const needs: IdentityWireNeeds = {
    settings: { issuer, trustProxyHops: options.trustProxyHops ?? 0 },
    login: openLogin({
      ...common,
      ring: () => outbox.ring(),
      settings: { signUp: false, sameBrowser: options.sameBrowser ?? false },
      observe: { loggedIn: () => undefined },
    }),
    sessions,
    administration: openIdentityAdministration({
      ...{ store, acknowledgement, keys, accounts: administration },
      invite: (context, input) => inviteUser({ store, random: systemRandom, ring: () => outbox.ring() }, context, input),
    }),
    clients: store.identity,
    authentication: {
      async authenticate(authorization) {
        const caller = await administrators.authenticate(authorization)
        letIn.push(caller.id)
        return caller
      },
    },
    findCallerByKeyHash,
    clientAttempts: limits.clientAttempts,
    findUser: (user) => store.records.findUser(user),
    listTenantsOf: (user) => store.identity.listTenantsOf(user),
    documents: wellKnownDocuments(issuer, () => keys.jwks()),
    permissionIndex: () => store.identity.listPermissionIndex(),
    listRevocations: (since, limit) => store.identity.listRevocations(since, limit),
    dev: { mails: () => mailbox.list(), checkUrl: 'http://127.0.0.1:8080/v1/check' },
    readiness: async () => ({ ready: true, checks: [] }),
    admission: openAdmission(),
    clock: systemClock,
    random: systemRandom,
    log,
    ended: (method, code) => void ended.push([method, code]),
  }
  handle = identityApp(needs, () => ({}))
  return {
    house,
    port: server.port,
    issuer,
    get logged() {
      return witness.lines.map((line) => JSON.parse(line))
    },
    ended,
    letIn,
    service: { id: service.record.id, key: service.key },
    async mails() {
      await outbox.settle()
      return mailbox.list()
    },
    async close() {
      stopHearing()
      await server.close()
      await outbox.close()
      await keys.close()
      await house.close()
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly cookies: readonly string[]
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  readonly json: any
}

/** Sends exactly what it is told: no client's good manners in between. */
export function send(port: number, options: RequestOptions, body?: string | Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = plainRequest({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const json = /json/.test(response.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : undefined
        const { 'set-cookie': cookies = [], ...headers } = response.headers
        resolve({ status: response.statusCode ?? 0, headers: headers as Record<string, string | undefined>, cookies, text, json })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

export type Headers = Readonly<Record<string, string>>

export function get(wires: IdentityWires, path: string, headers: Headers = {}): Promise<Answer> {
  return send(wires.port, { method: 'GET', path, headers })
}

/** @param body an object goes as JSON, a string as it is */
export function call(wires: IdentityWires, method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const type: Headers = text === undefined ? {} : { 'content-type': 'application/json' }
  return send(wires.port, { method, path, headers: { ...type, ...headers } }, text)
}

export function form(wires: IdentityWires, path: string, fields: Headers | string, headers: Headers = {}): Promise<Answer> {
  const body = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString()
  return send(wires.port, { method: 'POST', path, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } }, body)
}

/** `name=value` of a Set-Cookie of this answer, as a browser sends it back. */
export function cookieOf(answer: Answer, name: string): string {
  const found = answer.cookies.find((cookie) => cookie.startsWith(`${name}=`))
  if (found === undefined) throw new Error(`No cookie ${name}`)
  return found.split(';', 1)[0] ?? ''
}

export interface Asked {
  readonly challengeId: string
  readonly binding: string
  readonly token: string
  readonly code: string
}

/** Asks for a login and looks into the mailbox. */
export async function ask(wires: IdentityWires, email = 'bob@hospital.example', more: Record<string, unknown> = {}): Promise<Asked> {
  const answer = await call(wires, 'POST', '/v1/login/start', { email, clientId: 'app', redirectUri: REDIRECT, ...more })
  if (answer.status !== 202) throw new Error(answer.text)
  const mail = (await wires.mails()).find((kept) => kept.to === email)
  const token = /\/login\/verify#(\S+)/.exec(mail?.text ?? '')?.[1] ?? ''
  const code = /^(\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? ''
  return { challengeId: answer.json.challengeId, binding: cookieOf(answer, '__Host-castellan-login'), token, code }
}

/** @returns the answer of the verification */
export async function signIn(
  wires: IdentityWires,
  email = 'bob@hospital.example',
  body: Record<string, unknown> = {},
  headers: Headers = {},
): Promise<Answer> {
  const { token, binding } = await ask(wires, email)
  return await call(wires, 'POST', '/v1/login/verify', { token, ...body }, { cookie: binding, ...headers })
}

export const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })
/** What our own pages send with a cookie. */
export const fromOurPage = (wires: IdentityWires): Headers => ({ 'x-castellan-csrf': '1', origin: wires.issuer })
