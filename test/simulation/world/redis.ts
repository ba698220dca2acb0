/**
 * A simulated Redis and a replica's client of it, after the rules of src/cache/redis-cache.ts: closed until the head found there is known, a
 * head stands there before an entry that is as of it. It can lose, delay and bring back what it was ever given; it can make nothing up.
 */
import type { DatabaseIdentity, SharedLevel } from '../../../src/cache/ports.ts'
import type { AccessState } from '../../../src/model/access-state.ts'
import { FRESHNESS_BOUND_MS, REDIS_DEADLINE_MS, SHARED_HEAD_ALARM_MS } from '../../../src/model/limits.ts'
import type { SimulatedProcess, Timeline } from './clock.ts'
import { Reachability, type Wire } from './wire.ts'

export type KeyOf = (tenant: string, user: string) => string

interface Entry {
  /** Of the incarnation whose secret it is sealed with. */
  readonly incarnation: string
  readonly key: string
  readonly state: AccessState
}

interface Kept {
  readonly entries: ReadonlyMap<string, Entry>
  readonly heads: ReadonlyMap<string, number>
}

export class SimulatedRedis {
  readonly reachability: Reachability
  /** Another number: connections are new. */
  connections = 1
  #entries = new Map<string, Entry>()
  #heads = new Map<string, number>()
  #ever: Entry[] = []
  #copies: Kept[] = []

  constructor(timeline: Timeline) {
    this.reachability = new Reachability(timeline)
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#ever.push(entry)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  /** @returns what stands there then */
  raiseHead(incarnation: string, head: number): number {
    const stored = Math.max(head, this.#heads.get(incarnation) ?? -1)
    this.#heads.set(incarnation, stored)
    return stored
  }

  goAway(): void {
    this.reachability.become('away')
    this.connections++
  }

  flush(): void {
    this.#entries.clear()
    this.#heads.clear()
  }

  copy(): void {
    this.#copies.push({ entries: new Map(this.#entries), heads: new Map(this.#heads) })
  }

  /** It starts again with an old copy of itself. */
  restoreCopy(which: number): void {
    const copy = this.#copies[which % Math.max(1, this.#copies.length)]
    if (copy === undefined) return
    this.#entries = new Map(copy.entries)
    this.#heads = new Map(copy.heads)
    this.connections++
  }

  /** Everything it was ever given and that matches is there again, the oldest or the newest of each. */
  resurrect(oldest: boolean): void {
    for (const entry of oldest ? this.#ever.toReversed() : this.#ever) {
      this.#entries.set(entry.key, entry)
      // No copy has an entry without the head that stood there before it.
      this.raiseHead(entry.incarnation, entry.state.position)
    }
  }

  /** What it was given until now has outlived its time. */
  age(): void {
    this.#entries.clear()
    this.#ever = []
    this.#copies = []
  }
}

const NONE = -1

export class SimulatedSharedLevel implements SharedLevel {
  readonly #needs: { readonly redis: SimulatedRedis; readonly wire: Wire; readonly process: SimulatedProcess; readonly keyOf: KeyOf }
  #connection = 0
  #identity: DatabaseIdentity | undefined
  #admitted = false
  #turn = 0
  #ahead: number | undefined
  #confirmedHead = NONE
  #observedAtMs = Number.NEGATIVE_INFINITY
  #alarmedAtMs = Number.NEGATIVE_INFINITY
  #listener: (head: number) => void = () => undefined

  constructor(needs: { redis: SimulatedRedis; wire: Wire; process: SimulatedProcess; keyOf: KeyOf }) {
    this.#needs = needs
  }

  async get(tenant: string, user: string): Promise<AccessState | undefined> {
    this.#connect()
    const identity = this.#identity
    if (identity === undefined || !this.#admitted) return undefined
    const key = this.#keyOf(identity, tenant, user)
    const entry = await this.#ask(() => this.#needs.redis.get(key))
    if (entry === undefined || !this.#admitted || this.#identity?.incarnation !== identity.incarnation) return undefined
    return entry.incarnation === identity.incarnation && entry.key === key ? entry.state : undefined
  }

  put(tenant: string, user: string, state: AccessState, ttlMs: number): void {
    this.#connect()
    if (!(ttlMs >= 1) || this.#identity === undefined || !this.#admitted) return
    void this.#fill(this.#identity, this.#keyOf(this.#identity, tenant, user), state)
  }

  observe(identity: DatabaseIdentity): void {
    this.#connect()
    const nowMs = this.#needs.process.clock.monotonicMs()
    if (this.#identity?.incarnation !== identity.incarnation || nowMs - this.#observedAtMs >= FRESHNESS_BOUND_MS) this.#forgetHead()
    this.#observedAtMs = nowMs
    this.#identity = identity
    if (this.#ahead !== undefined) this.#judge(this.#ahead)
    else if (!this.#admitted || identity.head > this.#confirmedHead) void this.#raise(identity.head)
  }

  onHeadAhead(listener: (head: number) => void): void {
    this.#listener = listener
  }

  /** Good manners only. */
  forget(tenant: string, user: string): void {
    if (this.#identity === undefined) return
    const key = this.#keyOf(this.#identity, tenant, user)
    void this.#ask(() => this.#needs.redis.delete(key))
  }

  async #fill(identity: DatabaseIdentity, key: string, state: AccessState): Promise<void> {
    const connection = this.#connection
    if (state.position > this.#confirmedHead) await this.#raise(state.position)
    if (state.position > this.#confirmedHead || !this.#admitted) return
    if (this.#identity?.incarnation !== identity.incarnation || connection !== this.#connection) return
    await this.#ask(() => this.#needs.redis.set(key, { incarnation: identity.incarnation, key, state }))
  }

  async #raise(head: number): Promise<void> {
    const { incarnation } = this.#identity ?? {}
    const turn = this.#turn
    if (incarnation === undefined) return
    const stored = await this.#ask(() => this.#needs.redis.raiseHead(incarnation, head))
    if (stored === undefined || turn !== this.#turn) return
    this.#confirmedHead = Math.max(stored, this.#confirmedHead)
    if (!this.#admitted || stored > Math.max(head, this.#identity?.head ?? NONE)) this.#judge(stored)
  }

  #judge(stored: number): void {
    this.#admitted = stored <= (this.#identity?.head ?? NONE)
    this.#ahead = this.#admitted ? undefined : stored
    const nowMs = this.#needs.process.clock.monotonicMs()
    if (this.#admitted || nowMs - this.#alarmedAtMs < SHARED_HEAD_ALARM_MS) return
    this.#alarmedAtMs = nowMs
    this.#listener(stored)
  }

  /** A new connection may be to another Redis. */
  #connect(): void {
    if (this.#connection === this.#needs.redis.connections) return
    this.#connection = this.#needs.redis.connections
    this.#forgetHead()
  }

  #forgetHead(): void {
    this.#turn++
    this.#admitted = false
    this.#ahead = undefined
    this.#confirmedHead = NONE
  }

  #keyOf(identity: DatabaseIdentity, tenant: string, user: string): string {
    return `${identity.incarnation} ${this.#needs.keyOf(tenant, user)}`
  }

  #ask<T>(execute: () => T): Promise<T | undefined> {
    const { redis, wire, process } = this.#needs
    const traffic = 'redis' as const
    const answering = (answer: (value: T) => void) => answer(execute())
    return wire
      .ask({ process, traffic, server: redis.reachability, execute: answering, timeoutMs: REDIS_DEADLINE_MS })
      .catch(() => undefined)
  }
}
