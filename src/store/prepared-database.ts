/** The image of a migrated database that a new embedded one begins from in place of seconds of work: made with dist/, used only by the build that made it. Floor 2. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { packageRoot } from '../ground/package-root.ts'
import type { Random } from '../ground/random.ts'
import type { Database } from './database.ts'
import { asStoreWork } from './fault.ts'
import { filesOfTar } from './tar.ts'

/** Beside the image: for which build it is. */
export interface ImageStamp {
  /** Version of what wrote its files, which may be of another form in the next one. */
  readonly pglite: string
  /** Hashes of the migrations it has: of the sources and of what they were compiled to. */
  readonly migrations: readonly string[]
}

export const IMAGE_FILE = 'prepared-database.tar.gz'
export const IMAGE_STAMP_FILE = 'prepared-database.json'

/** What every image has in place of what is made by chance: no database that serves has it. */
const NOBODYS_INCARNATION = '00000000-0000-0000-0000-000000000000'
const NOBODYS_SECRET = Buffer.alloc(32)

/**
 * The bytes of a tar.
 * @param directory where dist/ of the package is; only tests name another one
 * @returns `undefined` when there is none, or it is not of these migrations and this PGlite: then a database is made from nothing
 */
export async function readPreparedDatabase(directory = join(packageRoot(), 'dist')): Promise<Buffer | undefined> {
  try {
    const stamp = JSON.parse(await readFile(join(directory, IMAGE_STAMP_FILE), 'utf8')) as ImageStamp
    if (stamp.pglite !== (await pgliteVersion())) return undefined
    if (!stamp.migrations.includes(await hashOfMigrations(ownMigrations()))) return undefined
    // Not left to PGlite, which takes three times as long for it.
    return await promisify(gunzip)(await readFile(join(directory, IMAGE_FILE)))
  } catch {
    return undefined
  }
}

/** Makes the directory from an image, whole or not at all: one that a killed start left half is made anew. Nobody else may be doing so. */
export async function layOutDatabase(image: Buffer, directory: string): Promise<void> {
  const making = `${directory}.new`
  await rm(making, { recursive: true, force: true })
  await mkdir(making, { mode: 0o700 })
  for (const { name, content } of filesOfTar(image)) {
    const path = join(making, name)
    if (content === undefined) await mkdir(path, { recursive: true, mode: 0o700 })
    else await writeFile(path, content, { mode: 0o600 })
  }
  await rename(making, directory)
}

/** Takes away what is made by chance and tells databases apart: what stands in an image in its place is nobody's. */
export async function disownDatabase(database: Database): Promise<void> {
  await asStoreWork(() => database.knex('access_head').update({ incarnation: NOBODYS_INCARNATION, cache_secret: NOBODYS_SECRET }))
}

/** Gives a database from an image what tells it apart from all others; does nothing to any other one. Before anything reads it. @throws StoreError */
export async function ownDatabase(database: Database, random: Random): Promise<void> {
  const own = { incarnation: random.uuid(), cache_secret: Buffer.from(random.bytes(NOBODYS_SECRET.length)) }
  await asStoreWork(() => database.knex('access_head').where({ incarnation: NOBODYS_INCARNATION }).update(own))
}

/** Where this very module's migrations are: TypeScript beside sources, JavaScript in dist/. */
function ownMigrations(): string {
  return fileURLToPath(new URL('../../migrations', import.meta.url))
}

export async function hashOfMigrations(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).filter((name) => /^\d+.*\.(ts|js)$/.test(name) && !name.endsWith('.d.ts')).sort())
    hash.update(`${name}\n`).update(await readFile(join(folder, name)))
  return hash.digest('hex')
}

export async function pgliteVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  return (JSON.parse(await readFile(join(dirname(entry), '../package.json'), 'utf8')) as { readonly version: string }).version
}
