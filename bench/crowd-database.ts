/** A database of a million people, for questions whose answers are in no memory. Fills it at once, past the administration; asks nothing of it. */
import pg from 'pg'
import { migrate } from '../src/store/migrations.ts'
import { openDatabase } from '../src/store/open-database.ts'
import type { Stage } from './stage.ts'

export interface CrowdDatabase {
  readonly url: string
  readonly people: number
  close(): Promise<void>
}

const PEOPLE = 1_000_000
export const CROWD_TENANTS = 100
const NAME = 'crowd'
/** Of the packaged office, which all who ask here have in force; answers about them are of one length, within two characters. */
const ROLES = ['salesperson', 'sales-manager']

/** Once a run, whoever asks first. Nobody may be connected to it as a replica before it is full. */
export async function crowdDatabase(stage: Stage): Promise<CrowdDatabase> {
  const { postgresUrl } = await stage.stores()
  return await stage.shared('crowd database', async () => {
    await ask(postgresUrl, `create database ${NAME} encoding 'UTF8' template template0`)
    const url = new URL(postgresUrl)
    url.pathname = `/${NAME}`
    const database = await openDatabase({ kind: 'postgres', url: url.href, poolMax: 4 })
    try {
      await migrate(database, {})
      // No change was made through the feed: whoever opens on it from now on begins at its head, with all of them there.
      await database.unboundedTransaction(async (transaction) => {
        await transaction.raw(`insert into tenant (id) select 'tenant-' || n from generate_series(0, ${CROWD_TENANTS - 1}) n`)
        await transaction.raw(`insert into subject (id) select 'user-' || n from generate_series(0, ${PEOPLE - 1}) n`)
        await transaction.raw(`insert into role_assignment (id, user_id, tenant_id, role, valid_from, created_by)
          select gen_random_uuid()::text, 'user-' || n, 'tenant-' || n % ${CROWD_TENANTS}, (array[${ROLES.map((role) => `'${role}'`)}])[1 + n % ${ROLES.length}],
            now() - interval '1 day', 'bench' from generate_series(0, ${PEOPLE - 1}) n`)
      })
      await ask(url.href, 'vacuum analyze')
    } finally {
      await database.close()
    }
    // It goes with its server.
    return { url: url.href, people: PEOPLE, close: async () => undefined }
  })
}

/** Everybody is of one tenant. */
export function crowdPair(number: number): { readonly user: string; readonly tenant: string } {
  return { user: `user-${number}`, tenant: `tenant-${number % CROWD_TENANTS}` }
}

/** Both roles grant it. */
export const CROWD_PERMISSION = 'sales.customer.read'

async function ask(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
