/** A person's own affairs and the administration of logins, over HTTP. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { bundleOf, type House } from '../../support/house.ts'
import {
  ADMIN_KEY,
  ADMIN_TENANT,
  bearer,
  call,
  cookieOf,
  form,
  fromOurPage,
  get,
  type Headers,
  type IdentityWires,
  openIdentityWires,
  ROLES,
  signIn,
} from './identity-wires.ts'

let wires: IdentityWires
beforeAll(async () => {
  wires = await openIdentityWires()
})
afterAll(() => wires.close())

const admin = bearer(ADMIN_KEY)

/** The head goes first and is judged; the body follows once `meanwhile` has ended. */
async function sendSlowly(at: IdentityWires, path: string, body: unknown, headers: Headers, meanwhile: () => Promise<unknown>) {
  const text = JSON.stringify(body)
  const length = String(Buffer.byteLength(text))
  const sending = request({
    ...{ host: '127.0.0.1', port: at.port, agent: false, method: 'POST', path },
    headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
  })
  const answered = once(sending, 'response')
  const before = at.letIn.length
  sending.flushHeaders()
  while (at.letIn.length === before) await new Promise((resolve) => setTimeout(resolve, 5))
  await meanwhile()
  sending.end(text)
  const [response] = (await answered) as [IncomingMessage]
  response.resume()
  return { status: response.statusCode ?? 0 }
}

describe('a person', () => {
  it('sees where they are signed in, ends one session and then all', async () => {
    const [here, there] = [(await signIn(wires)).json, (await signIn(wires)).json]
    const mine = await get(wires, '/v1/me/sessions', bearer(here.accessToken))
    expect(mine.json.sessions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: here.sessionId, current: true }),
        expect.objectContaining({ id: there.sessionId, current: false }),
      ]),
    )
    expect(mine.text).not.toMatch(/counter|hash|epoch/i)
    expect((await call(wires, 'DELETE', `/v1/me/sessions/${there.sessionId}`, undefined, bearer(here.accessToken))).status).toBe(204)
    expect(await get(wires, '/v1/me', bearer(there.accessToken))).toMatchObject({ status: 401, json: { code: 'unauthenticated' } })
    expect((await call(wires, 'DELETE', '/v1/me/sessions', undefined, bearer(here.accessToken))).status).toBe(204)
    expect((await get(wires, '/v1/me', bearer(here.accessToken))).status).toBe(401)
  })

  it('cannot end sessions of others, nor one that is no id', async () => {
    const [bob, ann] = [(await signIn(wires)).json, (await signIn(wires, 'ann@hospital.example', { tenant: 'north' })).json]
    for (const id of [ann.sessionId, 'x', '%00', crypto.randomUUID()]) {
      const answer = await call(wires, 'DELETE', `/v1/me/sessions/${id}`, undefined, bearer(bob.accessToken))
      expect([400, 404]).toContain(answer.status)
    }
    expect((await get(wires, '/v1/me', bearer(ann.accessToken))).status).toBe(200)
  })

  it('signs out by token: here, elsewhere, or everywhere', async () => {
    const one = (await signIn(wires)).json
    const two = (await signIn(wires)).json
    expect((await call(wires, 'POST', '/v1/logout', { scope: 'others' }, bearer(one.accessToken))).status).toBe(204)
    expect((await get(wires, '/v1/me', bearer(two.accessToken))).status).toBe(401)
    const left = await call(wires, 'POST', '/v1/logout', undefined, bearer(one.accessToken))
    expect(left.status).toBe(204)
    expect(left.cookies).toEqual(['__Host-castellan-refresh=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0'])
    expect((await get(wires, '/v1/me', bearer(one.accessToken))).status).toBe(401)
    const three = (await signIn(wires)).json
    expect((await call(wires, 'POST', '/v1/logout', { scope: 'all' }, bearer(three.accessToken))).status).toBe(204)
    expect((await get(wires, '/v1/me', bearer(three.accessToken))).status).toBe(401)
    expect(await call(wires, 'POST', '/v1/logout', { scope: 'some' }, bearer(three.accessToken))).toMatchObject({ status: 401 })
  })

  it('signs out by cookie from our page only', async () => {
    const signedIn = await signIn(wires, undefined, { cookie: true }, fromOurPage(wires))
    const cookie = cookieOf(signedIn, '__Host-castellan-refresh')
    for (const headers of [{}, { origin: wires.issuer }, { 'x-castellan-csrf': '1', origin: 'https://evil.example' }] as Headers[]) {
      expect((await call(wires, 'POST', '/v1/logout', {}, { cookie, ...headers })).status).toBe(403)
    }
    expect((await get(wires, '/v1/me', bearer(signedIn.json.accessToken))).status).toBe(200)
    expect((await call(wires, 'POST', '/v1/logout', { scope: 'all' }, { cookie, ...fromOurPage(wires) })).status).toBe(401)
    expect((await call(wires, 'POST', '/v1/logout', {}, { cookie, ...fromOurPage(wires) })).status).toBe(204)
    expect((await get(wires, '/v1/me', bearer(signedIn.json.accessToken))).status).toBe(401)
  })

  it('is nobody without a good token, whatever cookie comes', async () => {
    const cookie = cookieOf(await signIn(wires, undefined, { cookie: true }, fromOurPage(wires)), '__Host-castellan-refresh')
    for (const headers of [
      {},
      { cookie, ...fromOurPage(wires) },
      bearer('x'),
      bearer(wires.service.key),
      { authorization: 'Basic eDp5' },
    ] as Headers[]) {
      const answer = await get(wires, '/v1/me', headers)
      expect(answer).toMatchObject({ status: 401, json: { code: 'unauthenticated', hint: expect.stringContaining('<access token>') } })
      expect(answer.text).not.toMatch(/caller key/)
    }
    expect(await call(wires, 'POST', '/v1/logout', {})).toMatchObject({
      status: 401,
      json: { detail: 'A valid access token is required.' },
    })
  })
})

describe('administration', () => {
  it('needs a key with its scope, or a person who may', async () => {
    const asks: readonly (readonly [string, string, unknown?])[] = [
      ['GET', '/v1/users'],
      ['POST', '/v1/users/bob/invite', { email: 'bob@hospital.example', clientId: 'app' }],
      ['POST', '/v1/users/bob/deactivate', { reason: 'left' }],
      ['POST', '/v1/users/bob/reactivate', { reason: 'back' }],
      ['GET', '/v1/users/bob/sessions'],
      ['DELETE', '/v1/users/bob/sessions'],
      ['GET', '/v1/login-clients'],
      ['PUT', '/v1/login-clients/x', { name: 'x', redirectUris: [] }],
      ['DELETE', '/v1/login-clients/x'],
    ]
    const person = bearer((await signIn(wires)).json.accessToken)
    for (const [method, path, body] of asks) {
      expect((await call(wires, method, path, body)).status).toBe(401)
      expect((await call(wires, method, path, body, person)).status).toBe(403)
      expect(await call(wires, method, path, body, bearer(wires.service.key))).toMatchObject({
        status: 403,
        json: { code: 'permission_denied' },
      })
    }
  })

  it('deactivates and reactivates; nothing old works afterwards', async () => {
    const old = (await signIn(wires)).json
    expect(await call(wires, 'POST', '/v1/users/bob/deactivate', {}, admin)).toMatchObject({
      status: 400,
      json: { violations: [{ field: 'reason' }] },
    })
    expect(await call(wires, 'POST', '/v1/users/bob/deactivate', { reason: 'left' }, admin)).toMatchObject({
      status: 200,
      json: { user: { id: 'bob', state: 'deactivated' }, changed: true, effective: true },
    })
    expect((await get(wires, '/v1/me', bearer(old.accessToken))).status).toBe(401)
    expect(await call(wires, 'POST', '/v1/users/bob/deactivate', { reason: 'left' }, admin)).toMatchObject({
      status: 200,
      json: { changed: false },
    })
    expect(await call(wires, 'POST', '/v1/users/bob/reactivate', { reason: 'back' }, admin)).toMatchObject({
      status: 200,
      json: { user: { state: 'active' }, expiredMeanwhile: [], brokenConstraints: [] },
    })
    expect((await get(wires, '/v1/me', bearer(old.accessToken))).status).toBe(401)
    const refresh = { grant_type: 'refresh_token', client_id: 'app', refresh_token: old.refreshToken }
    expect((await form(wires, '/oauth/token', refresh)).json.error).toBe('invalid_grant')
    expect((await signIn(wires)).status).toBe(200)
  })

  it('is done by a person who holds the permission for it, who then stands in the audit', async () => {
    const { accessToken } = (await signIn(wires, 'olga@hospital.example')).json
    const answer = await call(wires, 'POST', '/v1/users/bob/deactivate', { reason: 'left' }, bearer(accessToken))
    expect(answer).toMatchObject({ status: 200, json: { changed: true } })
    await call(wires, 'POST', '/v1/users/bob/reactivate', { reason: 'back' }, bearer(accessToken))
    const { items } = await wires.house.store.records.listAudit({ user: 'bob', action: 'user.deactivate' }, null, { pageSize: 1 })
    expect(items).toMatchObject([{ actor: 'person:olga' }])
  })

  it.each<[string, (house: House) => Promise<unknown>]>([
    ['role was revoked', ({ administration, context }) => administration.revokeRole(context, ADMIN_TENANT, 'oscar', 'officer')],
    ['tenant was suspended', ({ administration, context }) => administration.suspendTenant(context, ADMIN_TENANT)],
    ['role lost the permission', (house) => house.use(bundleOf({ ...ROLES, officer: ['finance.read'] }))],
  ])('is not done by a person whose %s between the head of the request and its body', async (_what, takeAway) => {
    const { house } = wires
    const { administration, context } = house
    await administration.putUser(context, { user: 'oscar', email: 'oscar@hospital.example' })
    await administration.grant(context, { tenant: ADMIN_TENANT, user: 'oscar', role: 'officer' })
    const { accessToken } = (await signIn(wires, 'oscar@hospital.example')).json
    // Once before, so that it is this that is refused below.
    const invite = { email: 'bob@hospital.example', clientId: 'app' }
    expect((await call(wires, 'POST', '/v1/users/bob/invite', invite, bearer(accessToken))).status).toBe(200)
    try {
      const answer = await sendSlowly(wires, '/v1/users/bob/deactivate', { reason: 'left' }, bearer(accessToken), () => takeAway(house))
      expect([403, 503]).toContain(answer.status)
      expect(await house.store.records.findUser('bob')).toMatchObject({ state: 'active' })
      expect(await call(wires, 'POST', '/v1/users/bob/invite', invite, bearer(accessToken))).toMatchObject({ status: 403 })
    } finally {
      await house.use(bundleOf(ROLES))
      await administration.resumeTenant(context, ADMIN_TENANT)
    }
  })

  it('invites: the mail leads into the account, which becomes active by it', async () => {
    const invitation = { email: 'Carl@Hospital.example', clientId: 'app', locale: 'fr' }
    const invited = await call(wires, 'POST', '/v1/users/carl/invite', invitation, admin)
    expect(invited).toMatchObject({ status: 200, json: { user: { id: 'carl', state: 'invited', email: 'carl@hospital.example' } } })
    expect(invited.text).not.toMatch(/token|code/i)
    const [mail] = await wires.mails()
    const token = /\/login\/verify#(\S+)/.exec(mail?.text ?? '')?.[1] ?? ''
    expect(await call(wires, 'POST', '/v1/login/peek', { token })).toMatchObject({
      status: 200,
      json: { kind: 'invitation', locale: 'fr' },
    })
    expect(await call(wires, 'POST', '/v1/login/verify', { token })).toMatchObject({ status: 200, json: { user: 'carl' } })
  })

  it('replaces the signing keys at once in an emergency: what was signed is believed no more', async () => {
    const { accessToken, refreshToken } = (await signIn(wires)).json
    const early = await call(wires, 'POST', '/v1/keys/rotate', { reason: 'try' }, admin)
    expect(early).toMatchObject({ status: 409, json: { code: 'conflict' } })
    const rotated = await call(wires, 'POST', '/v1/keys/rotate', { kind: 'emergency', reason: 'stolen' }, admin)
    expect(rotated).toMatchObject({ status: 200, json: { changed: true, effective: true } })
    expect(rotated.text).not.toMatch(/sealed|"d"/)
    expect((await get(wires, '/v1/me', bearer(accessToken))).status).toBe(401)
    const refresh = { grant_type: 'refresh_token', client_id: 'app', refresh_token: refreshToken }
    const renewed = (await form(wires, '/oauth/token', refresh)).json
    expect((await get(wires, '/v1/me', bearer(renewed.access_token))).status).toBe(200)
  })

  it('lists and ends the sessions of a user', async () => {
    const { accessToken, sessionId } = (await signIn(wires)).json
    const listed = await get(wires, '/v1/users/bob/sessions', admin)
    expect(listed.json.sessions.map(({ id }: { id: string }) => id)).toContain(sessionId)
    const ended = await call(wires, 'DELETE', '/v1/users/bob/sessions?reason=lost%20phone', undefined, admin)
    expect(ended).toMatchObject({ status: 200, json: { changed: true, effective: true } })
    expect((await get(wires, '/v1/me', bearer(accessToken))).status).toBe(401)
  })

  it('registers an application and takes it away', async () => {
    const body = { name: 'Rounds', redirectUris: ['https://rounds.example/in'] }
    expect(await call(wires, 'PUT', '/v1/login-clients/rounds', body, admin)).toMatchObject({
      status: 200,
      json: { client: { id: 'rounds', ...body } },
    })
    expect((await get(wires, '/v1/login-clients?pageSize=1', admin)).json).toMatchObject({
      clients: [{ id: 'app' }],
      nextPageToken: expect.any(String),
    })
    expect(await call(wires, 'DELETE', '/v1/login-clients/rounds', undefined, admin)).toMatchObject({
      status: 200,
      json: { changed: true },
    })
  })

  it.each<[string, string, unknown, string]>([
    ['PUT', '/v1/login-clients/x', { name: '', redirectUris: [] }, 'name'],
    ['PUT', '/v1/login-clients/x', { name: 'x' }, 'redirectUris'],
    ['PUT', '/v1/login-clients/x', { id: 'y', name: 'x', redirectUris: [] }, 'id'],
    ['POST', '/v1/keys/rotate', { kind: 'gentle' }, 'kind'],
    ['POST', '/v1/users/bob/invite', { clientId: 'app' }, 'email'],
    ['GET', '/v1/users?pageSize=0', undefined, 'pageSize'],
    ['GET', '/v1/users?size=1', undefined, 'size'],
    ['DELETE', '/v1/users/bob/sessions?wait=perhaps', undefined, 'wait'],
  ])('%s %s %j is refused, naming %s', async (method, path, body, field) => {
    expect(await call(wires, method, path, body, admin)).toMatchObject({ status: 400, json: { violations: [{ field }] } })
  })
})
