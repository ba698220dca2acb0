/** Signing in over HTTP: uniform answers, cookies that pages of others cannot use, nothing consumed by looking. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  ask,
  bearer,
  call,
  cookieOf,
  fromOurPage,
  get,
  type IdentityWires,
  openIdentityWires,
  REDIRECT,
  send,
  signIn,
} from './identity-wires.ts'

let wires: IdentityWires
beforeAll(async () => {
  wires = await openIdentityWires()
})
afterAll(() => wires.close())

const START = '/v1/login/start'
const VERIFY = '/v1/login/verify'

describe('asking for a login', () => {
  const shape = (answer: Awaited<ReturnType<typeof call>>) => ({
    status: answer.status,
    body: Object.entries(answer.json).map(([name, value]) => [name, typeof value]),
    headers: Object.keys(answer.headers).sort(),
    cookie: answer.cookies.map((cookie) => cookie.replace(/=[A-Za-z0-9_-]{43}/, '=…')),
    length: answer.text.length,
  })

  it('answers known, unknown, deactivated and uninvited addresses alike, with the same headers and cookie', async () => {
    const { administration, context } = wires.house
    await administration.putUser(context, { user: 'gone', email: 'gone@hospital.example' })
    await administration.deactivateUser(context, 'gone')
    const answers = []
    for (const email of ['ann@hospital.example', 'nobody@hospital.example', 'gone@hospital.example', 'who@elsewhere.example']) {
      answers.push(shape(await call(wires, 'POST', START, { email, clientId: 'app', redirectUri: REDIRECT })))
    }
    expect(answers[0]).toMatchObject({ status: 202 })
    expect(answers[0]?.cookie).toEqual(['__Host-castellan-login=…; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=600'])
    for (const other of answers.slice(1)) expect(other).toEqual(answers[0])
    const recipients = (await wires.mails()).map((mail) => mail.to)
    expect(recipients).not.toContain('nobody@hospital.example')
    expect(recipients).not.toContain('gone@hospital.example')
  })

  it('keeps the cookie of a browser that has one', async () => {
    const { binding } = await ask(wires)
    const again = await call(wires, 'POST', START, { email: 'bob@hospital.example', clientId: 'app' }, { cookie: binding })
    expect(cookieOf(again, '__Host-castellan-login')).toBe(binding)
  })

  it.each([
    ['an address that is none', { email: 'bob', clientId: 'app' }, 'email'],
    ['two addresses', { email: 'bob@hospital.example, eve@evil.example', clientId: 'app' }, 'email'],
    ['a header in the address', { email: 'bob@hospital.example\r\nBcc: eve@evil.example', clientId: 'app' }, 'email'],
    ['an unknown application', { email: 'bob@hospital.example', clientId: 'other' }, 'clientId'],
    ['another redirect', { email: 'bob@hospital.example', clientId: 'app', redirectUri: `${REDIRECT}/` }, 'redirectUri'],
    ['a redirect elsewhere', { email: 'bob@hospital.example', clientId: 'app', redirectUri: '//evil.example' }, 'redirectUri'],
    ['an unknown language', { email: 'bob@hospital.example', clientId: 'app', locale: 'de' }, 'locale'],
    ['an unknown field', { email: 'bob@hospital.example', clientId: 'app', redirecturi: REDIRECT }, 'redirecturi'],
    ['no application', { email: 'bob@hospital.example' }, 'clientId'],
  ])('refuses %s and names the field', async (_name, body, field) => {
    const answer = await call(wires, 'POST', START, body)
    expect(answer).toMatchObject({ status: 400, json: { code: 'request_invalid', violations: [{ field }] } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.cookies).toEqual([])
  })

  it('reads neither Host nor X-Forwarded-Host: the mailed link begins with the public address', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      'x-forwarded-proto': 'http',
    }
    await call(wires, 'POST', START, { email: 'bob@hospital.example', clientId: 'app' }, headers)
    const [mail] = await wires.mails()
    expect(mail?.to).toBe('bob@hospital.example')
    expect(`${mail?.text}${mail?.html}`).not.toContain('evil.example')
    expect(mail?.text).toContain(`${wires.issuer}/login/verify#`)
  })

  it.each(['https://evil.example', 'null', 'https://app.hospital.example.evil.example', 'http://app.hospital.example'])(
    'is refused to a page of %s',
    async (origin) => {
      const answer = await call(wires, 'POST', START, { email: 'bob@hospital.example', clientId: 'app' }, { origin })
      expect(answer).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    },
  )

  it('is refused to a cross-site request without an origin, and as a plain form', async () => {
    const body = { email: 'bob@hospital.example', clientId: 'app' }
    expect((await call(wires, 'POST', START, body, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await call(wires, 'POST', START, body, { 'content-type': 'text/plain' })).status).toBe(415)
  })
})

describe('answering a login', () => {
  it('signs in by the link, with the refresh token in the body where no cookie is wanted', async () => {
    const answer = await signIn(wires)
    expect(answer).toMatchObject({
      status: 200,
      json: { tokenType: 'Bearer', expiresInSeconds: 300, user: 'bob', tenant: 'north', redirectUri: REDIRECT, otherDevice: false },
    })
    expect(answer.json.refreshToken).toEqual(expect.any(String))
    expect(answer.cookies).toEqual([])
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(await get(wires, '/v1/me', bearer(answer.json.accessToken))).toMatchObject({
      status: 200,
      json: { user: 'bob', email: 'bob@hospital.example', tenant: 'north', tenants: [{ id: 'north' }] },
    })
  })

  it('puts the refresh token into a cookie, and into no body, for our own page', async () => {
    const answer = await signIn(wires, 'bob@hospital.example', { cookie: true }, fromOurPage(wires))
    expect(answer.status).toBe(200)
    expect(answer.json.refreshToken).toBeUndefined()
    expect(answer.cookies).toEqual([
      expect.stringMatching(/^__Host-castellan-refresh=[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=1209600$/),
    ])
    const value = cookieOf(answer, '__Host-castellan-refresh').split('=')[1] ?? 'none'
    expect(answer.text).not.toContain(value)
  })

  it('does not spend the link on a cookie that may not be set', async () => {
    const { token, binding } = await ask(wires)
    const forged = [
      {},
      { origin: wires.issuer },
      { 'x-castellan-csrf': '1' },
      { 'x-castellan-csrf': '1', origin: 'https://evil.example' },
      { 'x-castellan-csrf': '0', origin: wires.issuer },
      { 'x-castellan-csrf': '1', 'sec-fetch-site': 'same-site' },
    ] as Record<string, string>[]
    for (const headers of forged) {
      const answer = await call(wires, 'POST', VERIFY, { token, cookie: true }, { cookie: binding, ...headers })
      expect(answer).toMatchObject({ status: 403, json: { code: 'permission_denied' }, cookies: [] })
    }
    const good = await call(wires, 'POST', VERIFY, { token, cookie: true }, { cookie: binding, ...fromOurPage(wires) })
    expect(good.status).toBe(200)
  })

  it('signs in by the code in the browser that asked, and refuses it in another one', async () => {
    const { challengeId, code, binding } = await ask(wires)
    expect(await call(wires, 'POST', VERIFY, { challengeId, code })).toMatchObject({ status: 401, json: { code: 'login_refused' } })
    const answer = await call(wires, 'POST', VERIFY, { challengeId, code }, { cookie: binding })
    expect(answer).toMatchObject({ status: 200, json: { user: 'bob' } })
  })

  it('takes a binding cookie that came twice for none', async () => {
    const { challengeId, code, binding } = await ask(wires)
    const twice = await call(wires, 'POST', VERIFY, { challengeId, code }, { cookie: `${binding}; ${binding}` })
    expect(twice.status).toBe(401)
  })

  it('says of another browser that it is another one, and signs in that one', async () => {
    const { token } = await ask(wires)
    expect(await call(wires, 'POST', '/v1/login/peek', { token })).toMatchObject({ status: 200, json: { otherDevice: true } })
    expect(await call(wires, 'POST', VERIFY, { token })).toMatchObject({ status: 200, json: { otherDevice: true } })
  })

  it('asks for a choice of tenant, names them, and consumes nothing meanwhile', async () => {
    const { token, binding } = await ask(wires, 'ann@hospital.example')
    const asked = await call(wires, 'POST', VERIFY, { token }, { cookie: binding })
    expect(asked).toMatchObject({ status: 409, json: { code: 'conflict', tenants: [{ id: 'north' }, { id: 'south' }] } })
    expect(asked.headers['content-type']).toBe('application/problem+json')
    const chosen = await call(wires, 'POST', VERIFY, { token, tenant: 'south' }, { cookie: binding })
    expect(chosen).toMatchObject({ status: 200, json: { tenant: 'south' } })
  })

  it('shows what the click would do, and no secret', async () => {
    const { token, binding } = await ask(wires, 'bob@hospital.example', { locale: 'fr' })
    const seen = await call(wires, 'POST', '/v1/login/peek', { token }, { cookie: binding })
    expect(seen).toMatchObject({
      status: 200,
      json: { kind: 'login', application: 'Ward plan', locale: 'fr', otherDevice: false, redirectUri: REDIRECT },
    })
    expect(seen.json.maskedEmail).not.toContain('bob@')
    expect(seen.text).not.toContain(token)
  })

  it('consumes nothing by 20 looks, GETs and HEADs, and refuses the second answer from elsewhere', async () => {
    const { token } = await ask(wires)
    for (let time = 0; time < 20; time += 1) {
      expect((await call(wires, 'POST', '/v1/login/peek', { token })).status).toBe(200)
      expect((await get(wires, '/login/verify')).status).toBe(200)
      expect((await send(wires.port, { method: 'HEAD', path: '/login/verify' })).status).toBe(200)
    }
    expect((await call(wires, 'POST', VERIFY, { token })).status).toBe(200)
    expect(await call(wires, 'POST', VERIFY, { token })).toMatchObject({ status: 401, json: { code: 'login_refused' } })
  })

  it.each([
    ['nothing', {}, 400],
    ['a link and a code', { token: 'x', challengeId: 'y', code: '123456' }, 400],
    ['a code without its challenge', { code: '123456' }, 400],
    ['a number for a token', { token: 1 }, 400],
    ['an unknown token', { token: 'x'.repeat(43) }, 401],
    ['a challenge that is no id', { challengeId: 'x', code: '123456' }, 401],
    ['a code that is none', { challengeId: 'x', code: 'abc' }, 401],
    ['a huge token', { token: 'x'.repeat(8_192) }, 401],
    ['a token beyond every bound', { token: 'x'.repeat(8_193) }, 400],
    ['an access token', { token: 'eyJhbGciOiJub25lIn0.e30.' }, 401],
  ])('refuses %s', async (_name, body, status) => {
    const { binding } = await ask(wires)
    expect((await call(wires, 'POST', VERIFY, body, { cookie: binding })).status).toBe(status)
  })

  it('refuses a body beyond 32 KiB unread, and one that is no JSON', async () => {
    expect((await call(wires, 'POST', VERIFY, { token: 'x'.repeat(40_000) })).status).toBe(413)
    expect((await call(wires, 'POST', VERIFY, '{"token":"a","token":"b"}')).status).toBe(400)
  })

  it('wants secrets in bodies, not in addresses', async () => {
    const { token } = await ask(wires)
    // The body would do: it is the address that is refused, and the link is not spent.
    const answer = await call(wires, 'POST', `${VERIFY}?token=${token}`, { token })
    expect(answer).toMatchObject({ status: 400, json: { violations: [{ field: 'token', message: 'is not a field of this request' }] } })
    expect(answer.text).not.toContain(token)
    expect((await call(wires, 'POST', VERIFY, { token })).status).toBe(200)
  })
})
