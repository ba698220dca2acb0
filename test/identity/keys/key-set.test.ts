import { expect, it } from '@jest/globals'
import { publishedKeys } from '../../../src/identity/keys/key-set.ts'
import type { SigningKeyRecord } from '../../../src/model/identity.ts'

const record = (part: Partial<SigningKeyRecord>): SigningKeyRecord => ({
  kid: 'k',
  algorithm: 'ES256',
  publicJwk: {},
  state: 'current',
  createdAtMs: 0,
  activatedAtMs: 0,
  retiresAtMs: null,
  ...part,
})

it('publishes no private member, even of a key that was stored with one', () => {
  const secret = { d: 'd', p: 'p', q: 'q', dp: 'dp', dq: 'dq', qi: 'qi', oth: [], k: 'k', x5c: ['x'] }
  const [ec, rsa] = publishedKeys([
    record({ publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', ...secret } }),
    record({ algorithm: 'RS256', publicJwk: { kty: 'RSA', n: 'n', e: 'e', ...secret } }),
  ]).keys
  expect(ec).toEqual({ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k', alg: 'ES256', use: 'sig' })
  expect(rsa).toEqual({ kty: 'RSA', n: 'n', e: 'e', kid: 'k', alg: 'RS256', use: 'sig' })
})

it('publishes every key that may sign or has signed, the one that signs first, and no retired one', () => {
  const keys = (['previous', 'retired', 'next', 'current'] as const).map((state) => record({ kid: state, state }))
  expect(publishedKeys(keys).keys.map(({ kid }) => kid)).toEqual(['current', 'next', 'previous'])
})
