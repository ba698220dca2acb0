/** The archive of a database that nothing was done with, made when dist/ is built: a new one begins from it in place of seconds of work. Floor 2. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { packageRoot } from '../ground/package-root.ts'

/** Absent: none was made, or by another version of PGlite, whose files may be of another form. */
export async function readEmptyDatabase(): Promise<Blob | undefined> {
  try {
    const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
    const { version } = JSON.parse(await readFile(join(dirname(entry), '../package.json'), 'utf8')) as { readonly version: string }
    return new Blob([new Uint8Array(await readFile(join(packageRoot(), `dist/empty-database-${version}.tar.gz`)))])
  } catch {
    return undefined
  }
}
