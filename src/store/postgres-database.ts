/** PostgreSQL through pg and knex. Floor 2. */
import knexModule, { type Knex } from 'knex'
import pg from 'pg'
import {
  STORE_ACQUIRE_TIMEOUT_MS,
  STORE_CONNECT_TIMEOUT_MS,
  STORE_IDLE_TRANSACTION_TIMEOUT_MS,
  STORE_LOCK_TIMEOUT_MS,
  STORE_STATEMENT_TIMEOUT_MS,
} from '../model/limits.ts'
import type { Database, PostgresOptions } from './database.ts'
import { asStoreWork } from './fault.ts'
import { countsOf, knexLog, type Pooled } from './knex-pool.ts'
import { ask, BoundedPostgresClient, type PgConnection } from './postgres-dialect.ts'
import { bigintOf } from './value-types.ts'

/** pg's own parsers, with bigint as a number. Per connection: pg's global table stays untouched. */
const pgTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return bigintOf
    return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text')
  },
}

export function openPostgres(options: PostgresOptions): Database {
  const url = URL.parse(options.url)
  // The text is not repeated: it may hold a password.
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    throw new Error('The database URL must look like postgres://user@host:5432/database')
  if (!Number.isSafeInteger(options.poolMax) || options.poolMax < 1) throw new Error('The size of the database pool must be at least 1')
  const connection: pg.ClientConfig = {
    connectionString: options.url,
    application_name: 'castellan',
    connectionTimeoutMillis: STORE_CONNECT_TIMEOUT_MS,
    statement_timeout: STORE_STATEMENT_TIMEOUT_MS,
    lock_timeout: STORE_LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STORE_IDLE_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    types: pgTypes,
  }
  const knex = knexModule({
    client: BoundedPostgresClient,
    connection: connection as Knex.PgConnectionConfig,
    pool: { min: 0, max: options.poolMax },
    acquireConnectionTimeout: STORE_ACQUIRE_TIMEOUT_MS,
    // Bindings are people's data; they stay out of error texts.
    compileSqlOnError: false,
    log: knexLog(options.warn),
  })
  const pool = knex.client as Pooled<PgConnection>
  return {
    kind: 'postgres',
    knex,
    changesAtOnceMax: Math.max(1, Math.floor(options.poolMax / 4)),
    createClient: (applicationName) => new pg.Client({ ...connection, application_name: applicationName }) as PgConnection,
    queryPrepared: <R>(name: string | undefined, text: string, values: readonly unknown[]) =>
      asStoreWork(async () => {
        const connection = await pool.acquireConnection()
        try {
          const statement = name === undefined ? { text, values: [...values] } : { name, text, values: [...values] }
          return (await ask(connection, statement)).rows as R[]
        } finally {
          await pool.releaseConnection(connection)
        }
      }),
    unboundedTransaction: async (work) => {
      const connection = await asStoreWork(() => pool.acquireConnection())
      connection.castellanUnbounded = true
      try {
        return await knex.transaction(
          async (transaction) => {
            await transaction.raw('set local statement_timeout = 0')
            await transaction.raw('set local idle_in_transaction_session_timeout = 0')
            return await work(transaction)
          },
          { connection },
        )
      } finally {
        connection.castellanUnbounded = false
        await pool.releaseConnection(connection)
      }
    },
    connections: () => countsOf(pool),
    close: () => knex.destroy(),
  }
}
