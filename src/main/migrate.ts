/** `castellan migrate`: brings PostgreSQL to this build's schema, or says how far it is. Floor 6. */
import type { Database } from '../store/database.ts'
import { migrate, migrationStatus } from '../store/migrations.ts'
import { openDatabase } from '../store/open-database.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { paint, type Terminal } from './command-line/terminal.ts'
import { readMigrateSettings } from './settings.ts'

export async function migrateDatabase(terminal: Terminal): Promise<void> {
  await withDatabase(terminal, async (database) => {
    const { applied } = await migrate(database, { log: { info: (text) => terminal.out(`${text}\n`) } })
    if (applied.length === 0) terminal.out('Nothing to migrate.\n')
  })
}

/** @throws CommandError when something is pending, or the database is ahead */
export async function printMigrationStatus(terminal: Terminal): Promise<void> {
  const status = await withDatabase(terminal, migrationStatus)
  for (const name of status.applied) terminal.out(`applied  ${name}\n`)
  for (const name of status.pending) terminal.out(`${paint(terminal, 'yellow', 'pending')}  ${name}\n`)
  for (const name of status.unknown) terminal.out(`${paint(terminal, 'red', 'unknown')}  ${name}\n`)
  if (status.unknown.length > 0)
    throw new CommandError(EXIT.fault, 'The database is ahead of this build.', 'Run the version that migrated it, or a newer one.')
  if (status.pending.length > 0)
    throw new CommandError(EXIT.fault, `Migrations pending: ${status.pending.length}`, 'Run `castellan migrate`.')
}

async function withDatabase<T>(terminal: Terminal, work: (database: Database) => Promise<T>): Promise<T> {
  const { databaseUrl } = readMigrateSettings(terminal.environment)
  const database = await openDatabase({ kind: 'postgres', url: databaseUrl ?? '', poolMax: 1 })
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}
