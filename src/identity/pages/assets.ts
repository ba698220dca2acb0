/** Style and scripts of the pages: our own files, nothing of anybody else. Floor 5. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PageAsset {
  readonly contentType: string
  readonly body: string
}

const TYPES: Readonly<Record<string, string>> = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' }

/** By path. They lie beside this module, in sources and in dist/ alike (scripts/build.mjs copies them). */
export function pageAssets(): ReadonlyMap<string, PageAsset> {
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'assets')
  return new Map(
    readdirSync(folder).flatMap((name) => {
      const contentType = TYPES[name.slice(name.lastIndexOf('.') + 1)]
      return contentType === undefined ? [] : [[`/login/assets/${name}`, { contentType, body: readFileSync(join(folder, name), 'utf8') }]]
    }),
  )
}
