/** The key by which a development service signs checkpoints of its audit: random, kept beside its database, readable by its owner alone. Floor 6. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAuditKey } from '../token/audit-key.ts'

/** The one of earlier starts, or a new one. Call it under the directory's lock. */
export function openDevelopmentAuditKey(dataDirectory: string): KeyObject {
  const path = join(dataDirectory, 'development-audit-key')
  const kept = readKey(path)
  if (kept !== undefined) return kept
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return privateKey
}

/** A file that a killed process left half-written holds no key. */
function readKey(path: string): KeyObject | undefined {
  try {
    return parseAuditKey(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
