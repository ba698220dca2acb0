/** Every statement that reaches a database, however it goes there. Judges none; knows only which ones a replica's own reading of the feed is. */
import type { Database } from '../../src/store/database.ts'
import { FEED_READ_SQL } from '../../src/store/feed-reader.ts'

export interface HeardDatabase {
  /** To be used instead of the one that was given. */
  readonly database: Database
  /** All that was asked while `work` ran, begin and commit among it, but the feed, which is read whether anybody asks or not. */
  during<T>(work: () => Promise<T>): Promise<{ readonly statements: readonly string[]; readonly result: T }>
}

export function hearStatements(given: Database): HeardDatabase {
  const listeners = new Set<(sql: string) => void>()
  const tell = (sql: string) => {
    if (sql === FEED_READ_SQL) return
    for (const listener of listeners) listener(sql)
  }
  given.knex.on('query', ({ sql }: { readonly sql: string }) => tell(sql))
  return {
    database: {
      ...given,
      // Past knex, which says nothing of it.
      queryPrepared: (name, text, values) => {
        tell(text)
        return given.queryPrepared(name, text, values)
      },
    },
    async during(work) {
      const statements: string[] = []
      const listener = (sql: string) => void statements.push(sql)
      listeners.add(listener)
      try {
        return { result: await work(), statements }
      } finally {
        listeners.delete(listener)
      }
    },
  }
}
