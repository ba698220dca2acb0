/** PGlite, in this process, through knex. Floor 2. */
import { setFlagsFromString } from 'node:v8'
import { PGlite } from '@electric-sql/pglite'
import knexModule from 'knex'
import { EMBEDDED_TIERING_BUDGET_BYTES, STORE_ACQUIRE_TIMEOUT_MS } from '../model/limits.ts'
import type { Database, PgliteOptions } from './database.ts'
import { asStoreWork } from './fault.ts'
import { countsOf, knexLog, type Pooled } from './knex-pool.ts'
import { askPglite, pgliteClient } from './pglite-dialect.ts'

export async function openPglite(options: PgliteOptions): Promise<Database> {
  // Before any of PGlite's WebAssembly is compiled; V8 has no other way to say it.
  setFlagsFromString(`--wasm-tiering-budget=${EMBEDDED_TIERING_BUDGET_BYTES}`)
  const instance = await asStoreWork(() =>
    PGlite.create({
      ...(options.dataDirectory === undefined ? {} : { dataDir: options.dataDirectory }),
      ...(options.archive === undefined ? {} : { loadDataDir: options.archive }),
    }),
  )
  const knex = knexModule({
    client: pgliteClient(instance),
    connection: {},
    pool: { min: 0, max: 1 },
    acquireConnectionTimeout: STORE_ACQUIRE_TIMEOUT_MS,
    compileSqlOnError: false,
    log: knexLog(undefined),
  })
  const pool = knex.client as Pooled<PGlite>
  return {
    kind: 'pglite',
    knex,
    changesAtOnceMax: 1,
    queryPrepared: <R>(_name: string | undefined, text: string, values: readonly unknown[]) =>
      asStoreWork(async () => {
        // The pool's one place keeps this statement out of a transaction that is under way.
        const connection = await pool.acquireConnection()
        try {
          return (await askPglite(connection, text, values)).rows as R[]
        } finally {
          await pool.releaseConnection(connection)
        }
      }),
    unboundedTransaction: (work) => knex.transaction(work),
    connections: () => countsOf(pool),
    close: async () => {
      await knex.destroy()
      if (!instance.closed) await instance.close()
    },
  }
}
