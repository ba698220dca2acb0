import { randomBytes } from 'node:crypto'
import { expect, it } from '@jest/globals'
import { IdentitySecrets } from '../../src/token/secret.ts'

const [one, other] = [randomBytes(32), randomBytes(32)]

it('gives each purpose a key of its own, the same in every process', () => {
  const keys = (['refresh token', 'login code', 'signing key'] as const).map(
    (purpose) => new IdentitySecrets([one]).keysFor(purpose)[0].key,
  )
  expect(new Set([one, ...keys].map((key) => key.toString('hex'))).size).toBe(4)
  expect(new IdentitySecrets([Buffer.from(one)]).keysFor('login code')[0].key).toEqual(keys[1])
  for (const key of keys) expect(key).toHaveLength(32)
})

it('makes with the first secret and checks with all of them, in order', () => {
  const [a, b] = [new IdentitySecrets([one, other]), new IdentitySecrets([other])]
  expect(a.keysFor('refresh token')).toHaveLength(2)
  expect(a.keysFor('refresh token')[1]).toEqual(b.keysFor('refresh token')[0])
})

it('names a secret by 16 characters that do not show it', () => {
  const { ids } = new IdentitySecrets([one, other])
  expect(new Set(ids).size).toBe(2)
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{16}$/)
    expect(one.toString('hex') + other.toString('hex')).not.toContain(id)
  }
})

it('refuses no secret, one of another length, one twice, and more than five', () => {
  const wrong = [[], [randomBytes(31)], [one, randomBytes(33)], [one, one], Array.from({ length: 6 }, () => randomBytes(32))]
  for (const secrets of wrong)
    expect(() => new IdentitySecrets(secrets)).toThrow(expect.objectContaining({ code: 'identity_secret_invalid' }))
})
