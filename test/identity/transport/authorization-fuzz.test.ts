/** Whatever is near to a token or a secret, over real connections to every address that asks for one: never a fault of ours, never let in. */
import { Agent } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  ADMIN_KEY,
  ask,
  bearer,
  cookieOf,
  form,
  fromOurPage,
  get,
  type Headers,
  type IdentityWires,
  openIdentityWires,
  send,
  signIn,
} from './identity-wires.ts'

const REQUESTS = 3_000
const AT_ONCE = 8

let wires: IdentityWires
/** Tokens and secrets that are good somewhere, by what they are. */
let good: Readonly<Record<string, string>>
let basicPair: string
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
beforeAll(async () => {
  wires = await openIdentityWires()
  const { id, key } = wires.service
  basicPair = `${id}:${key}`
  const [ann, olga] = [await signIn(wires, 'ann@hospital.example', { tenant: 'north' }), await signIn(wires, 'olga@hospital.example')]
  const kept = cookieOf(await signIn(wires, undefined, { cookie: true }, fromOurPage(wires)), '__Host-castellan-refresh')
  const basic = Buffer.from(basicPair).toString('base64')
  const granted = await form(wires, '/oauth/token', { grant_type: 'client_credentials' }, { authorization: `Basic ${basic}` })
  good = {
    person: ann.json.accessToken,
    officer: olga.json.accessToken,
    service: granted.json.access_token,
    refresh: ann.json.refreshToken,
    cookie: kept.split('=')[1] ?? '',
    link: (await ask(wires)).token,
    key,
    adminKey: ADMIN_KEY,
    basic,
  }
  for (const secret of Object.values(good)) expect(secret.length).toBeGreaterThan(10)
})
afterAll(async () => {
  agent.destroy()
  await wires.close()
})

/** Characters that a header can carry. */
const character = fc
  .integer({ min: 0x20, max: 0xff })
  .filter((code) => code !== 0x7f)
  .map((code) => String.fromCharCode(code))
const carried = fc.string({ unit: character, maxLength: 12 })

/** Credentials of every distance from good ones. */
function credentials(): fc.Arbitrary<string> {
  const one = fc.constantFrom(...Object.values(good))
  const token = fc.constantFrom(good['person'] ?? '', good['officer'] ?? '', good['service'] ?? '')
  const part = fc.tuple(token, fc.nat(2)).map(([text, at]) => text.split('.')[at] ?? '')
  const position = fc.nat(2_000)
  return fc.oneof(
    // Parts of real ones, in any order and number.
    { weight: 4, arbitrary: fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')) },
    fc.tuple(token, fc.nat(2), fc.oneof(part, one, carried)).map(([text, at, other]) => text.split('.').toSpliced(at, 1, other).join('.')),
    { weight: 2, arbitrary: fc.tuple(one, position).map(([text, at]) => text.slice(0, at % text.length)) },
    fc.tuple(one, position).map(([text, at]) => text.slice(at % text.length)),
    fc
      .tuple(one, position, carried)
      .map(([text, at, other]) => text.slice(0, at % text.length) + other + text.slice((at % text.length) + 1)),
    fc.constantFrom('toUpperCase', 'toLowerCase', 'trim').chain((change) => one.map((text) => text[change as 'trim']())),
    one.map((text) => Buffer.from(text).toString('base64')),
    fc.tuple(one, one, fc.constantFrom('', ' ', ',', ', ', '\t', ':')).map(([left, right, between]) => left + between + right),
    one.map((text) => text.repeat(Math.ceil(9_000 / text.length))),
    one,
    carried,
  )
}

/** Base64 that is none, pairs that are none, escapes that are none. */
function basicCredentials(): fc.Arbitrary<string> {
  const [id = '', key = ''] = basicPair.split(':')
  const half = fc.oneof(fc.constantFrom(id, key, '', '%', '%zz', '%00', '%ff%fe', '+', '\0', '\u2028', 'app'), carried)
  const pair = fc.tuple(half, fc.constantFrom(':', '', '::', '%3A'), half).map((halves) => halves.join(''))
  return fc.oneof(
    pair.map((text) => Buffer.from(text).toString('base64')),
    pair.map((text) => Buffer.from(text, 'latin1').toString('base64')),
    fc
      .tuple(pair, fc.constantFrom('=', '==', '===', '-', '_', ' ', '\xff', ','))
      .map(([text, more]) => `${Buffer.from(text).toString('base64')}${more}`),
    fc.tuple(pair, fc.nat(80)).map(([text, at]) => Buffer.from(text).toString('base64').slice(at)),
    pair.map((text) => Buffer.from(text).toString('latin1').replaceAll('\0', '')),
  )
}

interface Attempt {
  readonly method: string
  readonly path: string
  readonly authorization: string
  readonly body: string | undefined
  readonly type: string
}

const BEARER_PATHS = [
  ['GET', '/v1/me'],
  ['GET', '/v1/me/sessions'],
  ['DELETE', '/v1/me/sessions/3d2f0e0c-1c5b-4c55-9d0b-0f4f6a1c2b3d'],
  ['POST', '/v1/logout'],
  ['GET', '/v1/users'],
  ['POST', '/v1/users/bob/deactivate'],
  ['GET', '/v1/users/bob/sessions'],
  ['DELETE', '/v1/users/bob/sessions'],
  ['POST', '/v1/keys/rotate'],
  ['GET', '/v1/login-clients'],
  ['PUT', '/v1/login-clients/evil'],
  ['GET', '/v1/permission-index/1'],
  ['GET', '/v1/revocations'],
] as const
const OAUTH_PATHS = ['/oauth/token', '/oauth/revoke', '/oauth/introspect'] as const

function attempts(): fc.Arbitrary<Attempt> {
  const scheme = fc.constantFrom('Bearer ', 'bearer ', 'BEARER  ', 'Bearer', 'Bearer\t', 'DPoP ', 'Basic ', 'basic ', 'Basic', '')
  const near = credentials()
  const header = fc.oneof(
    { weight: 4, arbitrary: near.map((text) => `Bearer ${text}`) },
    { weight: 2, arbitrary: fc.tuple(scheme, near).map((parts) => parts.join('')) },
    { weight: 2, arbitrary: basicCredentials().map((text) => `Basic ${text}`) },
  )
  const json = fc.tuple(fc.constantFrom(...BEARER_PATHS), header).map(([[method, path], authorization]) => {
    const body = method === 'POST' || method === 'PUT' ? '{}' : undefined
    return { method, path, authorization, body, type: 'application/json' }
  })
  const grants = ['client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange', 'password']
  const oauth = fc
    .tuple(fc.constantFrom(...OAUTH_PATHS), header, near, fc.constantFrom(...grants), fc.constantFrom('access_token', 'refresh_token'))
    .map(([path, authorization, token, grant_type, kind]) => {
      const shown =
        grant_type === 'refresh_token'
          ? { refresh_token: token }
          : { subject_token: token, subject_token_type: `urn:ietf:params:oauth:token-type:${kind}`, tenant: 'south' }
      const fields: Headers = path === '/oauth/token' ? { grant_type, ...shown } : { token }
      const body = new URLSearchParams(fields).toString()
      return { method: 'POST', path, authorization, body, type: 'application/x-www-form-urlencoded' }
    })
  return fc.oneof({ weight: 3, arbitrary: json }, { weight: 2, arbitrary: oauth })
}

/** What is good as it stands, in whatever spelling of the scheme: not what this is about. A refresh token or a link is good nowhere here. */
function isGood(authorization: string): boolean {
  const [, scheme = '', text = ''] = /^(\w+)\s+(.*?)\s*$/.exec(authorization) ?? []
  if (/^bearer$/i.test(scheme)) return ['person', 'officer', 'service', 'key', 'adminKey'].some((name) => good[name] === text)
  return /^basic$/i.test(scheme) && Buffer.from(text, 'base64').toString() === basicPair
}

async function expectGoodTaken(): Promise<void> {
  const { person = '', officer = '', service = '', basic = '', adminKey = '', key = '' } = good
  expect((await get(wires, '/v1/me', bearer(person))).status).toBe(200)
  expect((await get(wires, '/v1/users', bearer(officer))).status).toBe(200)
  expect((await get(wires, '/v1/login-clients', bearer(adminKey))).status).toBe(200)
  expect((await get(wires, '/v1/permission-index/0', bearer(key))).status).not.toBe(401)
  for (const token of [person, officer, service]) {
    const introspected = await form(wires, '/oauth/introspect', { token }, { authorization: `Basic ${basic}` })
    expect(introspected.json).toMatchObject({ active: true })
  }
}

describe('what is near to a token or a secret', () => {
  it('is refused at every address, thousands of times on connections that stay, and never is a fault of ours', async () => {
    // Whatever is kept of good ones is there to be confused with the others.
    await expectGoodTaken()
    const drawn = fc.sample(attempts(), REQUESTS).filter(({ authorization }) => !isGood(authorization))
    expect(drawn.length).toBeGreaterThan(REQUESTS / 2)
    const statuses = new Map<number, number>()
    const wrong: string[] = []
    const work = async () => {
      for (let attempt = drawn.pop(); attempt !== undefined && wrong.length === 0; attempt = drawn.pop()) {
        const { method, path, authorization, body, type } = attempt
        const headers = { authorization, ...(body === undefined ? {} : { 'content-type': type }) }
        const { status, text, cookies } = await send(wires.port, { method, path, headers, agent }, body)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        // A public client by its name alone may revoke what it holds; of junk it is told nothing else.
        const revoked = path === '/oauth/revoke' && status === 200 && text === '{}'
        if ((status < 400 && !revoked) || status >= 500 || cookies.length > 0)
          wrong.push(`${status} ${text} for ${JSON.stringify(attempt)}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    expect(wrong).toEqual([])
    await expectGoodTaken()
    // It went as deep as to be told apart.
    expect(statuses.get(401)).toBeGreaterThan(REQUESTS / 4)
    expect(wires.logged.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
    const lines = JSON.stringify(wires.logged)
    expect(Object.entries(good).filter(([, secret]) => lines.includes(secret))).toEqual([])
  })
})
