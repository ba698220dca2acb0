/** Runs one suite on every implementation of the store: PGlite in memory and PostgreSQL. Tests of a suite keep apart by their ids. */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe } from '@jest/globals'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
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
  const postgres = await openTestPostgres()
  const database = await openDatabase({ kind: 'postgres', url: postgres.url, poolMax })
  await migrate(database)
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
  const database = await openTestPglite()
  await migrate(database)
  const store = openStore(database)
  return { database, store, close: () => store.close() }
}

/** In memory, empty. A new data directory takes seconds to make, so the first one of a run is kept as an archive for the others. */
export async function openTestPglite(): Promise<Database> {
  const folder = process.env['CASTELLAN_TEST_SHARED_FOLDER']
  if (folder === undefined) return await openDatabase({ kind: 'pglite' })
  const archive = join(folder, 'pglite.tar')
  if (!existsSync(archive)) await writeArchive(archive)
  return await openDatabase({ kind: 'pglite', archive: new Blob([await readFile(archive)]) })
}

async function writeArchive(archive: string): Promise<void> {
  const instance = await PGlite.create()
  const dumped = Buffer.from(await (await instance.dumpDataDir('none')).arrayBuffer())
  await instance.close()
  // Another worker may be doing the same: each writes a file of its own, and the last rename wins with equal content.
  const own = `${archive}.${randomUUID()}`
  await writeFile(own, dumped)
  await rename(own, archive)
}
