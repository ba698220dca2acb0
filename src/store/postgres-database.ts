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
import { asStoreWork, storeFault } from './fault.ts'
import { countsOf, knexLog } from './knex-pool.ts'
import { ask, askNamed, BoundedPostgresClient, type PgConnection, pgTypes } from './postgres-dialect.ts'

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
  const pool = knex.client as BoundedPostgresClient
  return {
    kind: 'postgres',
    knex,
    changesAtOnceMax: Math.max(1, Math.floor(options.poolMax / 4)),
    createClient: (applicationName) => new pg.Client({ ...connection, application_name: applicationName }) as PgConnection,
    queryPrepared: <R>(name: string | undefined, text: string, values: readonly unknown[]) => queryPrepared<R>(pool, name, text, values),
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
    connections: () => countsOf(pool, pool.atHand),
    close: () => knex.destroy(),
  }
}

async function queryPrepared<R>(
  pool: BoundedPostgresClient,
  name: string | undefined,
  text: string,
  values: readonly unknown[],
): Promise<readonly R[]> {
  try {
    const connection = pool.takeAtHand() ?? (await pool.acquireConnection())
    try {
      if (name !== undefined && values.every(isTextOrNull)) return (await askNamed(connection, name, text, values)) as readonly R[]
      const statement = name === undefined ? { text, values: [...values] } : { name, text, values: [...values] }
      return (await ask(connection, statement)).rows as R[]
    } finally {
      void pool.releaseConnection(connection)
    }
  } catch (fault) {
    throw storeFault(fault)
  }
}

/** What PostgreSQL reads as it is; the driver makes text of all else. */
function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
