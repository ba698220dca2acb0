/** What our two kinds of database share of knex: its pool, and where its words go. Opens none. Floor 2. */
import type { Knex } from 'knex'
import type { PoolCounts } from './database.ts'

/** The part of knex's client that hands out pooled connections. */
export interface Pooled<Connection> {
  readonly pool?: { numUsed(): number; numFree(): number; numPendingAcquires(): number }
  acquireConnection(): Promise<Connection>
  releaseConnection(connection: Connection): Promise<void>
}

/** knex takes the pool away when it closes. */
export function countsOf({ pool }: Pooled<unknown>): PoolCounts {
  if (pool === undefined) return { used: 0, free: 0, waiting: 0 }
  return { used: pool.numUsed(), free: pool.numFree(), waiting: pool.numPendingAcquires() }
}

/** knex prints to the console unless told otherwise; what matters of it reaches us as errors. */
export function knexLog(warn: ((text: string) => void) | undefined): Knex.Logger {
  const tell = (message: unknown) => warn?.(String(message))
  return { warn: tell, error: tell, deprecate: tell, debug: () => undefined }
}
