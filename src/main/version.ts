/** Which version of the package this is. Floor 6. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../ground/package-root.ts'

/** The version of the installed package. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
}
