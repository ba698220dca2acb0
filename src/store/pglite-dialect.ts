/** A knex dialect over one in-process PGlite: same SQL, same row types as PostgreSQL through pg. Opens and closes nothing. Floor 2. */
import { type PGlite, type QueryOptions, type Results, types } from '@electric-sql/pglite'
import PostgresClient, { type QueryObject } from 'knex/lib/dialects/postgres/index.js'
import { bigintOf, byteaOf } from './value-types.ts'

/** What pg gives for these types: numbers for bigint (ours fit 2^53), text for numeric, Buffer for bytea. */
const options: QueryOptions = {
  parsers: { [types.INT8]: bigintOf, [types.NUMERIC]: (text) => text, [types.BYTEA]: byteaOf },
}

/** The dialect's class for one instance; all "connections" are this instance, so the pool must be of 1. */
export function pgliteClient(instance: PGlite): typeof PostgresClient<PGlite> {
  return class PgliteClient extends PostgresClient<PGlite> {
    // The driver is the instance itself; pg is not needed.
    override _driver(): unknown {
      return instance
    }

    override async _acquireOnlyConnection(): Promise<PGlite> {
      return instance
    }

    // Whoever opened the instance closes it; the pool only forgets it.
    override async destroyRawConnection(): Promise<void> {}

    override async checkVersion(): Promise<string> {
      const { rows } = await instance.query<{ server_version: string }>('show server_version')
      return rows[0]?.server_version ?? 'unknown'
    }

    override async _query(_connection: PGlite, query: QueryObject): Promise<QueryObject> {
      if (query.sql === undefined || query.sql === '') throw new Error('The query is empty')
      query.response = await askPglite(instance, query.sql, query.bindings ?? [])
      return query
    }
  }
}

/** Without values the simple protocol is used, which admits several statements; the last one's result is answered, as pg's callers expect. */
export async function askPglite(instance: PGlite, text: string, values: readonly unknown[]): Promise<Results> {
  if (values.length > 0) return await instance.query(text, [...values], options)
  const results = await instance.exec(text, options)
  return results.at(-1) ?? { rows: [], fields: [], affectedRows: 0 }
}
