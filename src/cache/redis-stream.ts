/** Appends texts to one Redis stream of a bounded length, on a connection of its own. Keeps nothing back and tries nothing again. Floor 2. */
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

export interface RedisStreamNeeds extends RedisNeeds {
  readonly stream: string
  readonly lengthMax: number
}

export class RedisStream {
  readonly #needs: RedisStreamNeeds
  readonly #link: RedisLink

  /** Begins to connect. */
  constructor(needs: RedisStreamNeeds) {
    this.#needs = needs
    this.#link = new RedisLink(needs, 'decision log', () => undefined)
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
}
