/** What holds for all addresses of the identity service: methods, other origins, pages, a person's own affairs, administration, readers. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  ADMIN_KEY,
  APP_ORIGIN,
  ask,
  bearer,
  call,
  cookieOf,
  form,
  fromOurPage,
  get,
  type Headers,
  type IdentityWires,
  memoryLimits,
  openIdentityWires,
  send,
  signIn,
} from './identity-wires.ts'

let wires: IdentityWires
beforeAll(async () => {
  wires = await openIdentityWires()
}, 180_000)
afterAll(() => wires.close())

const admin = bearer(ADMIN_KEY)

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
      expect(await get(wires, '/v1/me', headers)).toMatchObject({ status: 401, json: { code: 'unauthenticated' } })
    }
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

describe('what readers of tokens get', () => {
  it('is the keys and both discovery documents, for everybody, kept for a while', async () => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
      const answer = await get(wires, path, { origin: 'https://anybody.example' })
      expect(answer.status).toBe(200)
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': '*', 'cache-control': 'public, max-age=600' })
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
      expect((await get(wires, path, { 'if-none-match': answer.headers['etag'] ?? '' })).status).toBe(304)
      expect(answer.text).not.toMatch(/"d":/)
    }
  })

  it('is a version of the permission index that never changes, for services and people', async () => {
    await wires.house.store.change(({ identity }) =>
      identity.extendPermissionIndex([
        { name: 'a.b', code: 'a.1' },
        { name: 'a.c', code: 'a.2' },
      ]),
    )
    const service = bearer(wires.service.key)
    const one = await get(wires, '/v1/permission-index/1', service)
    expect(one).toMatchObject({
      status: 200,
      json: { version: 1, permissions: [{ bit: 0, name: expect.any(String), code: expect.any(String) }] },
    })
    expect(one.headers['cache-control']).toBe('private, max-age=31536000, immutable')
    expect((await get(wires, '/v1/permission-index/1', bearer((await signIn(wires)).json.accessToken))).json).toEqual(one.json)
    expect((await get(wires, '/v1/permission-index/1')).status).toBe(401)
    expect((await get(wires, '/v1/permission-index/999999', service)).status).toBe(404)
    expect((await get(wires, '/v1/permission-index/-1', service)).status).toBe(400)
  })

  it('is what ended before its time, from a position on', async () => {
    const service = bearer(wires.service.key)
    const { position } = (await get(wires, '/v1/revocations', service)).json
    const { accessToken, sessionId } = (await signIn(wires)).json
    await call(wires, 'POST', '/v1/logout', {}, bearer(accessToken))
    const since = await get(wires, `/v1/revocations?since=${position}`, service)
    expect(since.json).toMatchObject({ more: false, revocations: [{ sub: 'bob', sid: sessionId, at: expect.stringMatching(/Z$/) }] })
    expect(since.json.position).toBeGreaterThan(position)
    expect((await get(wires, '/v1/revocations?since=x', service)).status).toBe(400)
    expect((await get(wires, '/v1/revocations')).status).toBe(401)
  })
})

describe('pages of other origins', () => {
  const CLIENT_PATHS = ['/v1/login/start', '/v1/login/verify', '/oauth/token', '/v1/me', '/v1/me/sessions', '/v1/logout']

  it('may ask when their origin is one of a registered redirect, and not otherwise', async () => {
    for (const path of CLIENT_PATHS) {
      const known = await send(wires.port, {
        method: 'OPTIONS',
        path,
        headers: { origin: APP_ORIGIN, 'access-control-request-method': 'POST' },
      })
      expect(known.status).toBe(204)
      expect(known.headers).toMatchObject({
        'access-control-allow-origin': APP_ORIGIN,
        'access-control-allow-credentials': 'true',
        vary: 'Origin',
      })
      for (const origin of [
        'https://evil.example',
        'null',
        `${APP_ORIGIN}.evil.example`,
        'https://hospital.example',
        `${APP_ORIGIN}:8443`,
      ]) {
        const other = await send(wires.port, { method: 'OPTIONS', path, headers: { origin } })
        expect(Object.keys(other.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      }
    }
  })

  it('may not ask for administration at all', async () => {
    for (const path of ['/v1/users', '/v1/keys/rotate', '/v1/login-clients', '/oauth/introspect', '/v1/revocations']) {
      const answer = await send(wires.port, { method: 'OPTIONS', path, headers: { origin: APP_ORIGIN } })
      expect(answer.status).toBe(204)
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  it('read errors too, when they may ask', async () => {
    const answer = await call(wires, 'POST', '/v1/login/start', {}, { origin: APP_ORIGIN })
    expect(answer.status).toBe(400)
    expect(answer.headers['access-control-allow-origin']).toBe(APP_ORIGIN)
  })
})

describe('every address', () => {
  it('refuses other methods with what is allowed', async () => {
    const expected = {
      '/v1/login/start': 'POST, OPTIONS',
      '/oauth/token': 'POST, OPTIONS',
      '/login/verify': 'GET, HEAD, OPTIONS',
      '/v1/me/sessions': 'GET, HEAD, DELETE, OPTIONS',
      '/v1/login-clients/x': 'PUT, DELETE, OPTIONS',
      '/livez': 'GET, HEAD, OPTIONS',
    }
    for (const [path, allow] of Object.entries(expected)) {
      const answer = await call(wires, 'PATCH', path)
      expect(answer).toMatchObject({ status: 405, json: { code: 'method_not_allowed' } })
      expect(answer.headers['allow']).toBe(allow)
    }
  })

  it.each([
    '/',
    '/v1',
    '/login/',
    '/Login',
    '/v1/login',
    '/oauth',
    '/.well-known',
    '/login/assets/../texts.ts',
    '/login/assets/page.ts',
    '//evil.example/login',
  ])('that is none is 404 with a problem: %s', async (path) => {
    const answer = await get(wires, path)
    expect(answer).toMatchObject({ status: 404, json: { code: 'route_not_found' } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
  })

  it('repeats a request id that is fit for it, and makes one otherwise', async () => {
    expect((await get(wires, '/livez', { 'x-request-id': 'r-1' })).headers['x-request-id']).toBe('r-1')
    expect((await get(wires, '/livez', { 'x-request-id': '<r>' })).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('the pages', () => {
  it('are the same bytes for everybody, without a cookie, for no frame, cache or referrer', async () => {
    for (const path of ['/login', '/login/verify']) {
      const plain = await get(wires, path)
      const other = await get(wires, `${path}?clientId=x&redirectUri=%3Cscript%3E&utm=1`, {
        cookie: '__Host-castellan-login=x',
        host: 'evil.example',
        'user-agent': 'Scanner',
      })
      expect(other.text).toBe(plain.text)
      expect(plain.cookies).toEqual([])
      expect(plain.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
      })
      const policy = plain.headers['content-security-policy'] ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/unsafe|\*|https?:/)
      expect(plain.headers['x-powered-by']).toBeUndefined()
    }
  })

  it('speak the language that is asked for', async () => {
    expect((await get(wires, '/login?locale=fr')).text).toContain('<html lang="fr">')
    expect((await get(wires, '/login/verify', { 'accept-language': 'fr-CH,fr;q=0.9' })).text).toContain('Voulez-vous vous connecter')
    expect((await get(wires, '/login?locale=xx', { 'accept-language': 'de' })).text).toContain('<html lang="en">')
  })

  it('show development mails in a frame that runs nothing', async () => {
    await ask(wires)
    const [mail] = await wires.mails()
    const frame = await get(wires, `/dev/mailbox/${mail?.id}`)
    expect(frame.headers['content-security-policy']).toMatch(/^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'/)
    expect((await get(wires, '/dev/mailbox?format=json')).json.mails[0]).toMatchObject({ to: 'bob@hospital.example', text: mail?.text })
    expect((await get(wires, '/dev/mailbox/none')).status).toBe(404)
    expect((await get(wires, '/dev/mailbox')).text).toContain('/login/verify#')
    expect((await get(wires, '/dev/app')).status).toBe(200)
  })
})

describe('limits by network address', () => {
  it('follow the socket where no proxy is trusted, and the entry of the trusted proxy where one is', async () => {
    for (const trustProxyHops of [0, 1]) {
      const limited = await openIdentityWires({ trustProxyHops, limits: memoryLimits() })
      try {
        const statuses: number[] = []
        for (let time = 0; time < 12; time += 1) {
          const body = { email: `p${time}@elsewhere.example`, clientId: 'app' }
          // The last entry is the proxy's; what stands before it, the visitor wrote.
          const headers = { 'x-forwarded-for': `203.0.113.${time}, 198.51.100.7` }
          statuses.push((await call(limited, 'POST', '/v1/login/start', body, headers)).status)
        }
        expect(statuses).toEqual([...Array.from({ length: 10 }, () => 202), 429, 429])
        const elsewhere = { 'x-forwarded-for': '198.51.100.8' }
        const answer = await call(limited, 'POST', '/v1/login/start', { email: 'q@elsewhere.example', clientId: 'app' }, elsewhere)
        expect(answer.status).toBe(trustProxyHops === 0 ? 429 : 202)
      } finally {
        await limited.close()
      }
    }
  })
})

describe('what anybody may send', () => {
  it('never fails inside, and is never let in', async () => {
    const paths = [
      '/v1/login/start',
      '/v1/login/peek',
      '/v1/login/verify',
      '/oauth/token',
      '/oauth/revoke',
      '/oauth/introspect',
      '/v1/logout',
      '/v1/users/x/invite',
      '/v1/keys/rotate',
    ]
    // What node sends at all: visible characters, and bytes above.
    const headerText = fc.string({
      unit: fc
        .integer({ min: 0x21, max: 0xff })
        .filter((c) => c !== 0x7f)
        .map((c) => String.fromCharCode(c)),
      maxLength: 60,
    })
    const body = fc.oneof(fc.json(), fc.string({ unit: 'binary', maxLength: 80 }), fc.webQueryParameters())
    const type = fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=utf-16')
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        body,
        type,
        headerText,
        headerText,
        headerText,
        async (path, text, contentType, authorization, cookie, forwarded) => {
          const headers = {
            'content-type': contentType,
            ...(authorization === '' ? {} : { authorization }),
            cookie: `__Host-castellan-login=${cookie}; __Host-castellan-refresh=${cookie}`,
            'x-forwarded-for': forwarded,
            'x-castellan-csrf': '1',
            origin: wires.issuer,
          }
          const answer = await send(wires.port, { method: 'POST', path, headers }, text)
          expect(answer.status).toBeGreaterThanOrEqual(path === '/oauth/revoke' ? 200 : 400)
          expect(answer.status).toBeLessThan(500)
          if (path.startsWith('/oauth'))
            expect(answer.json === undefined || answer.status === 200 || typeof answer.json.error === 'string').toBe(true)
          else expect(answer.headers['content-type']).toBe('application/problem+json')
        },
      ),
      { numRuns: 400 },
    )
    expect(wires.logged.filter((line) => line['level'] === 'error')).toEqual([])
  })

  it('leaves no secret in the log', async () => {
    const { token, code, binding } = await ask(wires)
    const answer = await call(wires, 'POST', '/v1/login/verify', { token }, { cookie: binding })
    await form(wires, '/oauth/token', { grant_type: 'refresh_token', client_id: 'app', refresh_token: answer.json.refreshToken })
    const log = JSON.stringify([wires.logged, wires.ended])
    for (const secret of [token, code, binding.split('=')[1] ?? '', answer.json.accessToken, answer.json.refreshToken])
      expect(log).not.toContain(secret)
  })
})
