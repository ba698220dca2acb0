/** knex's PostgreSQL dialect with a bound on the wait for an answer: a network that swallows packets must not hold a request. Floor 2. */
import PostgresClient, { type QueryObject } from 'knex/lib/dialects/postgres/index.js'
import type pg from 'pg'
import { STORE_ANSWER_TIMEOUT_MS } from '../model/limits.ts'

/** pg's client, with the part of it that closes the socket at once. */
export type PgConnection = pg.Client & {
  readonly connection: { readonly stream: { destroy(): void } }
  /** Set while a migration runs on it: building an index may take as long as it takes. */
  castellanUnbounded?: boolean
}

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

export class BoundedPostgresClient extends PostgresClient<PgConnection> {
  override async _query(connection: PgConnection, query: QueryObject): Promise<QueryObject> {
    if (query.sql === undefined || query.sql === '') throw new Error('The query is empty')
    query.response = await ask(connection, { text: query.sql, values: [...(query.bindings ?? [])] })
    return query
  }
}
