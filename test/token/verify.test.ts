import { createHmac } from 'node:crypto'
import { beforeAll, expect, it } from '@jest/globals'
import { CompactSign, exportJWK, generateKeyPair, type JWSHeaderParameters } from 'jose'
import type { SigningKeyRecord } from '../../src/model/identity.ts'
import { TOKENS_VERIFIED_BYTES_MAX, TOKENS_VERIFIED_KEPT_MAX } from '../../src/model/identity-limits.ts'
import { type PersonClaims, type ServiceClaims, signAccessToken } from '../../src/token/access-token.ts'
import type { SigningKey } from '../../src/token/signing-key.ts'
import { namesUnknownKey, TokenVerifier } from '../../src/token/verify.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { AUDIENCE, ISSUER, type KeyPair, NOW_SECONDS, openKeyPair, personClaims, serviceClaims } from './tokens.ts'

let pair: KeyPair
let rsa: KeyPair
beforeAll(async () => {
  pair = await openKeyPair()
  rsa = await openKeyPair('RS256')
})

function open() {
  const clock = new ManualClock()
  const verifier = new TokenVerifier({ issuer: ISSUER, audience: AUDIENCE, clock })
  return {
    clock,
    verifier,
    verify: (token: string, keys: readonly SigningKeyRecord[] = [rsa.record, pair.record]) => verifier.verify(token, keys),
  }
}
const verify = (token: string) => open().verify(token)

const base64 = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signed by a key of ours, whatever it says: so that nothing but the named fault can be the cause. */
function forge(payload: unknown, header: Record<string, unknown> = {}, key: SigningKey = pair.key): Promise<string> {
  const full = { alg: key.algorithm, kid: key.kid, typ: 'at+jwt', ...header } as unknown as JWSHeaderParameters & { alg: string }
  const crit = Array.isArray(full.crit) ? { crit: Object.fromEntries(full.crit.map((name) => [name, true])) } : undefined
  return new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(full).sign(key.privateKey, crit)
}
/** As `forge`, with no part of a library that could refuse to make it. */
function sticking(token: string, { header, payload, signature }: { header?: unknown; payload?: unknown; signature?: string }): string {
  const [h, p, s] = token.split('.')
  return [header === undefined ? h : base64(header), payload === undefined ? p : base64(payload), signature ?? s].join('.')
}
const without = (claims: object, name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))

it.each(['ES256', 'EdDSA', 'RS256'] as const)('takes what we signed with %s, of a person and of a service', async (algorithm) => {
  const other = await openKeyPair(algorithm)
  const [person, service] = [personClaims(), serviceClaims({ scope: 'decide audit' })]
  const { verifier } = open()
  expect(await verifier.verify(await signAccessToken(person, other.key), [other.record])).toEqual({ kind: 'person', claims: person })
  expect(await verifier.verify(await signAccessToken(service, other.key), [other.record])).toEqual({
    kind: 'service',
    claims: service,
    scopes: ['decide', 'audit'],
  })
})

it('refuses alg none, however it is spelled, with and without a signature', async () => {
  const good = await signAccessToken(personClaims(), pair.key)
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, ['ES256']]) {
    const header = { alg, typ: 'at+jwt', kid: pair.key.kid }
    for (const signature of ['', 'AA', undefined]) {
      expect(await verify(sticking(good, { header, ...(signature === undefined ? {} : { signature }) }))).toBe('invalid')
    }
  }
})

it('refuses an HMAC under the public key (HS/RS confusion), in each form that the key is published in', async () => {
  const { record } = rsa
  const { createPublicKey } = await import('node:crypto')
  const key = createPublicKey({ key: record.publicJwk as Record<string, string>, format: 'jwk' })
  const secrets = [
    key.export({ type: 'spki', format: 'pem' }),
    key.export({ type: 'spki', format: 'der' }),
    key.export({ type: 'pkcs1', format: 'pem' }),
    JSON.stringify(record.publicJwk),
    String(record.publicJwk['n']),
  ]
  for (const secret of secrets) {
    for (const alg of ['HS256', 'RS256']) {
      const text = `${base64({ alg, typ: 'at+jwt', kid: record.kid })}.${base64(personClaims())}`
      expect(await verify(`${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`)).toBe('invalid')
    }
  }
})

it('refuses another algorithm than that of the key, also one that we use with other keys', async () => {
  const good = await signAccessToken(personClaims(), pair.key)
  for (const alg of ['RS256', 'EdDSA', 'Ed25519', 'PS256', 'ES384', 'ES512', 'ES256K', 'HS256'])
    expect(await verify(sticking(good, { header: { alg, typ: 'at+jwt', kid: pair.key.kid } }))).toBe('invalid')
  // The same pair of numbers, published as another algorithm's key.
  const relabelled = { ...rsa.record, algorithm: 'ES256' as const }
  expect(await open().verify(await signAccessToken(personClaims(), rsa.key), [relabelled])).toBe('invalid')
})

it('refuses a kid that is injected, unknown, missing, or of another key', async () => {
  const injected = [
    "' OR 1=1 --",
    '../../../dev/null',
    '/etc/passwd',
    'http://evil.example/key',
    'a'.repeat(65),
    '',
    '__proto__',
    'constructor',
  ]
  for (const kid of [...injected, 7, null, {}, [pair.key.kid], `${pair.key.kid}\0`, `${pair.key.kid} `])
    expect(await verify(sticking(await signAccessToken(personClaims(), pair.key), { header: { alg: 'ES256', typ: 'at+jwt', kid } }))).toBe(
      'invalid',
    )
  const unnamed = await new CompactSign(Buffer.from(JSON.stringify(personClaims())))
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
    .sign(pair.key.privateKey)
  expect(await verify(unnamed)).toBe('invalid')
  const other = await openKeyPair()
  expect(await verify(await signAccessToken(personClaims(), other.key))).toBe('invalid')
  expect(await verify(await signAccessToken(personClaims(), { ...other.key, kid: pair.key.kid }))).toBe('invalid')
})

it.each(['jku', 'x5u', 'x5c', 'x5t', 'jwk', 'crit', 'b64', 'cty', 'zip', 'unknown'])(
  'refuses a header %s, although all else is ours',
  async (name) => {
    const attacker = await generateKeyPair('ES256', { extractable: true })
    const values: Record<string, unknown> = {
      jku: 'https://evil.example/jwks.json',
      jwk: { ...(await exportJWK(attacker.publicKey)), kid: pair.key.kid },
      x5c: ['MIIB'],
      crit: ['b64'],
      b64: true,
    }
    const header = { [name]: values[name] ?? 'https://evil.example', ...(name === 'crit' ? { b64: true } : {}) }
    expect(await verify(await forge(personClaims(), header))).toBe('invalid')
    // And with what the header brings, when that is believed.
    expect(await verify(await forge(personClaims(), name === 'b64' ? {} : header, { ...pair.key, privateKey: attacker.privateKey }))).toBe(
      'invalid',
    )
  },
)

it('refuses a wrong, missing or listed audience', async () => {
  const wrong = [
    'other',
    '',
    `${AUDIENCE} `,
    AUDIENCE.toUpperCase(),
    [AUDIENCE],
    [AUDIENCE, 'other'],
    ['other'],
    [],
    null,
    7,
    { 0: AUDIENCE },
  ]
  for (const aud of wrong) expect(await verify(await forge({ ...personClaims(), aud }))).toBe('invalid')
  expect(await verify(await forge(without(personClaims(), 'aud')))).toBe('invalid')
})

it('refuses a wrong or missing issuer', async () => {
  const wrong = [`${ISSUER}/`, ISSUER.replace('https', 'http'), `${ISSUER}.evil.example`, '', null, [ISSUER]]
  for (const iss of wrong) expect(await verify(await forge({ ...personClaims(), iss }))).toBe('invalid')
  expect(await verify(await forge(without(personClaims(), 'iss')))).toBe('invalid')
})

it('refuses tokens of any other type: login, invitation, refresh, id tokens', async () => {
  const types = [
    'JWT',
    'jwt',
    'login+jwt',
    'invitation+jwt',
    'refresh+jwt',
    'logout+jwt',
    'dpop+jwt',
    'application/at+jwt',
    'AT+JWT',
    'at+jwt ',
    '',
    7,
    null,
  ]
  const good = await signAccessToken(personClaims(), pair.key)
  for (const typ of types) {
    const header = { alg: 'ES256', kid: pair.key.kid, typ }
    const text = typeof typ === 'string' ? await forge(personClaims(), { typ }) : sticking(good, { header })
    expect(await verify(text)).toBe('invalid')
  }
  const untyped = await new CompactSign(Buffer.from(JSON.stringify(personClaims())))
    .setProtectedHeader({ alg: 'ES256', kid: pair.key.kid })
    .sign(pair.key.privateKey)
  expect(await verify(untyped)).toBe('invalid')
  // What a link carries is no JWT at all.
  expect(await verify('q7Yf3S0m3L1nkT0k3nOf43CharactersBase64Url000')).toBe('invalid')
})

it('keeps the edges of exp to the second, 30 s of tolerance included, also for a token it remembers', async () => {
  const { clock, verify } = open()
  const token = await signAccessToken(personClaims({ exp: NOW_SECONDS + 60 }), pair.key)
  const fresh = () => forge(personClaims({ exp: NOW_SECONDS + 60 }))
  expect(await verify(token)).toMatchObject({ kind: 'person' })
  clock.advance(89_999)
  expect(await verify(token)).toMatchObject({ kind: 'person' })
  expect(await verify(await fresh())).toMatchObject({ kind: 'person' })
  clock.advance(1)
  expect(await verify(token)).toBe('expired')
  expect(await verify(await fresh())).toBe('expired')
})

it('keeps the edges of iat: from the future by 30 s at most', async () => {
  for (const [ahead, outcome] of [
    [30, 'person'],
    [31, 'invalid'],
  ] as const) {
    const iat = NOW_SECONDS + ahead
    const judged = await verify(await forge(personClaims({ iat, exp: iat + 60 })))
    expect(typeof judged === 'string' ? judged : judged.kind).toBe(outcome)
  }
})

it('refuses a life longer than a token may have, of a person and of a service, and one that ends before it begins', async () => {
  const lives: [PersonClaims | ServiceClaims, boolean][] = [
    [personClaims({ exp: NOW_SECONDS + 900 }), true],
    [personClaims({ exp: NOW_SECONDS + 901 }), false],
    [serviceClaims({ exp: NOW_SECONDS + 600 }), true],
    [serviceClaims({ exp: NOW_SECONDS + 601 }), false],
    [personClaims({ exp: NOW_SECONDS }), false],
    [personClaims({ iat: 0, auth_time: 0, exp: NOW_SECONDS + 60 }), false],
  ]
  for (const [claims, good] of lives) expect((await verify(await forge(claims))) !== 'invalid').toBe(good)
})

it('refuses a token that lacks any claim, or has one of another type', async () => {
  const wrong: unknown[] = [null, {}, [], true, -1, 1.5, Number.MAX_VALUE, '\u0000', '']
  for (const claims of [personClaims(), serviceClaims()]) {
    for (const name of Object.keys(claims)) {
      // A tenant may be missing; anything else in its place may not.
      if (name !== 'tid') expect(await verify(await forge(without(claims, name)))).toBe('invalid')
      for (const value of wrong) {
        const isFine =
          (name === 'pc' && (value === '' || value === '\u0000')) ||
          (name === 'jti' && value === '\u0000') ||
          (name === 'amr' && Array.isArray(value))
        if (isFine) continue
        expect([name, value, await verify(await forge({ ...claims, [name]: value }))]).toEqual([
          name,
          value,
          name === 'exp' && value === 0 ? 'expired' : 'invalid',
        ])
      }
    }
  }
})

it("takes exactly one form of permissions, and is a person's or a service's, never both", async () => {
  const bare = without(personClaims(), 'pc')
  const forms: [object, boolean][] = [
    [{ pc: '' }, true],
    [{ pb: 'AQ', pv: 8 }, true],
    [{ pov: true }, true],
    [{}, false],
    [{ pc: '1', pov: true }, false],
    [{ pc: '1', pb: 'AQ', pv: 8 }, false],
    [{ pb: 'AQ' }, false],
    [{ pv: 8 }, false],
    [{ pov: false }, false],
    [{ pc: '1', scope: 'decide' }, false],
  ]
  for (const [form, good] of forms) expect([form, (await verify(await forge({ ...bare, ...form }))) !== 'invalid']).toEqual([form, good])
  for (const scope of ['root', 'decide root', 'decide decide', ' decide', ''])
    expect(await verify(await forge({ ...serviceClaims(), scope }))).toBe('invalid')
  expect(await verify(await forge({ ...serviceClaims(), client_id: 'other' }))).toBe('invalid')
})

it('refuses the same bytes spelled differently, so that a token has one text', async () => {
  const { verify } = open()
  const token = await signAccessToken(personClaims(), pair.key)
  expect(await verify(token)).toMatchObject({ kind: 'person' })
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = token.at(-1) ?? ''
  // 64 bytes leave four bits behind the last character.
  const respelled = token.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1]
  expect(Buffer.from(respelled.split('.')[2] ?? '', 'base64url')).toEqual(Buffer.from(token.split('.')[2] ?? '', 'base64url'))
  const [header, payload, signature] = token.split('.')
  const others = [
    respelled,
    `${token}=`,
    `${token}\n`,
    ` ${token}`,
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}.${signature}.`,
  ]
  others.push(
    token.replace(/-/g, '+').replace(/_/g, '/').concat('='),
    `${token}.${signature}`,
    `${header}..${signature}`,
    `${header}.${payload}.`,
  )
  for (const other of others) expect(await verify(other)).toBe('invalid')
})

it('refuses a token with any one character changed', async () => {
  const { verify } = open()
  const token = await signAccessToken(personClaims(), pair.key)
  await verify(token)
  for (let at = 0; at < token.length; at++) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect([at, await verify(changed)]).toEqual([at, 'invalid'])
  }
})

it('refuses a remembered token as soon as its key is not published any more, and takes it again by a key that is', async () => {
  const { verify } = open()
  const token = await signAccessToken(personClaims(), pair.key)
  expect(await verify(token)).toMatchObject({ kind: 'person' })
  expect(await verify(token, [])).toBe('invalid')
  expect(await verify(token, [rsa.record])).toBe('invalid')
  expect(await verify(token, [{ ...pair.record, state: 'retired' }])).toBe('invalid')
  // Another key under its name.
  expect(await verify(token, [{ ...(await openKeyPair()).record, kid: pair.record.kid }])).toBe('invalid')
  expect(await verify(token, [{ ...pair.record, state: 'previous', retiresAtMs: 1 }])).toMatchObject({ kind: 'person' })
  expect(await verify(token, [{ ...pair.record, state: 'next' }])).toMatchObject({ kind: 'person' })
})

/** A clock that can go back: what is verified anew is then from the future, and what is remembered is not asked for its beginning. */
function remembering() {
  const clock = { seconds: NOW_SECONDS }
  const verifier = new TokenVerifier({ issuer: ISSUER, audience: AUDIENCE, clock: { nowMs: () => clock.seconds * 1_000 } })
  return {
    verify: (token: string, keys: readonly SigningKeyRecord[]) => verifier.verify(token, keys),
    isRemembered: async (token: string, keys: readonly SigningKeyRecord[]) => {
      clock.seconds = NOW_SECONDS - 60
      const outcome = await verifier.verify(token, keys)
      clock.seconds = NOW_SECONDS
      return outcome !== 'invalid'
    },
  }
}

it('remembers a token by its key, not by the record that was read of it: those are read anew whenever any of them changed', async () => {
  const { verify, isRemembered } = remembering()
  const token = await signAccessToken(personClaims(), pair.key)
  expect(await isRemembered(token, [pair.record])).toBe(false)
  await verify(token, [pair.record])
  const again = () => structuredClone(pair.record)
  expect(await isRemembered(token, [rsa.record, again()])).toBe(true)
  expect(await isRemembered(token, [{ ...again(), state: 'previous', retiresAtMs: 9 }])).toBe(true)
  const { publicJwk } = (await openKeyPair()).record
  for (const other of [{ state: 'retired' as const }, { algorithm: 'EdDSA' as const }, { publicJwk }, { kid: 'other' }])
    expect(await isRemembered(token, [{ ...again(), ...other }])).toBe(false)
})

it('remembers tokens up to so many bytes: long ones push each other out before there are many', async () => {
  const { verify, isRemembered } = remembering()
  const { record, key } = await openKeyPair('EdDSA')
  const [first, second] = [personClaims({ pc: 'x'.repeat(2_500) }), personClaims({ pc: 'x'.repeat(2_500) })]
  const oldest = await signAccessToken(first, key)
  await verify(oldest, [record])
  expect(await isRemembered(oldest, [record])).toBe(true)
  // Each of them takes more than its own length.
  const many = Math.ceil(TOKENS_VERIFIED_BYTES_MAX / (2 * oldest.length))
  expect(many).toBeLessThan(TOKENS_VERIFIED_KEPT_MAX)
  for (let index = 0; index < many; index++) await verify(await signAccessToken({ ...second, jti: `${index}` }, key), [record])
  expect(await isRemembered(oldest, [record])).toBe(false)
})

it('tells a key that is not among those given from one that is, for a token of exactly our form', async () => {
  const token = await signAccessToken(personClaims(), pair.key)
  expect(namesUnknownKey(token, [])).toBe(true)
  expect(namesUnknownKey(token, [rsa.record])).toBe(true)
  expect(namesUnknownKey(token, [rsa.record, pair.record])).toBe(false)
  for (const wrong of ['', 'x', `${token}=`, `${token}.x`, sticking(token, { header: { alg: 'ES256', kid: 'x' } }), 'a.b.c'.repeat(9_999)])
    expect(namesUnknownKey(wrong, [])).toBe(false)
})

it('makes no token over 4,096 characters, and takes none', async () => {
  const fitting = (length: number) => personClaims({ pc: 'x'.repeat(length) })
  let length = 2_000
  while (length < 4_000 && (await signAccessToken(fitting(length + 3), pair.key).catch(() => undefined)) !== undefined) length += 3
  expect((await signAccessToken(fitting(length), pair.key)).length).toBeGreaterThan(4_090)
  await expect(signAccessToken(fitting(length + 3), pair.key)).rejects.toMatchObject({ code: 'access_token_too_large' })
  const large = await forge(fitting(length + 3))
  expect(large.length).toBeGreaterThan(4_096)
  expect(await verify(large)).toBe('invalid')
  expect(await verify('a.b.c'.repeat(1_000_000))).toBe('invalid')
})

it('never throws, whatever text it is given', async () => {
  const { verify } = open()
  const texts = [
    '',
    '.',
    '..',
    '...',
    'a.b.c',
    '\ud800.\ud800.\ud800',
    `${base64('null')}.${base64('{}')}.AA`,
    `${base64('[]')}.${base64('[]')}.AA`,
  ]
  for (const text of [...texts, `${base64('{"alg":"ES256"')}.AA.AA`, `${base64('"x"')}.AA.AA`]) expect(await verify(text)).toBe('invalid')
  for (const payload of ['null', '[]', '7', '"x"', 'x', '{', '']) {
    const token = await new CompactSign(Buffer.from(payload))
      .setProtectedHeader({ alg: 'ES256', kid: pair.key.kid, typ: 'at+jwt' })
      .sign(pair.key.privateKey)
    expect(await verify(token)).toBe('invalid')
  }
})
