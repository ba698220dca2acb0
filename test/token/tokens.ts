/** Claims and keys as the identity service makes them, for tests; times are those of a ManualClock that stands still. */
import { randomUUID } from 'node:crypto'
import { systemRandom } from '../../src/ground/random.ts'
import type { SigningAlgorithm, SigningKeyRecord } from '../../src/model/identity.ts'
import type { PersonClaims, ServiceClaims } from '../../src/token/access-token.ts'
import { IdentitySecrets } from '../../src/token/secret.ts'
import { generateSigningKey, openSigningKey, type SigningKey } from '../../src/token/signing-key.ts'

export const ISSUER = 'https://login.hospital.example'
export const AUDIENCE = 'castellan'
/** Of a ManualClock at its beginning. */
export const NOW_SECONDS = 1_000

export function personClaims(part: Partial<PersonClaims> = {}): PersonClaims {
  const claims: PersonClaims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ann',
    client_id: 'demo',
    iat: NOW_SECONDS,
    exp: NOW_SECONDS + 300,
    jti: randomUUID(),
    sid: randomUUID(),
    tid: 'north-clinic',
    epoch: 0,
    auth_time: NOW_SECONDS,
    amr: ['email'],
    pc: '1 2',
  }
  return { ...claims, ...part } as PersonClaims
}

export function serviceClaims(part: Partial<ServiceClaims> = {}): ServiceClaims {
  const claims: ServiceClaims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'reception',
    client_id: 'reception',
    iat: NOW_SECONDS,
    exp: NOW_SECONDS + 600,
    jti: randomUUID(),
    scope: 'decide',
  }
  return { ...claims, ...part }
}

export interface KeyPair {
  readonly record: SigningKeyRecord
  readonly key: SigningKey
}

export async function openKeyPair(algorithm: SigningAlgorithm = 'ES256'): Promise<KeyPair> {
  const secrets = new IdentitySecrets([systemRandom.bytes(32)])
  const made = await generateSigningKey(algorithm, secrets, systemRandom)
  const times = { createdAtMs: 0, activatedAtMs: 0, retiresAtMs: null }
  const { kid, publicJwk } = made
  return {
    record: { kid, algorithm, publicJwk, state: 'current', ...times },
    key: await openSigningKey({ ...made, state: 'current', ...times }, secrets),
  }
}
