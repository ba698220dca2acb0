/** Key pairs that sign access tokens: made, sealed for the database, opened again. Does not say which of them signs (identity/keys/). Floor 2. */
import { createCipheriv, createDecipheriv, createPublicKey } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8, type JWK } from 'jose'
import { AppError } from '../ground/errors.ts'
import type { Random } from '../ground/random.ts'
import type { SealedKey, SigningAlgorithm } from '../model/identity.ts'
import type { IdentitySecrets, PurposeKey } from './secret.ts'

/** Of RS256: what NIST SP 800-57 asks for until 2030; a longer one would make tokens longer. */
const RSA_BITS = 2_048
/** AES-256-GCM (NIST SP 800-38D): 96 random bits, of which one key sees a handful in its life. */
const IV_BYTES = 12
const TAG_BYTES = 16

/** The private part in memory; it cannot be exported. */
export interface SigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly privateKey: CryptoKey
}

export type NewSigningKey = Pick<SealedKey, 'kid' | 'algorithm' | 'publicJwk'> & {
  readonly sealed: Uint8Array
  readonly sealedBy: string
}

/** A stored key cannot be opened: its secret is not among the settings, or what is stored was changed. */
export class SigningKeyError extends AppError<'signing_key_unreadable'> {
  readonly kid: string
  constructor(kid: string, cause: string) {
    super('signing_key_unreadable', `The signing key ${kid} cannot be opened: ${cause}`, 'A signing key cannot be opened.', {
      hint: 'Put the secret that it was made under back into CASTELLAN_IDENTITY_SECRET, or replace the key by an emergency rotation.',
    })
    this.kid = kid
  }
}

/** A new pair; its private part is sealed under the first secret. The kid is its thumbprint (RFC 7638). */
export async function generateSigningKey(algorithm: SigningAlgorithm, secrets: IdentitySecrets, random: Random): Promise<NewSigningKey> {
  const pair = await generateKeyPair(algorithm, { extractable: true, modulusLength: RSA_BITS })
  const jwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(jwk, 'sha256')
  const text = Buffer.from(await exportPKCS8(pair.privateKey))
  return { kid, algorithm, publicJwk: { ...jwk, kid, alg: algorithm, use: 'sig' }, ...seal(text, kid, secrets, random) }
}

/** @throws SigningKeyError which names the id of the secret that is missing */
export async function openSigningKey(key: SealedKey, secrets: IdentitySecrets): Promise<SigningKey> {
  const text = unseal(key, secrets).toString()
  // The public part is not sealed: tokens must not be signed with one key and published under another.
  const published: JWK = createPublicKey(text).export({ format: 'jwk' }) as JWK
  if ((await calculateJwkThumbprint(published, 'sha256')) !== key.kid) throw new SigningKeyError(key.kid, 'it is the key of another kid')
  return { kid: key.kid, algorithm: key.algorithm, privateKey: await importPKCS8(text, key.algorithm) }
}

/** The private part, sealed under the first secret; `undefined`: it is already. @throws SigningKeyError */
export function resealSigningKey(
  key: SealedKey,
  secrets: IdentitySecrets,
  random: Random,
): { readonly sealed: Uint8Array; readonly sealedBy: string } | undefined {
  return key.sealedBy === secrets.ids[0] ? undefined : seal(unseal(key, secrets), key.kid, secrets, random)
}

/** IV ‖ tag ‖ ciphertext. */
function seal(text: Buffer, kid: string, secrets: IdentitySecrets, random: Random): { sealed: Uint8Array; sealedBy: string } {
  const [first] = secrets.keysFor('signing key')
  const iv = random.bytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', first.key, iv, { authTagLength: TAG_BYTES }).setAAD(boundTo(kid, first))
  const body = Buffer.concat([cipher.update(text), cipher.final()])
  return { sealed: Buffer.concat([iv, cipher.getAuthTag(), body]), sealedBy: first.secretId }
}

function unseal({ kid, sealed, sealedBy }: SealedKey, secrets: IdentitySecrets): Buffer {
  if (sealed === null) throw new SigningKeyError(kid, 'it is retired')
  const found = secrets.keysFor('signing key').find(({ secretId }) => secretId === sealedBy)
  if (found === undefined) throw new SigningKeyError(kid, `it is sealed under the secret ${sealedBy}, which is not among the settings`)
  const bytes = Buffer.from(sealed)
  try {
    const decipher = createDecipheriv('aes-256-gcm', found.key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(boundTo(kid, found))
      .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
  } catch {
    throw new SigningKeyError(kid, 'what is stored was changed')
  }
}

/** What is sealed for one key and secret opens for no other. */
function boundTo(kid: string, { secretId }: PurposeKey): Buffer {
  return Buffer.from(`castellan signing key ${kid} ${secretId}`)
}
