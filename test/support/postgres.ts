/** A fresh database on a real PostgreSQL: the one of CASTELLAN_TEST_DATABASE_URL, else one server that the whole test run shares. */
import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { askBroker } from './postgres-broker.ts'

export interface TestPostgres {
  /** Of a database that is empty and nobody else's. */
  readonly url: string
  /** Runs one statement as the owner, apart from any pool of ours. */
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>
  /** Drops the database, also while it is in use. */
  close(): Promise<void>
}

export interface TestPostgresOptions {
  /** Brings the database at a URL to this build's schema: done once a run, and copied. Absent: the database is empty. */
  readonly migrated?: (url: string) => Promise<void>
}

export async function openTestPostgres({ migrated }: TestPostgresOptions = {}): Promise<TestPostgres> {
  const server = await findServer()
  const template = migrated === undefined ? 'template0' : await findTemplate(server.url, migrated)
  const name = nameOfNew('castellan_test')
  await ask(server.url, `create database ${name} encoding 'UTF8' template ${template}`)
  const url = urlOf(server.url, name)
  return {
    url,
    query: (text, values) => ask(url, text, values),
    close: async () => {
      await ask(server.url, `drop database if exists ${name} with (force)`)
      await server.stop()
    },
  }
}

/** The database of this run that others are copied from; made by whoever comes first. */
async function findTemplate(server: string, migrate: (url: string) => Promise<void>): Promise<string> {
  // One run, one folder; a server that outlives runs may hold a template of another build.
  const run = process.env['CASTELLAN_TEST_SHARED_FOLDER'] ?? String(process.pid)
  const template = `castellan_template_${createHash('sha256').update(run).digest('hex').slice(0, 24)}`
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock(hashtext($1))', [template])
    if ((await client.query('select from pg_database where datname = $1', [template])).rowCount === 1) return template
    const draft = nameOfNew('castellan_draft')
    await client.query(`create database ${draft} encoding 'UTF8' template template0`)
    await migrate(urlOf(server, draft))
    // Under its name only when it is whole.
    await client.query(`alter database ${draft} rename to ${template}`)
    return template
  } finally {
    await client.end()
  }
}

function nameOfNew(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`
}

function urlOf(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

async function findServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const stop = async () => {}
  const configured = process.env['CASTELLAN_TEST_DATABASE_URL']
  if (configured !== undefined && configured !== '') return { url: configured, stop }
  const port = process.env['CASTELLAN_TEST_POSTGRES_BROKER_PORT']
  // Outside of a Jest run there is nobody to share with.
  return port === undefined ? await startEmbeddedPostgres() : { url: await askBroker(Number(port)), stop }
}

async function ask<R extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<R[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<R>(text, values)).rows
  } finally {
    await client.end()
  }
}
