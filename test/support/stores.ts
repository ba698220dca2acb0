/** Runs one suite on every implementation of the store: PGlite in memory and PostgreSQL. Tests of a suite keep apart by their ids. */

import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe } from '@jest/globals'
import type { Database } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import type { Store } from '../../src/store/ports.ts'
import { openStore } from '../../src/store/store.ts'
import { openTestPostgres } from './postgres.ts'

export interface TestStore {
  readonly database: Database
  readonly store: Store
}
export type StoreKind = 'pglite' | 'postgres'

/** @param suite declares tests; `current()` is the migrated store, one for the whole suite, from the first hook or test on */
export function describeEachStore(name: string, suite: (current: () => TestStore, kind: StoreKind) => void): void {
  for (const kind of ['pglite', 'postgres'] as const) {
    describe(`${name} on ${kind}`, () => {
      let opened: (TestStore & { close(): Promise<void> }) | undefined
      beforeAll(async () => {
        opened = kind === 'pglite' ? await openPgliteStore() : await openPostgresStore()
      })
      afterAll(async () => {
        await opened?.close()
      })
      suite(() => {
        if (opened === undefined) throw new Error('The store is open from beforeAll on')
        return opened
      }, kind)
    })
  }
}

export async function openPostgresStore(poolMax = 25): Promise<TestStore & { readonly url: string; close(): Promise<void> }> {
  const postgres = await openTestPostgres({ migrated: migrateAt })
  const database = await openDatabase({ kind: 'postgres', url: postgres.url, poolMax })
  await renewIdentity(database)
  const store = openStore(database)
  return {
    database,
    store,
    url: postgres.url,
    close: async () => {
      await store.close()
      await postgres.close()
    },
  }
}

export async function openPgliteStore(): Promise<TestStore & { close(): Promise<void> }> {
  const database = await openMigratedPglite()
  const store = openStore(database)
  return { database, store, close: () => store.close() }
}

/** In memory, empty. A new data directory takes seconds to make, so the first one of a run is kept as an archive for the others. */
export async function openTestPglite(): Promise<Database> {
  return await openArchived('empty', () => PGlite.create())
}

/** On the server of the run, with this build's schema, gone when it is closed: hundreds of tests have a database of their own, and a copy of one that is migrated costs least. */
export async function openMigratedPostgres(poolMax = 8): Promise<Database> {
  const postgres = await openTestPostgres({ migrated: migrateAt })
  const database = await openDatabase({ kind: 'postgres', url: postgres.url, poolMax })
  await renewIdentity(database)
  return {
    ...database,
    close: async () => {
      await database.close()
      await postgres.close()
    },
  }
}

async function migrateAt(url: string): Promise<void> {
  const database = await openDatabase({ kind: 'postgres', url, poolMax: 1 })
  try {
    await migrate(database)
  } finally {
    await database.close()
  }
}

/** In memory, with this build's schema. As above: migrating costs as much again. */
export async function openMigratedPglite(): Promise<Database> {
  const database = await openArchived('migrated', createMigrated)
  await renewIdentity(database)
  return database
}

/** What is made by chance when the schema is, and tells databases apart. */
async function renewIdentity(database: Database): Promise<void> {
  await database.knex('access_head').update({ incarnation: randomUUID(), cache_secret: randomBytes(32) })
}

/** @param create what is kept, once a run */
async function openArchived(name: string, create: () => Promise<PGlite>): Promise<Database> {
  const folder = process.env['CASTELLAN_TEST_SHARED_FOLDER']
  if (folder === undefined) {
    const database = await openDatabase({ kind: 'pglite' })
    if (name === 'migrated') await migrate(database)
    return database
  }
  const archive = join(folder, `pglite-${name}.tar`)
  if (!existsSync(archive)) await writeArchive(archive, create)
  return await openDatabase({ kind: 'pglite', archive: new Blob([await readFile(archive)]) })
}

/** On disk, because what our database has open cannot be dumped. */
async function createMigrated(): Promise<PGlite> {
  const directory = await mkdtemp(join(tmpdir(), 'castellan-migrated-'))
  try {
    const database = await openDatabase({ kind: 'pglite', dataDirectory: join(directory, 'data') })
    await migrate(database)
    await database.close()
    const kept = await PGlite.create(join(directory, 'data'))
    const dumped = await kept.dumpDataDir('none')
    await kept.close()
    return await PGlite.create({ loadDataDir: dumped })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function writeArchive(archive: string, create: () => Promise<PGlite>): Promise<void> {
  const instance = await create()
  const dumped = Buffer.from(await (await instance.dumpDataDir('none')).arrayBuffer())
  await instance.close()
  // Another worker may be doing the same: each writes a file of its own, and the last rename wins with equal content.
  const own = `${archive}.${randomUUID()}`
  await writeFile(own, dumped)
  await rename(own, archive)
}
