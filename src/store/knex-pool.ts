/** What our two kinds of database share of knex: its pool, and where its words go. Opens none. Floor 2. */
import type { Knex } from 'knex'

export interface PoolCounts {
  readonly used: number
  readonly free: number
  /** Who wants a connection, and has none yet. */
  readonly waiting: number
}

/** The part of knex's client that hands out pooled connections. */
export interface Pooled<Connection> {
  readonly pool?: { numUsed(): number; numFree(): number; numPendingAcquires(): number }
  acquireConnection(): Promise<Connection>
  releaseConnection(connection: Connection): Promise<void>
}

/**
 * knex takes the pool away when it closes.
 * @param atHand taken from the pool, and used by nobody
 */
export function countsOf(client: unknown, atHand = 0): PoolCounts {
  const { pool } = client as Pooled<unknown>
  if (pool === undefined) return { used: 0, free: 0, waiting: 0 }
  return { used: pool.numUsed() - atHand, free: pool.numFree() + atHand, waiting: pool.numPendingAcquires() }
}

/** Whether somebody waits for a connection. */
export function isWanted(client: unknown): boolean {
  const { pool } = client as Pooled<unknown>
  return pool !== undefined && pool.numPendingAcquires() > 0
}

/** knex prints to the console unless told otherwise; what matters of it reaches us as errors. */
export function knexLog(warn: ((text: string) => void) | undefined): Knex.Logger {
  const tell = (message: unknown) => warn?.(String(message))
  return { warn: tell, error: tell, deprecate: tell, debug: () => undefined }
}
