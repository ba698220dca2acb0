/** Stays connected to Redis for as long as it is open: connects again for ever, and tells of each new connection. Sends no command. Floor 2. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { Random } from '../ground/random.ts'
import { REDIS_CONNECT_TIMEOUT_MS, REDIS_RECONNECT_MS_MAX, REDIS_RECONNECT_MS_MIN, REDIS_SILENCE_MS_MAX } from '../model/limits.ts'
import { describeRedisAddress, type RedisAddress } from './redis-address.ts'
import { connectRedis, type RedisConnection } from './redis-client.ts'

export interface RedisNeeds {
  readonly address: RedisAddress
  /** Authorities (PEM) for TLS; absent: those that Node trusts. */
  readonly ca?: Buffer | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly observe: RedisObserver
}

/** What metrics are made of. */
export interface RedisObserver {
  /** An attempt failed or was given up; one that was not made because Redis is known to be away is not told. */
  failed(operation: 'connect' | 'get' | 'put' | 'head' | 'ring' | 'limit'): void
  connected(connected: boolean): void
  breaker(open: boolean): void
}

export class RedisLink {
  readonly #needs: RedisNeeds
  /** What the connection is for, in the log. */
  readonly #use: string
  readonly #onConnected: (connection: RedisConnection) => void
  #connection: RedisConnection | undefined
  #connectedAtMs = 0
  /** Attempts in a row that came to nothing. */
  #failures = 0
  #toldFailure = false
  #abort: AbortController | undefined
  #cancelRetry: (() => void) | undefined
  #suspected: RedisConnection | undefined
  #closed = false

  /** Begins to connect; Redis being away delays nobody. */
  constructor(needs: RedisNeeds, use: string, onConnected: (connection: RedisConnection) => void) {
    this.#needs = needs
    this.#use = use
    this.#onConnected = onConnected
    void this.#connect()
  }

  /** Absent while there is none. */
  get connection(): RedisConnection | undefined {
    return this.#connection
  }

  /** This connection does not serve any more: it is left, and another one is made. */
  drop(connection: RedisConnection, fault: unknown): void {
    if (connection !== this.#connection) return
    this.#leave(connection)
    this.#needs.observe.connected(false)
    // One that ends as soon as it is made counts as none.
    if (this.#needs.clock.monotonicMs() - this.#connectedAtMs >= REDIS_RECONNECT_MS_MAX) this.#failures = 0
    this.#retryAfter(fault)
  }

  /** An answer is long overdue. When it has not come after REDIS_SILENCE_MS_MAX the connection is taken for dead, which TCP would notice late. */
  suspect(connection: RedisConnection, answer: Promise<unknown>): void {
    if (this.#suspected === connection || connection !== this.#connection) return
    this.#suspected = connection
    const cleared = this.#needs.clock.after(REDIS_SILENCE_MS_MAX, () => this.drop(connection, new Error('silent')))
    const answered = () => {
      cleared()
      if (this.#suspected === connection) this.#suspected = undefined
    }
    answer.then(answered, answered)
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    this.#abort?.abort()
    if (this.#connection !== undefined) this.#leave(this.#connection)
  }

  #leave(connection: RedisConnection): void {
    this.#connection = undefined
    this.#suspected = undefined
    connection.close()
  }

  async #connect(): Promise<void> {
    const { address, ca, clock, log, observe } = this.#needs
    const abort = new AbortController()
    this.#abort = abort
    const limitMs = REDIS_CONNECT_TIMEOUT_MS * (address.servers.length + 1)
    const cancelLimit = clock.after(limitMs, () => abort.abort(new Error('timeout')))
    try {
      const made: { connection?: RedisConnection; lost?: { readonly fault: unknown } } = {}
      const lost = (fault: unknown) => {
        made.lost ??= { fault }
        if (made.connection !== undefined) this.drop(made.connection, fault)
      }
      const connection = await unlessAborted(connectRedis({ address, ca, signal: abort.signal, lost }), abort.signal)
      if (this.#closed) return connection.close()
      made.connection = connection
      this.#connection = connection
      this.#connectedAtMs = clock.monotonicMs()
      log.info({ redis: describeRedisAddress(address), use: this.#use }, 'connected to Redis')
      this.#toldFailure = false
      observe.connected(true)
      // Lost before anybody could be told of it.
      if (made.lost !== undefined) this.drop(connection, made.lost.fault)
      else this.#onConnected(connection)
    } catch (fault) {
      if (this.#closed) return
      observe.failed('connect')
      this.#retryAfter(fault)
    } finally {
      cancelLimit()
    }
  }

  #retryAfter(fault: unknown): void {
    const { address, clock, random, log } = this.#needs
    if (!this.#toldFailure)
      log.warn(
        { redis: describeRedisAddress(address), use: this.#use, fault: faultName(fault) },
        'no connection to Redis; everything goes on without it, and it is tried again',
      )
    this.#toldFailure = true
    const delayMs = Math.min(REDIS_RECONNECT_MS_MAX, REDIS_RECONNECT_MS_MIN * 2 ** this.#failures++)
    const [byte = 0] = random.bytes(1)
    this.#cancelRetry = clock.after((delayMs * (256 + byte)) / 512, () => void this.#connect())
  }
}

/** What comes too late is closed. */
async function unlessAborted(connecting: Promise<RedisConnection>, signal: AbortSignal): Promise<RedisConnection> {
  const given = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  connecting.then(
    (connection) => {
      if (signal.aborted) connection.close()
    },
    () => undefined,
  )
  return await Promise.race([connecting, given])
}

/** A word for the log. Never the message: servers repeat in it what they were sent, and that may be the password. */
export function faultName(fault: unknown): string {
  if (!(fault instanceof Error)) return 'unknown'
  if ('code' in fault && typeof fault.code === 'string') return fault.code
  const [replyKind] = /^[A-Z]{3,}\b/.exec(fault.message) ?? []
  return replyKind ?? (fault.constructor === Error ? fault.message.split(' ').slice(0, 6).join(' ') : fault.constructor.name)
}
