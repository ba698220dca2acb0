/** Opens PostgreSQL or PGlite as one kind of thing: knex for most, a prepared statement for the way of a check. Holds no table's words. Floor 2. */
import { PGlite } from '@electric-sql/pglite'
import knexModule, { type Knex } from 'knex'
import pg from 'pg'
import { StoreError } from '../model/error-code.ts'
import {
  STORE_ACQUIRE_TIMEOUT_MS,
  STORE_CONNECT_TIMEOUT_MS,
  STORE_IDLE_TRANSACTION_TIMEOUT_MS,
  STORE_LOCK_TIMEOUT_MS,
  STORE_STATEMENT_TIMEOUT_MS,
} from '../model/limits.ts'
import { asStoreWork } from './fault.ts'
import { askPglite, pgliteClient } from './pglite-dialect.ts'
import { ask, BoundedPostgresClient, type PgConnection } from './postgres-dialect.ts'
import { pgTypes } from './value-types.ts'

export interface PostgresOptions {
  readonly kind: 'postgres'
  /** `postgres://user:password@host:port/database?sslmode=…`; TLS by `sslmode`, as libpq names it. */
  readonly url: string
  readonly poolMax: number
  /** Told of connections that died in the pool; absent: nobody is. Never carries a secret. */
  readonly warn?: (text: string) => void
}
export interface PgliteOptions {
  readonly kind: 'pglite'
  /** Absent: in memory. The caller sees to it that no other process has it open. */
  readonly dataDirectory?: string
  /** A dumped data directory to begin from; only for a new one. */
  readonly archive?: Blob
}
export type DatabaseOptions = PostgresOptions | PgliteOptions

export interface Database {
  readonly kind: DatabaseOptions['kind']
  readonly knex: Knex
  /** How many changes may hold a connection at once: a quarter of the pool, so that checks always find one. */
  readonly changesAtOnceMax: number
  /**
   * One named prepared statement straight on the driver (performance, "resolution by a named prepared statement").
   * A name stands for one text for ever; `undefined` has the statement planned for these very values.
   * @throws StoreError
   */
  queryPrepared<R>(name: string | undefined, text: string, values: readonly unknown[]): Promise<readonly R[]>
  /**
   * A client outside of the pool, not connected yet, for one who must never queue behind others; its URL and limits are the pool's.
   * Absent where there is but one connection.
   */
  readonly createClient?: (applicationName: string) => PgConnection
  /** How the pool is at this moment. */
  connections(): PoolCounts
  /** A transaction on a connection without time limits of ours: for migrations. */
  unboundedTransaction<T>(work: (transaction: Knex.Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface PoolCounts {
  readonly used: number
  readonly free: number
  /** Who wants a connection, and has none yet. */
  readonly waiting: number
}

/** The part of knex's client that hands out pooled connections. */
interface Pooled<Connection> {
  readonly pool?: { numUsed(): number; numFree(): number; numPendingAcquires(): number }
  acquireConnection(): Promise<Connection>
  releaseConnection(connection: Connection): Promise<void>
}

/** PostgreSQL is reached when it is first asked, so a service can start before its database does; PGlite is opened here. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return options.kind === 'postgres' ? openPostgres(options) : await openPglite(options)
}

function openPostgres(options: PostgresOptions): Database {
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

async function openPglite(options: PgliteOptions): Promise<Database> {
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

/** knex takes the pool away when it closes. */
function countsOf({ pool }: Pooled<unknown>): PoolCounts {
  if (pool === undefined) return { used: 0, free: 0, waiting: 0 }
  return { used: pool.numUsed(), free: pool.numFree(), waiting: pool.numPendingAcquires() }
}

/** knex prints to the console unless told otherwise; what matters of it reaches us as errors. */
function knexLog(warn: ((text: string) => void) | undefined): Knex.Logger {
  const tell = (message: unknown) => warn?.(String(message))
  return { warn: tell, error: tell, deprecate: tell, debug: () => undefined }
}

/** Refuses what this house cannot run on. @throws StoreError */
export function assertSupported(serverVersionNumber: number, encoding: string): void {
  if (serverVersionNumber < 140_000) throw new StoreError(`PostgreSQL 14 or newer is needed, this one is ${serverVersionNumber}`)
  if (encoding !== 'UTF8')
    throw new StoreError(`The database's encoding must be UTF8, this one's is ${encoding}: ids are compared byte by byte`)
}
