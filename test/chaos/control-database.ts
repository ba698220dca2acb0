/** The run's own line to PostgreSQL, which may be restarted or frozen at any time. */
import pg from 'pg'

const APPLICATION = 'castellan-chaos'

export class ControlDatabase {
  readonly #url: string
  #client: pg.Client | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** Waits as long as the database does. @throws when it cannot be reached or goes away; the next query connects again */
  async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    const client = await this.#connected()
    try {
      return (await client.query<R>(text, [...values])).rows
    } catch (fault) {
      this.#forget(client)
      throw fault
    }
  }

  async one<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R> {
    const [row] = await this.query<R>(text, values)
    if (row === undefined) throw new Error(`No row: ${text}`)
    return row
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client
    const client = new pg.Client({ connectionString: this.#url, application_name: APPLICATION })
    client.on('error', () => this.#forget(client))
    await client.connect()
    this.#client = client
    return client
  }

  #forget(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined
    client.end().catch(() => undefined)
  }
}

/** Cuts every session but those of the run itself. @returns how many */
export async function terminateBackends(database: ControlDatabase): Promise<number> {
  const { cut } = await database.one<{ cut: number }>(
    `select count(*)::int as cut from (
      select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and application_name <> $1
    ) terminated`,
    [APPLICATION],
  )
  return cut
}

/** Resolves once nobody else is connected: a change that was lost on the way has been committed by then, or never will be. */
export async function waitUntilAlone(database: ControlDatabase): Promise<void> {
  const text = `select count(*)::int as others from pg_stat_activity where backend_type = 'client backend' and application_name <> $1`
  for (let looks = 0; looks < 200; looks++) {
    if ((await database.one<{ others: number }>(text, [APPLICATION])).others === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('Sessions of stopped replicas are still open after 20 s')
}
