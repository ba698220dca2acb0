/** Finds the folder this package is installed in, from sources and from dist/ alike. Floor 0. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the folder with our package.json: `proto/`, `policies/` and `dist/` lie in it. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('package.json of castellan not found above its own sources')
    folder = parent
  }
  return folder
}
