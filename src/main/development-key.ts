/** The key by which one talks to a development service: random, kept beside its database, readable by its owner alone. Floor 6. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../ground/random.ts'

/** As hard to guess as any caller's key. */
const KEY_BYTES = 32
const KEY = /^[A-Za-z0-9_-]{43,}$/

export function developmentKeyPath(dataDirectory: string): string {
  return join(dataDirectory, 'development-key')
}

/** The key of earlier starts, or a new one. Call it under the directory's lock. */
export function openDevelopmentKey(dataDirectory: string, random: Random): string {
  const path = developmentKeyPath(dataDirectory)
  const kept = readKey(path)
  if (kept !== undefined) return kept
  const key = Buffer.from(random.bytes(KEY_BYTES)).toString('base64url')
  writeFileSync(path, `${key}\n`, { mode: 0o600 })
  return key
}

/** A file that a killed process left half-written holds no key. */
function readKey(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim()
    return KEY.test(text) ? text : undefined
  } catch {
    return undefined
  }
}
