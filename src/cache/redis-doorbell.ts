/** Rings through Redis when the feed has grown, so that replicas read it at once. A ring that is lost costs only the wait for the next reading. Floor 2. */
import { DOORBELL_ECHO_MS } from '../model/limits.ts'
import type { RedisConnection } from './redis-client.ts'
import { RedisLink, type RedisNeeds } from './redis-link.ts'

const FEED_CHANNEL = 'castellan:feed'

/** Fits the port `Doorbell` of the store. All who listen hear a ring, also the one who rang. */
export class RedisDoorbell {
  readonly #needs: RedisNeeds
  readonly #link: RedisLink
  /** Nobody else's: what is published here comes back to this process alone. */
  readonly #echoChannel: string
  #listener: (() => void) | undefined
  #publishing = false
  #rungMeanwhile = false
  #echoAwaited = false
  #cancelEcho: (() => void) | undefined
  #closed = false

  /** Begins to connect, with a connection of its own. */
  constructor(needs: RedisNeeds) {
    this.#needs = needs
    this.#echoChannel = `castellan:echo:${needs.random.uuid()}`
    this.#link = new RedisLink(needs, 'doorbell', (connection) => void this.#listen(connection))
  }

  /** Never throws, never waits. Rings that come while one is on its way are one. */
  ring(): void {
    const { connection } = this.#link
    if (connection === undefined) return
    if (this.#publishing) {
      this.#rungMeanwhile = true
      return
    }
    this.#publishing = true
    connection
      .publish(FEED_CHANNEL, '')
      .catch(() => {
        if (!this.#closed) this.#needs.observe.failed('ring')
      })
      .finally(() => {
        this.#publishing = false
        if (!this.#rungMeanwhile) return
        this.#rungMeanwhile = false
        this.ring()
      })
  }

  onRing(listener: () => void): void {
    this.#listener = listener
  }

  close(): void {
    this.#closed = true
    this.#cancelEcho?.()
    this.#link.close()
  }

  async #listen(connection: RedisConnection): Promise<void> {
    this.#echoAwaited = false
    this.#awaitEcho(connection)
    try {
      await connection.subscribe([FEED_CHANNEL, this.#echoChannel], (channel) => {
        if (channel === this.#echoChannel) this.#echoAwaited = false
        else this.#listener?.()
      })
    } catch (fault) {
      this.#link.drop(connection, fault)
    }
  }

  /** A subscription can end without a word. So this process rings itself now and then, and makes a new connection when it does not hear that. */
  #awaitEcho(connection: RedisConnection): void {
    this.#cancelEcho?.()
    this.#cancelEcho = this.#needs.clock.after(DOORBELL_ECHO_MS, () => {
      if (connection !== this.#link.connection) return
      if (this.#echoAwaited) {
        this.#link.drop(connection, new Error('silent'))
        return
      }
      this.#echoAwaited = true
      connection.publish(this.#echoChannel, '').catch((fault: unknown) => this.#link.drop(connection, fault))
      this.#awaitEcho(connection)
    })
  }
}
