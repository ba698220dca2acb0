/** Checkpoints of the audit trail as JWS: made with the service's audit key, read, verified. What they say of the rows is access/verify-audit.ts. Floor 2. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { CompactSign, calculateJwkThumbprint, compactVerify, decodeProtectedHeader, exportJWK, type JWK } from 'jose'
import { stableJson } from '../ground/canonical-json.ts'
import { AppError } from '../ground/errors.ts'
import type { AuditCheckpoint, AuditHead, CheckpointContent, UnchainedRecords } from '../model/audit-trail.ts'
import { AUDIT_KEYS_MAX } from '../model/observation-limits.ts'
import { type AuditAlgorithm, algorithmOf } from './audit-key.ts'

/** No other token of ours has it, so that none can be taken for a checkpoint. */
const TYPE = 'castellan-audit+jwt'

/** A key file holds no key that checkpoints can be signed or verified with. Never says what it holds. */
export class AuditKeyError extends AppError<'audit_key_invalid'> {
  constructor(message: string) {
    super('audit_key_invalid', message, message)
  }
}

export interface CheckpointSigner {
  readonly keyId: string
  sign(content: CheckpointContent): Promise<AuditCheckpoint>
  /** Whether this key did. */
  hasSigned(jws: string): Promise<boolean>
}

export interface AuditPublicKey {
  readonly keyId: string
  readonly algorithm: AuditAlgorithm
  readonly key: KeyObject
}

export async function openCheckpointSigner(key: KeyObject): Promise<CheckpointSigner> {
  const own = await publicKeyOf(createPublicKey(key))
  const { keyId, algorithm } = own
  return {
    keyId,
    sign: async (content) => {
      const payload = new TextEncoder().encode(stableJson(content))
      const jws = await new CompactSign(payload).setProtectedHeader({ alg: algorithm, kid: keyId, typ: TYPE }).sign(key)
      return { number: content.number, atMs: content.atMs, keyId, jws }
    },
    hasSigned: async (jws) => (await verifyCheckpoint(jws, [own])) === 'good',
  }
}

/** What is handed to auditors: PEM (SPKI) and the id under which it signs. */
export async function publicAuditKey(key: KeyObject): Promise<{ readonly keyId: string; readonly pem: string }> {
  const half = createPublicKey(key)
  return { keyId: (await publicKeyOf(half)).keyId, pem: half.export({ type: 'spki', format: 'pem' }).toString() }
}

/** @param text public keys: PEM, one after another, or a JWK or JWK set. @throws AuditKeyError */
export async function readAuditPublicKeys(text: string): Promise<readonly AuditPublicKey[]> {
  const keys = text.trimStart().startsWith('{') ? keysOfJson(text) : keysOfPem(text)
  if (keys.length === 0) throw new AuditKeyError('holds no public key: PEM (castellan audit key) or a JWK set is expected')
  if (keys.length > AUDIT_KEYS_MAX) throw new AuditKeyError(`holds more than ${AUDIT_KEYS_MAX} keys`)
  return await Promise.all(keys.map(publicKeyOf))
}

const PEM_BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g

function keysOfPem(text: string): readonly KeyObject[] {
  return [...text.matchAll(PEM_BLOCK)].map(([block, kind]) => {
    // It would work, and whoever verifies should not have it.
    if (kind?.includes('PRIVATE')) throw new AuditKeyError('holds a private key: give the public one (castellan audit key)')
    return asKey(() => createPublicKey(block))
  })
}

function keysOfJson(text: string): readonly KeyObject[] {
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch {
    throw new AuditKeyError('is neither PEM nor JSON')
  }
  const listed = (plain as { readonly keys?: unknown }).keys ?? [plain]
  if (!Array.isArray(listed)) throw new AuditKeyError('is no JWK set')
  return listed.map((jwk: unknown) => asKey(() => createPublicKey({ key: jwk as JWK, format: 'jwk' })))
}

function asKey(make: () => KeyObject): KeyObject {
  try {
    return make()
  } catch {
    throw new AuditKeyError('holds a key that cannot be read')
  }
}

async function publicKeyOf(key: KeyObject): Promise<AuditPublicKey> {
  const algorithm = algorithmOf(key)
  if (algorithm === undefined) throw new AuditKeyError('holds a key of another kind: Ed25519 or P-256 is expected')
  return { keyId: await calculateJwkThumbprint(await exportJWK(key), 'sha256'), algorithm, key }
}

/** `unknown`: by none of the given keys. */
export type SignatureOutcome = 'good' | 'bad' | 'unknown'

export async function verifyCheckpoint(jws: string, keys: readonly AuditPublicKey[]): Promise<SignatureOutcome> {
  const kid = headerOf(jws)?.kid
  const found = keys.find((key) => key.keyId === kid)
  if (found === undefined) return 'unknown'
  try {
    // Only the algorithm of the key itself: its name in the header is the signer's word alone.
    const { protectedHeader } = await compactVerify(jws, found.key, { algorithms: [found.algorithm] })
    return protectedHeader.typ === TYPE ? 'good' : 'bad'
  } catch {
    return 'bad'
  }
}

/** What a checkpoint says, whoever signed it; `undefined`: it is none. */
export function readCheckpoint(jws: string): { readonly keyId: string; readonly content: CheckpointContent } | undefined {
  const header = headerOf(jws)
  if (header?.typ !== TYPE || typeof header.kid !== 'string') return undefined
  try {
    const plain: unknown = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return isContent(plain) ? { keyId: header.kid, content: plain } : undefined
  } catch {
    return undefined
  }
}

function headerOf(jws: string) {
  try {
    return decodeProtectedHeader(jws)
  } catch {
    return undefined
  }
}

function isContent(plain: unknown): plain is CheckpointContent {
  if (typeof plain !== 'object' || plain === null) return false
  const { number, atMs, heads, unchained, previous } = plain as Readonly<Record<string, unknown>>
  const isWhole = isCount(number) && isCount(atMs) && Array.isArray(heads) && heads.every(isHead) && isUnchained(unchained)
  return isWhole && (previous === undefined || isHash(previous))
}

function isHead(plain: unknown): plain is AuditHead {
  if (typeof plain !== 'object' || plain === null) return false
  const { chain, sequence, hash } = plain as Readonly<Record<string, unknown>>
  return isCount(chain) && isCount(sequence) && isHash(hash)
}

function isUnchained(plain: unknown): plain is UnchainedRecords {
  if (typeof plain !== 'object' || plain === null) return false
  const { count, lastId, hash } = plain as Readonly<Record<string, unknown>>
  return isCount(count) && isCount(lastId) && isHash(hash)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
