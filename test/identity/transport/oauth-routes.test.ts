/** OAuth over HTTP: who may ask, in which form, what comes back, and which errors. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  APP_ORIGIN,
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
  signIn,
} from './identity-wires.ts'

let wires: IdentityWires
beforeAll(async () => {
  wires = await openIdentityWires()
})
afterAll(() => wires.close())

const REFRESH = '__Host-castellan-refresh'
const basic = (id: string, secret: string): Headers => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
})
const service = () => basic(wires.service.id, wires.service.key)
const refreshing = (token: string, more: Headers = {}) => ({ grant_type: 'refresh_token', client_id: 'app', refresh_token: token, ...more })
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const exchanging = (token: string, tenant: string) => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  client_id: 'app',
  subject_token: token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token',
  tenant,
})
const signInByCookie = async () => cookieOf(await signIn(wires, undefined, { cookie: true }, fromOurPage(wires)), REFRESH)

describe('POST /oauth/token', () => {
  it('refreshes', async () => {
    const first = (await signIn(wires)).json.refreshToken
    const answer = await form(wires, '/oauth/token', refreshing(first))
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'Bearer', expires_in: 300 }, cookies: [] })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
    expect(answer.json.refresh_token).not.toBe(first)
    expect((await get(wires, '/v1/me', bearer(answer.json.access_token))).status).toBe(200)
  })

  it('refreshes by cookie alone for our page and for one of the application, and then answers without a refresh token', async () => {
    for (const origin of [wires.issuer, APP_ORIGIN]) {
      const cookie = await signInByCookie()
      const answer = await form(
        wires,
        '/oauth/token',
        { grant_type: 'refresh_token', client_id: 'app' },
        { cookie, origin, 'x-castellan-csrf': '1' },
      )
      expect(answer.status).toBe(200)
      expect(answer.json.refresh_token).toBeUndefined()
      expect(cookieOf(answer, REFRESH)).not.toBe(cookie)
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' })
    }
  })

  it('refreshes by cookie for no other page', async () => {
    const cookie = await signInByCookie()
    const forged: Headers[] = [
      { origin: wires.issuer },
      { origin: 'https://evil.example', 'x-castellan-csrf': '1' },
      { origin: 'null', 'x-castellan-csrf': '1' },
      { 'x-castellan-csrf': '1' },
      { 'x-castellan-csrf': '1', 'sec-fetch-site': 'cross-site' },
    ]
    for (const headers of forged) {
      const answer = await form(wires, '/oauth/token', { grant_type: 'refresh_token', client_id: 'app' }, { cookie, ...headers })
      expect(answer).toMatchObject({ status: 403, json: { error: 'access_denied' }, cookies: [] })
    }
    const good = await form(wires, '/oauth/token', { grant_type: 'refresh_token', client_id: 'app' }, { cookie, ...fromOurPage(wires) })
    expect(good.status).toBe(200)
  })

  it('lets a cookie count nowhere where a header or a parameter speaks', async () => {
    const cookie = await signInByCookie()
    const headers = { cookie, ...fromOurPage(wires) }
    expect((await form(wires, '/oauth/token', refreshing('forged'), headers)).json.error).toBe('invalid_grant')
    expect((await form(wires, '/oauth/token', { grant_type: 'refresh_token' }, { ...headers, ...service() })).json.error).toBe(
      'invalid_request',
    )
  })

  it('takes the refresh token of a cookie session from no body, and plants no cookie for one', async () => {
    const cookie = await signInByCookie()
    const token = cookie.split('=')[1] ?? ''
    for (const headers of [{}, fromOurPage(wires), { origin: APP_ORIGIN }] as Headers[]) {
      const answer = await form(wires, '/oauth/token', refreshing(token), headers)
      expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' }, cookies: [] })
      const moved = await form(wires, '/oauth/token', exchanging(token, 'north'), headers)
      expect(moved).toMatchObject({ status: 400, json: { error: 'invalid_request' }, cookies: [] })
    }
    const good = await form(wires, '/oauth/token', { grant_type: 'refresh_token', client_id: 'app' }, { cookie, ...fromOurPage(wires) })
    expect(good.status).toBe(200)
  })

  it('takes the refresh token of another session from no cookie', async () => {
    const { refreshToken } = (await signIn(wires)).json
    const cookie = `${REFRESH}=${refreshToken}`
    const answer = await form(wires, '/oauth/token', { grant_type: 'refresh_token', client_id: 'app' }, { cookie, ...fromOurPage(wires) })
    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' }, cookies: [] })
  })

  it('gives a service a token, by Basic and by body', async () => {
    const byHeader = await form(wires, '/oauth/token', { grant_type: 'client_credentials', scope: 'decide' }, service())
    expect(byHeader).toMatchObject({ status: 200, json: { token_type: 'Bearer', scope: 'decide' } })
    expect(byHeader.json.refresh_token).toBeUndefined()
    const credentials = { client_id: wires.service.id, client_secret: wires.service.key }
    expect((await form(wires, '/oauth/token', { grant_type: 'client_credentials', ...credentials })).status).toBe(200)
  })

  it('exchanges for another tenant of the same person only', async () => {
    const { refreshToken, accessToken } = (await signIn(wires, 'ann@hospital.example', { tenant: 'north' })).json
    const answer = await form(wires, '/oauth/token', exchanging(refreshToken, 'south'))
    expect(answer).toMatchObject({ status: 200, json: { issued_token_type: ACCESS_TOKEN_TYPE }, cookies: [] })
    expect((await get(wires, '/v1/me', bearer(answer.json.access_token))).json.tenant).toBe('south')
    for (const tenant of ['west', 'north'])
      expect(await form(wires, '/oauth/token', exchanging(refreshToken, tenant))).toMatchObject({
        status: 400,
        json: { error: 'invalid_target' },
      })
    for (const subject of [
      exchanging(accessToken, 'south'),
      { ...exchanging(accessToken, 'south'), subject_token_type: ACCESS_TOKEN_TYPE },
      { ...exchanging(refreshToken, 'south'), subject_token_type: ACCESS_TOKEN_TYPE },
    ])
      expect(await form(wires, '/oauth/token', subject)).toMatchObject({ status: 400, json: { error: 'invalid_request' } })
  })

  it('exchanges by cookie for a page that may use it, and answers by cookie', async () => {
    const signedIn = await signIn(wires, 'ann@hospital.example', { tenant: 'north', cookie: true }, fromOurPage(wires))
    const cookie = cookieOf(signedIn, REFRESH)
    const { subject_token: _, ...asked } = exchanging('', 'south')
    for (const headers of [{}, { origin: wires.issuer }, { origin: 'https://evil.example', 'x-castellan-csrf': '1' }] as Headers[])
      expect(await form(wires, '/oauth/token', asked, { cookie, ...headers })).toMatchObject({ status: 403, cookies: [] })
    const answer = await form(wires, '/oauth/token', asked, { cookie, ...fromOurPage(wires) })
    expect(answer.status).toBe(200)
    expect(answer.json.refresh_token).toBeUndefined()
    const moved = { cookie: cookieOf(answer, REFRESH), ...fromOurPage(wires) }
    const next = await form(wires, '/oauth/token', { grant_type: 'refresh_token', client_id: 'app' }, moved)
    expect((await get(wires, '/v1/me', bearer(next.json.access_token))).json.tenant).toBe('south')
    // A page that signs out by its cookie leaves nothing of the login behind.
    await form(wires, '/oauth/revoke', { client_id: 'app' }, { ...moved, cookie: cookieOf(next, REFRESH) })
    expect((await get(wires, '/v1/me', bearer(signedIn.json.accessToken))).status).toBe(401)
  })

  it.each<[string, Headers | string, number, string]>([
    ['no grant', { client_id: 'app' }, 400, 'invalid_request'],
    ['an unknown grant', { grant_type: 'password', client_id: 'app' }, 400, 'unsupported_grant_type'],
    ['no client', { grant_type: 'refresh_token', refresh_token: 'x' }, 401, 'invalid_client'],
    ['no token', { grant_type: 'refresh_token', client_id: 'app' }, 400, 'invalid_request'],
    ['junk for a token', refreshing('junk'), 400, 'invalid_grant'],
    ['10 kB for a token', refreshing('x'.repeat(10_000)), 400, 'invalid_grant'],
    ['a public client as a service', { grant_type: 'client_credentials', client_id: 'app' }, 401, 'invalid_client'],
    [
      'a wrong secret',
      { grant_type: 'client_credentials', client_id: 'app', client_secret: `cst_${'x'.repeat(43)}` },
      401,
      'invalid_client',
    ],
    [
      'the admin key as a client',
      { grant_type: 'client_credentials', client_id: 'admin-key', client_secret: 'test-admin-key' },
      401,
      'invalid_client',
    ],
    ['a parameter twice', 'grant_type=refresh_token&client_id=app&refresh_token=a&refresh_token=b', 400, 'invalid_request'],
    ['a broken escape', 'grant_type=%', 400, 'invalid_request'],
    [
      'an exchange without a subject',
      { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', client_id: 'app', tenant: 'north' },
      400,
      'invalid_request',
    ],
  ])('refuses %s as RFC 6749 says', async (_name, body, status, error) => {
    const answer = await form(wires, '/oauth/token', body)
    expect(answer).toMatchObject({ status, json: { error } })
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Basic realm="castellan"' : undefined)
  })

  it('refuses a scope that the service lacks, and two ways of saying who asks', async () => {
    const asked = { grant_type: 'client_credentials', scope: 'administer' }
    expect((await form(wires, '/oauth/token', asked, service())).json.error).toBe('invalid_scope')
    const twice = { grant_type: 'client_credentials', client_secret: wires.service.key }
    expect((await form(wires, '/oauth/token', twice, service())).json.error).toBe('invalid_request')
    const other = { grant_type: 'client_credentials', client_id: 'app' }
    expect((await form(wires, '/oauth/token', other, service())).json.error).toBe('invalid_request')
  })

  it('takes the key of one service for no other name', async () => {
    for (const id of ['app', 'admin-key', wires.service.id.toUpperCase()]) {
      const answer = await form(wires, '/oauth/token', { grant_type: 'client_credentials' }, basic(id, wires.service.key))
      expect(answer).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
    }
  })

  it('takes no token of a service for its secret: it would renew itself for ever', async () => {
    const { access_token: token } = (await form(wires, '/oauth/token', { grant_type: 'client_credentials' }, service())).json
    const answer = await form(wires, '/oauth/token', {
      grant_type: 'client_credentials',
      client_id: wires.service.id,
      client_secret: token,
    })
    expect(answer).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
  })

  it('refuses JSON, and parameters in the address', async () => {
    expect((await call(wires, 'POST', '/oauth/token', { grant_type: 'refresh_token' })).json.error).toBe('invalid_request')
    const inAddress = await form(wires, '/oauth/token?client_id=app', refreshing('x'))
    expect(inAddress).toMatchObject({ status: 400, json: { error: 'invalid_request' } })
    expect((await form(wires, '/oauth/token', refreshing('x'.repeat(40_000)))).status).toBe(413)
  })
})

describe('a page of somebody else', () => {
  const FOREIGN: Headers[] = [
    { origin: 'https://evil.example' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]

  it('gets nothing from /oauth/*, plants no cookie, and changes nothing, whatever its form sends', async () => {
    const { refreshToken, accessToken } = (await signIn(wires, 'ann@hospital.example', { tenant: 'north' })).json
    // The attacker's own: it would sign the person who opens the page in as the attacker.
    const planted = (await signInByCookie()).split('=')[1] ?? ''
    const sent: (readonly [string, Headers])[] = [
      ['/oauth/token', refreshing(planted)],
      ['/oauth/token', refreshing(refreshToken)],
      ['/oauth/token', exchanging(refreshToken, 'south')],
      ['/oauth/token', exchanging(planted, 'south')],
      ['/oauth/token', { grant_type: 'client_credentials', client_id: wires.service.id, client_secret: wires.service.key }],
      ['/oauth/revoke', { token: refreshToken, client_id: 'app' }],
      ['/oauth/introspect', { token: accessToken, client_id: wires.service.id, client_secret: wires.service.key }],
    ]
    for (const headers of FOREIGN) {
      for (const [path, fields] of sent) {
        const answer = await form(wires, path, fields, headers)
        expect(answer).toMatchObject({ status: 403, json: { error: 'access_denied' }, cookies: [] })
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      }
    }
    expect((await form(wires, '/oauth/token', refreshing(refreshToken), { origin: APP_ORIGIN })).status).toBe(200)
  })
})

describe('POST /oauth/introspect and /oauth/revoke', () => {
  it('says what a token is worth to a service, and nothing to anybody else', async () => {
    const { accessToken } = (await signIn(wires)).json
    expect(await form(wires, '/oauth/introspect', { token: accessToken }, service())).toMatchObject({
      status: 200,
      json: { active: true, sub: 'bob', tid: 'north' },
    })
    expect(await form(wires, '/oauth/introspect', { token: accessToken })).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
    const byPublic = await form(wires, '/oauth/introspect', { token: accessToken, client_id: 'app' })
    expect(byPublic).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
    expect((await form(wires, '/oauth/introspect', {}, service())).json.error).toBe('invalid_request')
    expect((await form(wires, '/oauth/introspect', { token: 'junk' }, service())).json).toEqual({ active: false })
  })

  it('says nothing of tenants that the service is not for', async () => {
    const { administration, context } = wires.house
    const { record, key } = await administration.createCaller(context, { name: 'south only', scopes: ['decide'], tenants: ['south'] })
    const { accessToken } = (await signIn(wires)).json
    expect((await form(wires, '/oauth/introspect', { token: accessToken }, basic(record.id, key))).json).toEqual({ active: false })
  })

  it('says nothing to such a service of what has no tenant, whatever its tenants are called, but of its own tokens', async () => {
    const { administration, context } = wires.house
    await administration.putUser(context, { user: 'zoe', email: 'zoe@hospital.example' })
    const tenants = ['undefined', 'null']
    const { record, key } = await administration.createCaller(context, { name: 'oddly named', scopes: ['decide'], tenants })
    const tokenOf = async (headers: Headers) =>
      (await form(wires, '/oauth/token', { grant_type: 'client_credentials' }, headers)).json.access_token
    const person = (await signIn(wires, 'zoe@hospital.example')).json.accessToken
    const introspect = async (token: string, headers: Headers) => (await form(wires, '/oauth/introspect', { token }, headers)).json
    for (const token of [person, await tokenOf(service())]) {
      expect(await introspect(token, service())).toMatchObject({ active: true })
      expect(await introspect(token, basic(record.id, key))).toEqual({ active: false })
    }
    expect(await introspect(await tokenOf(basic(record.id, key)), basic(record.id, key))).toMatchObject({ active: true, sub: record.id })
  })

  it('ends the session of a token that is revoked, and answers 200 to what it does not know', async () => {
    const { accessToken, refreshToken } = (await signIn(wires)).json
    expect((await form(wires, '/oauth/revoke', { token: 'junk', client_id: 'app' })).status).toBe(200)
    expect((await form(wires, '/oauth/revoke', { token: refreshToken, client_id: 'app' })).status).toBe(200)
    expect((await form(wires, '/oauth/introspect', { token: accessToken }, service())).json).toEqual({ active: false })
    expect((await form(wires, '/oauth/token', refreshing(refreshToken))).json.error).toBe('invalid_grant')
    expect((await form(wires, '/oauth/revoke', { client_id: 'app' })).json.error).toBe('invalid_request')
  })

  it('ends no session of another application', async () => {
    const { accessToken, refreshToken } = (await signIn(wires)).json
    await form(wires, '/oauth/revoke', { token: refreshToken, client_id: 'other' })
    expect((await get(wires, '/v1/me', bearer(accessToken))).status).toBe(200)
  })
})

describe('failed secrets', () => {
  it('are limited by client and network address, which a header does not change, and shut out no other client of the network', async () => {
    const limited = await openIdentityWires({ limits: memoryLimits() })
    try {
      const statuses: number[] = []
      for (let time = 0; time < 25; time += 1) {
        const fields = { grant_type: 'client_credentials', client_id: 'x', client_secret: 'wrong' }
        const answer = await form(limited, '/oauth/token', fields, { 'x-forwarded-for': `203.0.113.${time}` })
        statuses.push(answer.status)
        if (answer.status === 429) {
          expect(answer.json.error).toBe('temporarily_unavailable')
          expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
        }
      }
      expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401))
      expect(statuses.slice(20)).toEqual(Array.from({ length: 5 }, () => 429))
      const { id, key } = limited.service
      expect((await form(limited, '/oauth/token', { grant_type: 'client_credentials' }, basic(id, key))).status).toBe(200)
    } finally {
      await limited.close()
    }
  })
})
