/** The identity secret of a development service: random, kept beside its database, so that sessions and signing keys outlive a restart. Floor 6. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../ground/random.ts'
import { IDENTITY_SECRET_BYTES } from '../model/identity-limits.ts'

/** The one of earlier starts, or a new one. Call it under the directory's lock. */
export function openDevelopmentSecret(dataDirectory: string, random: Random): Buffer {
  const path = join(dataDirectory, 'development-identity-secret')
  const kept = readSecret(path)
  if (kept !== undefined) return kept
  const secret = Buffer.from(random.bytes(IDENTITY_SECRET_BYTES))
  writeFileSync(path, `${secret.toString('base64')}\n`, { mode: 0o600 })
  return secret
}

/** A file that a killed process left half-written holds no secret. */
function readSecret(path: string): Buffer | undefined {
  try {
    const secret = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
    return secret.length === IDENTITY_SECRET_BYTES ? secret : undefined
  } catch {
    return undefined
  }
}
