/** Types for knex's own PostgreSQL dialect, which knex exports without any. Only what our dialects override or call. Floor 2. */
declare module 'knex/lib/dialects/postgres/index.js' {
  import { Knex } from 'knex'

  export interface QueryObject {
    sql?: string
    bindings?: readonly unknown[]
    response?: unknown
  }

  class PostgresClient<Connection> extends Knex.Client {
    _driver(): unknown
    _acquireOnlyConnection(): Promise<Connection>
    checkVersion(connection: Connection): Promise<string>
    _query(connection: Connection, query: QueryObject): Promise<QueryObject>
    acquireConnection(): Promise<Connection>
    releaseConnection(connection: Connection): Promise<void>
  }
  // biome-ignore lint/style/noDefaultExport: it is how knex exports it
  export default PostgresClient
}
