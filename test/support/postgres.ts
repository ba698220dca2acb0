/** A fresh database on a real PostgreSQL: the one of CASTELLAN_TEST_DATABASE_URL, else one server that the whole test run shares. */
import { randomUUID } from 'node:crypto'
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

export async function openTestPostgres(): Promise<TestPostgres> {
  const server = await findServer()
  const name = `castellan_test_${randomUUID().replaceAll('-', '')}`
  const url = new URL(server.url)
  url.pathname = `/${name}`
  await ask(server.url, `create database ${name} encoding 'UTF8' template template0`)
  return {
    url: url.href,
    query: (text, values) => ask(url.href, text, values),
    close: async () => {
      await ask(server.url, `drop database if exists ${name} with (force)`)
      await server.stop()
    },
  }
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
