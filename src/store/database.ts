/** PostgreSQL or PGlite as one kind of thing: knex for most, a prepared statement for the way of a check. Opens neither (open-database.ts). Floor 2. */
import type { Knex } from 'knex'
import { StoreError } from '../model/error-code.ts'
import type { PoolCounts } from './knex-pool.ts'
import type { PgConnection } from './postgres-dialect.ts'

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

/** Refuses what this house cannot run on. @throws StoreError */
export function assertSupported(serverVersionNumber: number, encoding: string): void {
  if (serverVersionNumber < 140_000) throw new StoreError(`PostgreSQL 14 or newer is needed, this one is ${serverVersionNumber}`)
  if (encoding !== 'UTF8')
    throw new StoreError(`The database's encoding must be UTF8, this one's is ${encoding}: ids are compared byte by byte`)
}
