/** Appends texts to one Redis stream of a bounded length, on a connection of its own. Keeps nothing back and tries nothing again. Floor 2. */
import type { RedisConnection } from './redis-client.ts'
import { RedisLink, type RedisNeeds } from './redis-link.ts'

/**
 * One round trip and one step for all of them, on one key, so that it runs on a cluster too. `~`: whole nodes are cut off, which costs next to
 * nothing. ARGV: length of the stream, then the texts.
 */
const APPEND = `
for index = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'record', ARGV[index])
end
return tostring(#ARGV - 1)`

/** Of the server that has the stream, also in a cluster. A script, for it runs where its key is; CONFIG is not to be had in one. */
const EVICTION = `
return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or ''`

export interface RedisStreamNeeds extends RedisNeeds {
  readonly stream: string
  readonly lengthMax: number
}

export class RedisStream {
  readonly #needs: RedisStreamNeeds
  readonly #link: RedisLink
  #toldEviction = false

  /** Begins to connect. */
  constructor(needs: RedisStreamNeeds) {
    this.#needs = needs
    this.#link = new RedisLink(needs, 'decision log', (connection) => void this.#lookAtEviction(connection))
  }

  /**
   * All of them, in order.
   * @param signal no answer is waited for any more; whether they were appended is then not known, and the connection is given up
   */
  async append(texts: readonly string[], signal: AbortSignal): Promise<void> {
    const { stream, lengthMax } = this.#needs
    const { connection } = this.#link
    if (connection === undefined) throw new Error('There is no connection to Redis')
    const given = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('Redis gave no answer in time')), { once: true })
    })
    const asked = connection.run(APPEND, stream, [String(lengthMax), ...texts])
    asked.catch(() => undefined)
    try {
      await Promise.race([asked, given])
    } catch (fault) {
      if (signal.aborted) this.#link.drop(connection, fault)
      throw fault
    }
  }

  close(): void {
    this.#link.close()
  }

  /** A server that may evict any key drops the whole stream at once, and says so to nobody. */
  async #lookAtEviction(connection: RedisConnection): Promise<void> {
    const { stream, log } = this.#needs
    // Who may not ask is told nothing.
    const policy = await connection.run(EVICTION, stream, []).catch(() => '')
    if (this.#toldEviction || !policy.startsWith('allkeys-')) return
    this.#toldEviction = true
    log.warn(
      { stream, policy },
      'Redis evicts any key when its memory is full: the whole stream of the decision log may go at once, uncounted',
    )
  }
}
