/** Which keys sign checkpoints of the audit trail. Signs nothing, so that reading settings loads no JWS. Floor 2. */
import { createPrivateKey, type KeyObject } from 'node:crypto'

export type AuditAlgorithm = 'EdDSA' | 'ES256'

/** @returns `undefined` when the text is no private key in PEM of a kind that we sign with */
export function parseAuditKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return algorithmOf(key) === undefined ? undefined : key
  } catch {
    return undefined
  }
}

/** Absent: no key of a kind that we sign with. */
export function algorithmOf(key: KeyObject): AuditAlgorithm | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined
}
