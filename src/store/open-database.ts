/** Opens PostgreSQL or PGlite, and loads the driver of that kind alone. Floor 2. */
import type { Database, DatabaseOptions } from './database.ts'

/** PostgreSQL is reached when it is first asked, so a service can start before its database does; PGlite is opened here. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  if (options.kind === 'postgres') return (await import('./postgres-database.ts')).openPostgres(options)
  return await (await import('./pglite-database.ts')).openPglite(options)
}
