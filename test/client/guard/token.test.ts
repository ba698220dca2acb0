/** Tokens of the real identity service are taken, and nothing that only looks like one, whoever answers for the keys. */
import { createHash, createPublicKey, generateKeyPairSync, KeyObject, randomUUID, sign } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose'
import { UnauthenticatedError, UnavailableError } from '../../../src/client/errors.ts'
import { createTokenVerifier, type TokenVerifierOptions } from '../../../src/client/guard/token-verifier.ts'
import { KEYS_BYTES_MAX, KEYS_KEPT_MS, KEYS_LOOKED_FOR_MS_MIN } from '../../../src/client/limits.ts'
import { AUDIENCE, type IdentityHouse, openIdentityHouse } from '../../identity/identity-house.ts'
import { openKeyPair } from '../../token/tokens.ts'
import { type Serving, serve } from './guard-house.ts'

async function codeOf(verified: Promise<unknown>): Promise<string> {
  try {
    await verified
    return 'taken'
  } catch (fault) {
    if (fault instanceof UnauthenticatedError || fault instanceof UnavailableError) return fault.code
    throw fault
  }
}

describe('a token of the identity service', () => {
  let identity: IdentityHouse
  let token: string
  beforeAll(async () => {
    identity = await openIdentityHouse()
    const refresh = await identity.signIn()
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, client_id: 'ward-plan' })
    const answer = await fetch(`${identity.issuer}/oauth/token`, { method: 'POST', body })
    token = ((await answer.json()) as { access_token: string }).access_token
  })
  afterAll(() => identity.close())

  it('says who it is of, by keys found through the metadata or where they are', async () => {
    for (const jwksUri of [undefined, `${identity.issuer}/.well-known/jwks.json`]) {
      const verifier = createTokenVerifier({ issuer: identity.issuer, audience: AUDIENCE, ...(jwksUri === undefined ? {} : { jwksUri }) })
      const found = await verifier.verify(token)
      expect(found).toMatchObject({ user: 'ann', tenant: 'north', clientId: 'ward-plan', methods: ['email'] })
      expect(found.expiresAt.getTime()).toBeGreaterThan(found.issuedAt.getTime())
    }
  })

  it('is none for another audience, another issuer, another algorithm or when a character changes', async () => {
    const { issuer } = identity
    const jwksUri = `${issuer}/.well-known/jwks.json`
    const verify = (options: Partial<TokenVerifierOptions>, presented = token) =>
      codeOf(createTokenVerifier({ issuer, audience: AUDIENCE, ...options }).verify(presented))
    expect(await verify({})).toBe('taken')
    expect(await verify({ audience: 'https://other.example' })).toBe('token_invalid')
    expect(await verify({ issuer: 'https://other.example', jwksUri })).toBe('token_invalid')
    expect(await verify({ algorithms: ['EdDSA', 'RS256'] })).toBe('token_invalid')
    const [header, payload, signature = ''] = token.split('.')
    const changed = { ...JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()), sub: 'director' }
    const forged = Buffer.from(JSON.stringify(changed)).toString('base64url')
    for (const presented of [
      `${header}.${forged}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      ` ${token}`,
      `${token}=`,
      '',
    ])
      expect(await verify({}, presented)).toBe('token_invalid')
    // By the time of this machine it is over.
    const hours = { nowMs: () => Date.now() + 3_600_000, monotonicMs: () => 0 }
    expect(await verify({ clock: hours })).toBe('token_expired')
  })

  it('is none when it is signed with the public key as a secret, or with nothing', async () => {
    const { issuer } = identity
    const { keys } = (await (await fetch(`${issuer}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
    const [key] = keys
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const verifier = createTokenVerifier({ issuer, audience: AUDIENCE })
    const header = { typ: 'at+jwt', kid: key?.kid ?? '' }
    const pem = createPublicKey({ key: key as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string
    for (const secret of [
      pem,
      pem.trim(),
      JSON.stringify(key),
      createHash('sha256').update(JSON.stringify(key)).digest('hex').padEnd(64, '0'),
    ]) {
      const signed = await new SignJWT(payload).setProtectedHeader({ ...header, alg: 'HS256' }).sign(Buffer.from(secret))
      expect(await codeOf(verifier.verify(signed))).toBe('token_invalid')
    }
    expect(await codeOf(verifier.verify(new UnsecuredJWT(payload).encode()))).toBe('token_invalid')
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    for (const alg of ['none', 'None', 'HS256', 'ES256'])
      for (const signature of ['', 'AA', token.split('.')[2]])
        expect(await codeOf(verifier.verify(`${part({ ...header, alg })}.${part({ ...payload, sub: 'director' })}.${signature}`))).toBe(
          'token_invalid',
        )
  })

  it('of a service is nobody who can be asked about', async () => {
    const { id, key } = identity.service
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: key })
    const answer = (await (await fetch(`${identity.issuer}/oauth/token`, { method: 'POST', body })).json()) as { access_token: string }
    expect(answer.access_token).toMatch(/\./)
    expect(await codeOf(createTokenVerifier({ issuer: identity.issuer, audience: AUDIENCE }).verify(answer.access_token))).toBe(
      'token_invalid',
    )
  })
})

describe('keys', () => {
  /** An issuer that answers what it is told to, and whose own tokens are signed with a key that it may publish. */
  async function openIssuer() {
    const { key, record } = await openKeyPair()
    const published: unknown[] = [{ ...record.publicJwk, kid: record.kid, alg: 'ES256', use: 'sig' }]
    const issuer = {
      asked: 0,
      answer: undefined as RequestListener | undefined,
      published,
      record,
      signing: { key: KeyObject.from(key.privateKey as never), dsaEncoding: 'ieee-p1363' as const },
      serving: undefined as unknown as Serving,
      ms: 1_000_000_000_000,
      verifier: (part: Partial<TokenVerifierOptions> = {}) => {
        const clock = { nowMs: () => issuer.ms, monotonicMs: () => issuer.ms }
        const { url } = issuer.serving
        return createTokenVerifier({ issuer: url, audience: AUDIENCE, jwksUri: `${url}/keys`, clock, ...part })
      },
      sign: (
        claims: Record<string, unknown> = {},
        header: Record<string, unknown> = {},
        by: Parameters<SignJWT['sign']>[0] = key.privateKey,
      ) => {
        const iat = Math.floor(issuer.ms / 1_000)
        const person = {
          sub: 'ann',
          client_id: 'demo',
          jti: randomUUID(),
          sid: randomUUID(),
          tid: 'north',
          epoch: 0,
          auth_time: iat,
          amr: ['email'],
          pc: '',
        }
        const payload = { iss: issuer.serving.url, aud: AUDIENCE, iat, exp: iat + 300, ...person, ...claims }
        return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: record.kid, ...header }).sign(by)
      },
    }
    issuer.serving = await serve((request, response) => {
      issuer.asked += 1
      if (issuer.answer !== undefined) return issuer.answer(request, response)
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: issuer.published }))
    })
    return issuer
  }
  type Issuer = Awaited<ReturnType<typeof openIssuer>>
  let issuer: Issuer
  beforeAll(async () => {
    issuer = await openIssuer()
  })
  afterAll(() => issuer.serving.close())

  it('take what was made as the issuer makes it, and nothing that differs in type, claims, times or header', async () => {
    const verifier = issuer.verifier()
    const now = issuer.ms / 1_000
    expect(await codeOf(verifier.verify(await issuer.sign()))).toBe('taken')
    expect(await codeOf(verifier.verify(await issuer.sign({ exp: now - 29, iat: now - 300 })))).toBe('taken')
    expect(await codeOf(verifier.verify(await issuer.sign({ exp: now - 31, iat: now - 300 })))).toBe('token_expired')
    // What the library would not sign by itself.
    const critical = async (header: Record<string, unknown>) => {
      const [, payload] = (await issuer.sign()).split('.')
      const part = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: issuer.record.kid, ...header })).toString('base64url')
      return `${part}.${payload}.${sign('sha256', Buffer.from(`${part}.${payload}`), issuer.signing).toString('base64url')}`
    }
    expect(await codeOf(verifier.verify(await critical({})))).toBe('taken')
    const without = async (name: string) => await issuer.sign({ [name]: undefined })
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const ownKey = await exportJWK(stranger.publicKey)
    const refused = [
      ...(await Promise.all(['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'sid', 'client_id'].map(without))),
      await issuer.sign({}, { typ: 'JWT' }),
      await issuer.sign({}, { typ: undefined }),
      await issuer.sign({}, { typ: 'application/at+jwt' }),
      await issuer.sign({}, { typ: 'AT+JWT' }),
      await critical({ b64: true, crit: ['b64'] }),
      await critical({ crit: ['x'], x: 1 }),
      await issuer.sign({ exp: String(now + 300) }),
      await issuer.sign({ exp: now + 300.5, iat: String(now) }),
      await issuer.sign({ nbf: 'later' }),
      await issuer.sign({ aud: [] }),
      await issuer.sign({ aud: [AUDIENCE, 'other'] }),
      await issuer.sign({ aud: [AUDIENCE] }),
      await issuer.sign({ aud: 'other' }),
      await issuer.sign({ iss: `${issuer.serving.url}/` }),
      await issuer.sign({ nbf: now + 60 }),
      await issuer.sign({ iat: now + 60, exp: now + 300 }),
      await issuer.sign({ exp: now + 86_400 }),
      await issuer.sign({ sub: '' }),
      await issuer.sign({}, { jwk: ownKey }, stranger.privateKey),
      await issuer.sign({}, { jku: 'https://evil.example/keys' }, stranger.privateKey),
      await issuer.sign({}, {}, stranger.privateKey),
      await issuer.sign({ padding: 'x'.repeat(5_000) }),
    ]
    for (const token of refused) expect(await codeOf(verifier.verify(token))).toBe('token_invalid')
  })

  it('are fetched once for many tokens, anew after ten minutes, and for an unknown kid no more than once in five seconds', async () => {
    const verifier = issuer.verifier()
    issuer.asked = 0
    const [one, two] = [await issuer.sign(), await issuer.sign()]
    expect(await Promise.all([one, two, one].map((token) => codeOf(verifier.verify(token))))).toEqual(['taken', 'taken', 'taken'])
    expect(issuer.asked).toBe(1)
    const unknown = async () => await codeOf(verifier.verify(await issuer.sign({}, { kid: randomUUID() })))
    for (let index = 0; index < 5; index++) expect(await unknown()).toBe('token_invalid')
    expect(issuer.asked).toBe(1)
    issuer.ms += KEYS_LOOKED_FOR_MS_MIN
    for (let index = 0; index < 5; index++) expect(await unknown()).toBe('token_invalid')
    expect(issuer.asked).toBe(2)
    issuer.ms += KEYS_KEPT_MS - 1
    expect(await codeOf(verifier.verify(await issuer.sign()))).toBe('taken')
    expect(issuer.asked).toBe(2)
    issuer.ms += 1
    expect(await codeOf(verifier.verify(await issuer.sign()))).toBe('taken')
    expect(issuer.asked).toBe(3)
  })

  it('that are new are found, and those that are not published any more are refused, with tokens verified before', async () => {
    const verifier = issuer.verifier()
    const old = await issuer.sign()
    expect(await codeOf(verifier.verify(old))).toBe('taken')
    const next = await openKeyPair('EdDSA')
    const before = issuer.published
    issuer.published = [
      { ...next.record.publicJwk, kid: next.record.kid, alg: 'EdDSA' },
      { kty: 'oct', k: 'AAAA', kid: 'a', alg: 'HS256' },
      7,
    ]
    issuer.ms += KEYS_LOOKED_FOR_MS_MIN
    expect(await codeOf(verifier.verify(await issuer.sign({}, { kid: next.record.kid, alg: 'EdDSA' }, next.key.privateKey)))).toBe('taken')
    expect(await codeOf(verifier.verify(old))).toBe('token_invalid')
    issuer.published = before
  })

  it.each<[string, Record<string, unknown>]>([
    ['is on no curve', { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', alg: 'ES256' }],
    ['has no parts', { kty: 'EC', alg: 'ES256' }],
    [
      'is of another curve than its algorithm',
      { ...generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }), alg: 'ES256' },
    ],
    ['is of another kind than its algorithm', { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), alg: 'RS256' }],
    ['is too short', { ...generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' }), alg: 'RS256' }],
  ])('one that %s verifies nothing, is no foreign error, and leaves others as they are', async (_name, jwk) => {
    const before = issuer.published
    issuer.published = [{ ...jwk, kid: 'odd' }, ...before]
    try {
      const verifier = issuer.verifier()
      expect(await codeOf(verifier.verify(await naming(String(jwk['alg']))))).toBe('token_invalid')
      expect(await codeOf(verifier.verify(await issuer.sign()))).toBe('taken')
    } finally {
      issuer.published = before
    }
    async function naming(alg: string) {
      const [, payload, signature] = (await issuer.sign()).split('.')
      return `${Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: 'odd' })).toString('base64url')}.${payload}.${signature}`
    }
  })

  it.each<[string, RequestListener]>([
    ['an error', (_request, response) => void response.writeHead(500).end()],
    ['another address', (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/keys' }).end()],
    ['what is no JSON', (_request, response) => void response.end('<html>')],
    ['what is no key set', (_request, response) => void response.end('{"keys":{}}')],
    ['more than it may', (_request, response) => void response.end(Buffer.alloc(KEYS_BYTES_MAX + 1, ' '))],
    ['a connection that ends', (request) => void request.socket.destroy()],
  ])(
    'that cannot be had, as the issuer answers %s, say nothing of the token; and are not asked for at once again',
    async (_name, answer) => {
      const verifier = issuer.verifier()
      const token = await issuer.sign()
      issuer.answer = answer
      expect(await codeOf(verifier.verify(token))).toBe('unreachable')
      issuer.answer = undefined
      issuer.asked = 0
      expect(await codeOf(verifier.verify(token))).toBe('unreachable')
      expect(issuer.asked).toBe(0)
      issuer.ms += KEYS_LOOKED_FOR_MS_MIN
      expect(await codeOf(verifier.verify(token))).toBe('taken')
    },
  )

  it('are those of this issuer, by metadata that says so', async () => {
    const { url } = issuer.serving
    const says =
      (metadata: object): RequestListener =>
      (request, response) =>
        void response.end(JSON.stringify(request.url === '/.well-known/oauth-authorization-server' ? metadata : { keys: issuer.published }))
    const verify = async (metadata: object) => {
      issuer.answer = says(metadata)
      const clock = { nowMs: () => issuer.ms, monotonicMs: () => issuer.ms }
      return await codeOf(createTokenVerifier({ issuer: url, audience: AUDIENCE, clock }).verify(await issuer.sign()))
    }
    expect(await verify({ issuer: url, jwks_uri: `${url}/keys` })).toBe('taken')
    expect(await verify({ issuer: 'https://other.example', jwks_uri: `${url}/keys` })).toBe('unreachable')
    expect(await verify({ issuer: url, jwks_uri: 'http://keys.example/keys' })).toBe('unreachable')
    expect(await verify({ issuer: url })).toBe('unreachable')
    issuer.answer = undefined
  })
})

it('is refused when it is made with an address in the clear, or with options that check nothing', () => {
  const good = { issuer: 'https://login.example.org', audience: 'a' }
  expect(() => createTokenVerifier(good)).not.toThrow()
  for (const part of [
    { issuer: 'http://login.example.org' },
    { issuer: 'https://a:b@login.example.org' },
    { issuer: 'x' },
    { audience: '' },
    { jwksUri: 'http://10.0.0.1/' },
    { algorithms: [] },
    { algorithms: ['none'] },
    { algorithms: ['HS256'] },
  ])
    expect(() => createTokenVerifier({ ...good, ...part } as TokenVerifierOptions)).toThrow(TypeError)
})
