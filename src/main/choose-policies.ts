/** Which folder of policy files a development service takes. Reads none of them. Floor 6. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../ground/package-root.ts'

/** What was set; else `./policies` when it holds policy files; else the samples that come with the package. */
export function choosePolicies(set: string | undefined): string {
  if (set !== undefined) return set
  return holdsPolicyFiles('./policies') ? './policies' : join(packageRoot(), 'policies')
}

function holdsPolicyFiles(directory: string): boolean {
  if (!existsSync(directory)) return false
  try {
    return readdirSync(directory, { recursive: true }).some((name) => /\.(ya?ml|json)$/.test(String(name)))
  } catch {
    // What is there and cannot be read is meant: opening it tells why, and no sample takes its place.
    return true
  }
}
