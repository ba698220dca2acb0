/**
 * knex's PostgreSQL dialect with a bound on the wait for an answer: a network that swallows packets must not hold a request.
 * In front of its pool stand connections that were used a moment ago: a place in the pool costs half of what a look-up does. Floor 2.
 */
import PostgresClient, { type QueryObject } from 'knex/lib/dialects/postgres/index.js'
import pg from 'pg'
import { STORE_ANSWER_TIMEOUT_MS, STORE_AT_HAND_MS } from '../model/limits.ts'
import { isWanted } from './knex-pool.ts'
import { type Column, NamedQuery } from './named-query.ts'
import { bigintOf } from './value-types.ts'

/** pg's own parsers, with bigint as a number. Per connection: pg's global table stays untouched. */
export const pgTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return bigintOf
    return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text')
  },
}

/** pg's client, with the part of it that closes the socket at once. */
export type PgConnection = pg.Client & {
  readonly connection: { readonly stream: { destroy(): void } }
  /** Set while a migration runs on it: building an index may take as long as it takes. */
  castellanUnbounded?: boolean
  /** Columns of its named statements. */
  castellanDescribed?: Map<string, readonly Column[]>
  /** knex sets it when the connection has ended. */
  readonly __knex__disposed?: unknown
}

const GIVEN_BACK = Promise.resolve()

export type PgStatement = { readonly name?: string; readonly text: string; readonly values: unknown[] }

/** Sends one statement; without an answer in time the connection is destroyed, which fails the statement and empties its place in the pool. */
export async function ask(connection: PgConnection, statement: PgStatement): Promise<pg.QueryResult> {
  if (connection.castellanUnbounded) return await connection.query(statement)
  const timer = setTimeout(() => connection.connection.stream.destroy(), STORE_ANSWER_TIMEOUT_MS)
  try {
    return await connection.query(statement)
  } finally {
    clearTimeout(timer)
  }
}

/** As `ask`, for a statement that stays prepared on its connection. */
export function askNamed(
  connection: PgConnection,
  name: string,
  text: string,
  values: readonly (string | null)[],
): Promise<readonly Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    const timer = connection.castellanUnbounded
      ? undefined
      : setTimeout(() => connection.connection.stream.destroy(), STORE_ANSWER_TIMEOUT_MS)
    connection.castellanDescribed ??= new Map()
    const query = new NamedQuery({
      name,
      text,
      values,
      described: connection.castellanDescribed,
      parserOf: pgTypes.getTypeParser,
      answered: (rows) => {
        clearTimeout(timer)
        resolve(rows)
      },
      failed: (fault) => {
        clearTimeout(timer)
        reject(fault)
      },
    })
    connection.query(query)
  })
}

/** Of a client and of the copies that knex makes of it for migrations: those copy all that is plain, and share objects of a class, as the pool is. */
class Hand {
  /** Taken from the pool and used by nobody. While somebody waits for a connection there is none here. */
  readonly connections: PgConnection[] = []
  givingBack: NodeJS.Timeout | undefined
  isClosing = false
}

export class BoundedPostgresClient extends PostgresClient<PgConnection> {
  // No private members: a copy of knex's has none.
  readonly hand = new Hand()

  get atHand(): number {
    return this.hand.connections.length
  }

  /** A connection that is there already; it is released as any other. */
  takeAtHand(): PgConnection | undefined {
    for (;;) {
      const connection = this.hand.connections.pop()
      if (connection === undefined || connection.__knex__disposed === undefined) return connection
      // The pool finds out for itself, and makes room for another one.
      void super.releaseConnection(connection)
    }
  }

  override async acquireConnection(): Promise<PgConnection> {
    return this.takeAtHand() ?? (await super.acquireConnection())
  }

  override releaseConnection(connection: PgConnection): Promise<void> {
    if (this.hand.isClosing || connection.__knex__disposed !== undefined || isWanted(this)) return super.releaseConnection(connection)
    this.hand.connections.push(connection)
    this.hand.givingBack ??= setTimeout(() => this.giveBack(), STORE_AT_HAND_MS).unref()
    return GIVEN_BACK
  }

  override async destroy(callback: unknown): Promise<void> {
    this.hand.isClosing = true
    this.giveBack()
    await super.destroy(callback)
  }

  /** All of them: from the pool those go that were idle for long. */
  giveBack(): void {
    clearTimeout(this.hand.givingBack)
    this.hand.givingBack = undefined
    for (const connection of this.hand.connections.splice(0)) void super.releaseConnection(connection)
  }

  override async _query(connection: PgConnection, query: QueryObject): Promise<QueryObject> {
    if (query.sql === undefined || query.sql === '') throw new Error('The query is empty')
    query.response = await ask(connection, { text: query.sql, values: [...(query.bindings ?? [])] })
    return query
  }
}
