/** The secrets of the identity service: one key for each purpose from each of them. Does not know where they come from. Floor 2. */
import { createHash, hkdfSync } from 'node:crypto'
import { AppError } from '../ground/errors.ts'
import { IDENTITY_SECRET_BYTES, IDENTITY_SECRETS_MAX } from '../model/identity-limits.ts'

/** What a key is for; a key of one purpose says nothing of that of another. */
export type SecretPurpose = 'refresh token' | 'login code' | 'signing key' | 'limit'

/** A setting is wrong. Says how many there are and how long, never what they are. */
export class IdentitySecretError extends AppError<'identity_secret_invalid'> {
  constructor(message: string) {
    super('identity_secret_invalid', message, message)
  }
}

/** A key and the id of the secret that it comes from. */
export interface PurposeKey {
  readonly secretId: string
  readonly key: Buffer
}

export class IdentitySecrets {
  readonly #secrets: readonly { readonly id: string; readonly bytes: Buffer }[]

  /**
   * @param secrets 32 bytes each; the first makes, all check: a new one is put in front, and the old one goes when nothing of it is left
   * @throws IdentitySecretError
   */
  constructor(secrets: readonly Uint8Array[]) {
    if (secrets.length === 0) throw new IdentitySecretError('At least one identity secret is needed.')
    if (secrets.length > IDENTITY_SECRETS_MAX) throw new IdentitySecretError(`At most ${IDENTITY_SECRETS_MAX} identity secrets are used.`)
    if (secrets.some((secret) => secret.length !== IDENTITY_SECRET_BYTES))
      throw new IdentitySecretError(`An identity secret must be ${IDENTITY_SECRET_BYTES} bytes.`)
    this.#secrets = secrets.map((secret) => ({ id: secretIdOf(secret), bytes: Buffer.from(secret) }))
    if (new Set(this.ids).size < secrets.length) throw new IdentitySecretError('An identity secret stands there twice.')
  }

  /** In order; they may be stored and shown. */
  get ids(): readonly string[] {
    return this.#secrets.map(({ id }) => id)
  }

  /** One for each secret, in order: the first makes, all check. Made anew each time: keep them. */
  keysFor(purpose: SecretPurpose): readonly [PurposeKey, ...PurposeKey[]] {
    const [first, ...others] = this.#secrets.map(({ id, bytes }) => ({ secretId: id, key: deriveKey(bytes, purpose) }))
    if (first === undefined) throw new IdentitySecretError('At least one identity secret is needed.')
    return [first, ...others]
  }
}

/** Long enough that no two secrets of an installation share one; it says nothing of the secret. */
const SECRET_ID_CHARACTERS = 16

function secretIdOf(secret: Uint8Array): string {
  return createHash('sha256').update('castellan identity secret id\0').update(secret).digest('hex').slice(0, SECRET_ID_CHARACTERS)
}

/** HKDF-SHA-256 (RFC 5869); the secret is random already, so there is no salt. */
function deriveKey(secret: Uint8Array, purpose: SecretPurpose): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), `castellan identity ${purpose}`, IDENTITY_SECRET_BYTES))
}
