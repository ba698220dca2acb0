/** The feed's own connection to PostgreSQL, with a bell on it: made when it is asked for, thrown away after any fault. Knows no statement. Floor 2. */
import { StoreError } from '../model/error-code.ts'
import { FEED_READ_TIMEOUT_MS, STORE_CONNECT_TIMEOUT_MS } from '../model/limits.ts'
import { asStoreWork } from './fault.ts'
import type { PgConnection, PgStatement } from './postgres-dialect.ts'

export const FEED_CHANNEL = 'castellan_feed'

/**
 * All that is said to the session, as a pooler may give it to others afterwards: there, only the bell is lost. So no time limit of our own either: a
 * reading that was given up here ends by the limits of every connection, those of a statement and of a lock. What it still reports is
 * true: what was applied then stays applied. An engine that has no LISTEN is read all the same.
 */
const LISTEN = `listen ${FEED_CHANNEL}`

interface Opened {
  readonly client: PgConnection
  /** It listens, where that is possible. */
  readonly ready: Promise<void>
}

export class FeedConnection {
  readonly #create: () => PgConnection
  #opened: Opened | undefined
  #busy = false
  #closed = false
  #listener: () => void = () => undefined

  /** @param create makes a client that is not connected yet */
  constructor(create: () => PgConnection) {
    this.#create = create
  }

  /** Replaces the listener; it hears the bell from the next question on, also over connections to come. */
  onNotification(listener: () => void): void {
    this.#listener = listener
  }

  /** One at a time. @throws StoreError, also when no answer came within FEED_READ_TIMEOUT_MS: then the next one has a new connection */
  async ask<R>(statement: PgStatement): Promise<readonly R[]> {
    if (this.#closed) throw new StoreError("The feed's connection is closed")
    if (this.#busy) throw new StoreError('The feed is being read already')
    this.#busy = true
    const question = this.#askInTime<R>(statement)
    try {
      return await asStoreWork(() => question)
    } finally {
      this.#busy = false
    }
  }

  #askInTime<R>(statement: PgStatement): Promise<readonly R[]> {
    return new Promise((resolve, reject) => {
      const opened = this.#open()
      let asked = false
      let late = false
      let ended = false
      const giveUp = () => {
        if (ended) return
        late = true
        // A connection that is still being made has a time limit of its own: the next question may find it there.
        if (asked) this.#drop(opened)
        reject(new StoreError(`The feed could not be read within ${FEED_READ_TIMEOUT_MS} ms`))
      }
      // After one more look at the socket: when this process itself stood still, the answer is there already.
      const timer = setTimeout(() => setImmediate(giveUp), FEED_READ_TIMEOUT_MS)
      const work = async () => {
        await opened.ready
        if (late) return []
        asked = true
        return (await opened.client.query(statement)).rows as R[]
      }
      work()
        .then(resolve, (fault: unknown) => {
          this.#drop(opened)
          reject(fault)
        })
        .finally(() => {
          ended = true
          clearTimeout(timer)
        })
    })
  }

  #open(): Opened {
    if (this.#opened !== undefined) return this.#opened
    const client = this.#create()
    const opened: Opened = { client, ready: prepare(client) }
    this.#opened = opened
    const forget = () => {
      if (this.#opened === opened) this.#opened = undefined
    }
    // Without a listener an error of the idle connection would end the process.
    client.on('error', forget)
    client.on('end', forget)
    client.on('notification', () => this.#listener())
    opened.ready.catch(() => this.#drop(opened))
    return opened
  }

  #drop(opened: Opened): void {
    if (this.#opened === opened) this.#opened = undefined
    opened.client.connection.stream.destroy()
  }

  /** Idempotent; a question under way fails. */
  async close(): Promise<void> {
    this.#closed = true
    this.#listener = () => undefined
    const opened = this.#opened
    if (opened === undefined) return
    const timer = setTimeout(() => this.#drop(opened), FEED_READ_TIMEOUT_MS)
    try {
      await opened.client.end()
    } catch {
      this.#drop(opened)
    } finally {
      clearTimeout(timer)
    }
  }
}

async function prepare(client: PgConnection): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), STORE_CONNECT_TIMEOUT_MS)
  try {
    await client.connect()
    await client.query(LISTEN).catch(() => undefined)
  } finally {
    clearTimeout(timer)
  }
}
