import { randomBytes } from 'node:crypto'
import { expect, it } from '@jest/globals'
import { calculateJwkThumbprint, importJWK, jwtVerify } from 'jose'
import { systemRandom } from '../../src/ground/random.ts'
import { type SealedKey, SIGNING_ALGORITHMS } from '../../src/model/identity.ts'
import { signAccessToken } from '../../src/token/access-token.ts'
import { IdentitySecrets } from '../../src/token/secret.ts'
import { generateSigningKey, type NewSigningKey, openSigningKey, resealSigningKey } from '../../src/token/signing-key.ts'
import { serviceClaims } from './tokens.ts'

const [one, other] = [randomBytes(32), randomBytes(32)]
const secrets = new IdentitySecrets([one])
const stored = (key: NewSigningKey): SealedKey => ({ ...key, state: 'current', createdAtMs: 0, activatedAtMs: 0, retiresAtMs: null })

it.each(SIGNING_ALGORITHMS)('makes an %s key that, sealed and opened again, signs what its published part verifies', async (algorithm) => {
  const key = await generateSigningKey(algorithm, secrets, systemRandom)
  expect(key.kid).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk))
  expect(key.publicJwk).toMatchObject({ kid: key.kid, alg: algorithm, use: 'sig' })
  expect(Object.keys(key.publicJwk).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name))).toEqual([])
  const token = await signAccessToken(serviceClaims(), await openSigningKey(stored(key), secrets))
  const { protectedHeader } = await jwtVerify(token, await importJWK(key.publicJwk, algorithm), { currentDate: new Date(1_000_000) })
  expect(protectedHeader).toEqual({ alg: algorithm, typ: 'at+jwt', kid: key.kid })
})

it('stores nothing that shows the private part', async () => {
  const key = await generateSigningKey('ES256', secrets, systemRandom)
  expect(Buffer.from(key.sealed).toString('latin1')).not.toContain('PRIVATE')
  const again = { bytes: (length: number) => new Uint8Array(length), uuid: systemRandom.uuid }
  const [a, b] = [await generateSigningKey('ES256', secrets, again), await generateSigningKey('ES256', secrets, again)]
  expect(Buffer.from(a.sealed).equals(Buffer.from(b.sealed))).toBe(false)
})

it('opens a sealed key by the secret that it was made under, wherever that stands now', async () => {
  const key = await generateSigningKey('EdDSA', secrets, systemRandom)
  await expect(openSigningKey(stored(key), new IdentitySecrets([other, one]))).resolves.toMatchObject({ kid: key.kid })
  const resealed = resealSigningKey(stored(key), new IdentitySecrets([other, one]), systemRandom)
  expect(resealed?.sealedBy).toBe(new IdentitySecrets([other]).ids[0])
  await expect(openSigningKey({ ...stored(key), ...resealed }, new IdentitySecrets([other]))).resolves.toMatchObject({ kid: key.kid })
  expect(resealSigningKey(stored(key), new IdentitySecrets([one, other]), systemRandom)).toBeUndefined()
})

it('names the secret that is missing, and shows no key', async () => {
  const key = await generateSigningKey('ES256', secrets, systemRandom)
  const refused = { code: 'signing_key_unreadable', message: expect.stringContaining(key.sealedBy) }
  await expect(openSigningKey(stored(key), new IdentitySecrets([other]))).rejects.toMatchObject(refused)
})

it('refuses a sealed key that was changed, cut, put under another kid, or retired', async () => {
  const [key, second] = [await generateSigningKey('ES256', secrets, systemRandom), await generateSigningKey('ES256', secrets, systemRandom)]
  for (const at of [0, 11, 12, 27, 28, key.sealed.length - 1]) {
    const sealed = Uint8Array.from(key.sealed)
    sealed[at] = (sealed[at] ?? 0) ^ 1
    await expect(openSigningKey({ ...stored(key), sealed }, secrets)).rejects.toMatchObject({ code: 'signing_key_unreadable' })
  }
  const wrong: Partial<SealedKey>[] = [
    { sealed: key.sealed.slice(0, 20) },
    { sealed: new Uint8Array(0) },
    { sealed: second.sealed },
    { kid: second.kid },
    { sealed: null, sealedBy: null },
  ]
  for (const part of wrong)
    await expect(openSigningKey({ ...stored(key), ...part }, secrets)).rejects.toMatchObject({ code: 'signing_key_unreadable' })
})
