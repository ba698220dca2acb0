/** What holds for all addresses of the identity service: methods, other origins, pages, readers of tokens, limits, junk. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  ADMIN_KEY,
  APP_ORIGIN,
  ask,
  bearer,
  call,
  form,
  get,
  type IdentityWires,
  memoryLimits,
  openIdentityWires,
  send,
  signIn,
} from './identity-wires.ts'

let wires: IdentityWires
beforeAll(async () => {
  wires = await openIdentityWires()
})
afterAll(() => wires.close())

const _admin = bearer(ADMIN_KEY)

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

  it('is told to the last, page after page, however much ended', async () => {
    const service = bearer(wires.service.key)
    const { position: begin } = (await get(wires, '/v1/revocations', service)).json
    const ended = 1_100
    for (let nth = 0; nth < ended; nth++) {
      await wires.house.store.change(async (transaction) => {
        const position = await transaction.appendFeed([{ kind: 'user', user: 'bob' }])
        await transaction.identity.insertRevocations(position, [{ user: 'bob', epoch: nth + 1 }])
      })
    }
    const epochs: number[] = []
    const pages: boolean[] = []
    let since = begin
    do {
      const { json } = await get(wires, `/v1/revocations?since=${since}`, service)
      epochs.push(...json.revocations.map(({ epoch }: { epoch: number }) => epoch))
      pages.push(json.more)
      since = json.position
    } while (pages.at(-1) === true)
    expect(epochs).toEqual(Array.from({ length: ended }, (_, nth) => nth + 1))
    expect(pages).toEqual([true, false])
  })

  it('is not what a service limited to some tenants learns: revocations belong to none', async () => {
    const { administration, context } = wires.house
    const { key } = await administration.createCaller(context, { name: 'north only', scopes: ['decide'], tenants: ['north'] })
    expect(await get(wires, '/v1/revocations', bearer(key))).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
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
