/** Brings a database to this build's schema, or says how far it is. All pending migrations are one transaction: a killed migrator leaves nothing. Floor 2. */
import type { Knex } from 'knex'
import * as tenantsAndSubjects from '../../migrations/0001-tenants-and-subjects.ts'
import * as roleAssignments from '../../migrations/0002-role-assignments.ts'
import * as accessFeed from '../../migrations/0003-access-feed.ts'
import * as policyRevisions from '../../migrations/0004-policy-revisions.ts'
import * as callers from '../../migrations/0005-callers.ts'
import * as audit from '../../migrations/0006-audit.ts'
import * as freshness from '../../migrations/0007-freshness.ts'
import * as identity from '../../migrations/0008-identity.ts'
import * as policyReleases from '../../migrations/0009-policy-releases.ts'
import * as seeingDecisions from '../../migrations/0010-seeing-decisions.ts'
import * as replicatingCallers from '../../migrations/0011-replicating-callers.ts'
import { AppError } from '../ground/errors.ts'
import { StoreError } from '../model/error-code.ts'
import { MIGRATION_TABLE_WAIT_MS_MAX, MIGRATION_WAIT_MS_MAX } from '../model/limits.ts'
import { assertSupported, type Database } from './database.ts'
import { asStoreWork, sqlState } from './fault.ts'

interface Migration {
  up(db: Knex): Promise<void>
}

/** Imported by name, so that sources and dist run the same list; the names carry no file ending, which would differ between the two. */
const migrations: ReadonlyMap<string, Migration> = new Map<string, Migration>([
  ['0001-tenants-and-subjects', tenantsAndSubjects],
  ['0002-role-assignments', roleAssignments],
  ['0003-access-feed', accessFeed],
  ['0004-policy-revisions', policyRevisions],
  ['0005-callers', callers],
  ['0006-audit', audit],
  ['0007-freshness', freshness],
  ['0008-identity', identity],
  ['0009-policy-releases', policyReleases],
  ['0010-seeing-decisions', seeingDecisions],
  ['0011-replicating-callers', replicatingCallers],
])

const TABLE = 'schema_migration'
/** Any number, as long as no other use of advisory locks in the database has it: "castell" in ASCII. */
const LOCK_KEY = '27973498010364012'
const WAIT_NOTICE_MS = 5_000
const LOCK_NOT_AVAILABLE = '55P03'

const source: Knex.MigrationSource<string> = {
  getMigrations: async () => [...migrations.keys()],
  getMigrationName: (name) => name,
  getMigration: async (name) => {
    const migration = migrations.get(name)
    if (migration === undefined) throw new Error(`No migration is named ${name}`)
    return { up: (db) => migration.up(db), down: () => Promise.reject(new Error('Migrations go forward only')) }
  },
}

export interface MigrateOptions {
  /** Told when another migrator is being waited for, and what was applied. */
  readonly log?: { info(text: string): void }
  /** Milliseconds of waiting before `log` is told of it. */
  readonly waitNoticeMs?: number
  /** Milliseconds to wait for another migrator at most. */
  readonly waitMsMax?: number
}

/**
 * Applies what is pending; safe to run at any time and any number of times at once: one does the work, the others wait for it.
 * @throws SchemaError when the database has a migration that this build does not know
 * @throws StoreError when the database cannot be migrated; nothing was changed then
 */
export async function migrate(database: Database, options: MigrateOptions = {}): Promise<{ readonly applied: readonly string[] }> {
  return await asStoreWork(() =>
    database.unboundedTransaction(async (transaction) => {
      // A lock of the transaction, not of the session: it ends with the transaction however that ends, also behind a pooler.
      await takeLock(transaction, options)
      await transaction.raw(`set local lock_timeout = ${MIGRATION_TABLE_WAIT_MS_MAX}`)
      await assertRunnable(transaction)
      const { pending, unknown } = await readStatus(transaction)
      if (unknown.length > 0) throw aheadError(unknown)
      if (pending.length === 0) return { applied: [] }
      // knex's own lock row is written inside our transaction, so nobody ever sees it taken; one left by another tool is stale: we hold the lock.
      await transaction.migrate.forceFreeMigrationsLock({ tableName: TABLE })
      await transaction.migrate.latest({ migrationSource: source, tableName: TABLE })
      options.log?.info(`Migrations applied: ${pending.join(', ')}`)
      return { applied: pending }
    }),
  )
}

export interface MigrationStatus {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** In the database, not in this build: the database is ahead. */
  readonly unknown: readonly string[]
}

/** @throws StoreError */
export async function migrationStatus(database: Database): Promise<MigrationStatus> {
  return await asStoreWork(() => readStatus(database.knex))
}

async function readStatus(db: Knex): Promise<MigrationStatus> {
  const found: { rows: readonly { present: boolean }[] } = await db.raw(`select to_regclass('${TABLE}') is not null as present`)
  const recorded: readonly string[] = found.rows[0]?.present ? await db(TABLE).orderBy('id').pluck('name') : []
  return {
    applied: recorded.filter((name) => migrations.has(name)),
    pending: [...migrations.keys()].filter((name) => !recorded.includes(name)),
    unknown: recorded.filter((name) => !migrations.has(name)),
  }
}

async function takeLock(transaction: Knex.Transaction, options: MigrateOptions): Promise<void> {
  const waitMsMax = options.waitMsMax ?? MIGRATION_WAIT_MS_MAX
  await transaction.raw(`set local lock_timeout = ${Math.ceil(waitMsMax)}`)
  const notice = setTimeout(() => options.log?.info('Waiting for another migrator to finish'), options.waitNoticeMs ?? WAIT_NOTICE_MS)
  try {
    await transaction.raw(`select pg_advisory_xact_lock(${LOCK_KEY})`)
  } catch (fault) {
    if (sqlState(fault) === LOCK_NOT_AVAILABLE) throw new StoreError(`Another migrator did not finish within ${waitMsMax} ms`, fault)
    throw fault
  } finally {
    clearTimeout(notice)
  }
}

async function assertRunnable(db: Knex): Promise<void> {
  const answer: { rows: readonly { version: number; encoding: string }[] } = await db.raw(
    `select current_setting('server_version_num')::integer as version, current_setting('server_encoding') as encoding`,
  )
  const server = answer.rows[0]
  if (server !== undefined) assertSupported(server.version, server.encoding)
}

/** The schema is not this build's; nothing was changed. Met by operators only, never by a caller. */
export class SchemaError extends AppError<'database_ahead' | 'database_behind'> {}

function aheadError(unknown: readonly string[]): SchemaError {
  const message = `The database is ahead of this build: it has ${unknown.join(', ')}, which this build does not know.`
  return new SchemaError('database_ahead', message, message, {
    hint: 'Run the version of Castellan that migrated this database, or a newer one.',
  })
}

/** What a service asks before it serves. @throws SchemaError, StoreError */
export async function requireMigrated(database: Database): Promise<void> {
  const { pending, unknown } = await migrationStatus(database)
  if (unknown.length > 0) throw aheadError(unknown)
  if (pending.length === 0) return
  const message = `The database is not at this build's schema, migrations pending: ${pending.join(', ')}.`
  throw new SchemaError('database_behind', message, message, { hint: 'Run `castellan migrate` first; it is safe beside running services.' })
}
