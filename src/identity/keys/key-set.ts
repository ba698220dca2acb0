/** Signing keys as everybody may fetch them (RFC 7517). Knows public members only, by name. Floor 5. */
import type { SigningKeyRecord } from '../../model/identity.ts'
import type { KeySet } from '../ports.ts'

/** Named one by one, so that a private member could not slip through whatever was stored (RFC 7518, 6; RFC 8037, 2). */
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const
/** Clients that look at one key only take the first. */
const ORDER: readonly SigningKeyRecord['state'][] = ['current', 'next', 'previous']

export function publishedKeys(keys: readonly SigningKeyRecord[]): KeySet {
  return { keys: ORDER.flatMap((state) => keys.filter((key) => key.state === state)).map(publicJwk) }
}

function publicJwk({ kid, algorithm, publicJwk }: SigningKeyRecord): Readonly<Record<string, unknown>> {
  const members = PUBLIC_MEMBERS.flatMap((name) => (publicJwk[name] === undefined ? [] : [[name, publicJwk[name]] as const]))
  return { ...Object.fromEntries(members), kid, alg: algorithm, use: 'sig' }
}
