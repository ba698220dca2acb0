/** Reads through the cache levels: what is kept is used only while this replica's knowledge says that it still holds. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { Coalesced } from '../ground/coalesce.ts'
import type { Level } from '../model/access-state.ts'
import { StoreError } from '../model/error-code.ts'
import { FRESHNESS_BOUND_MS, RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import { abortable, throwIfAborted } from './abortable.ts'
import type { Knowledge } from './knowledge.ts'
import { positionNotReached, reaches } from './min-position.ts'
import { BEFORE_ALL, elapsedMs, type Moment, momentOf } from './moment.ts'

/** What is kept: read by one statement, as of one position. */
export interface Dated {
  readonly position: number
}

export interface Kept<V> {
  readonly value: V
  /** On the database's clock: from here on it has to be read again. */
  readonly edgeMs: number
}

/**
 * Whether something kept still holds at `nowMs` of the monotonic clock. The one rule that freshness rests on. What is beyond the known position
 * does not: were the database restored before this replica got there, nothing would tell that it never was.
 */
export type Validity = (
  kept: Kept<Dated>,
  lastChange: number,
  knowledge: Pick<Knowledge, 'isFresh' | 'known' | 'latestDatabaseMs'>,
  nowMs: number,
) => boolean

export const holds: Validity = (kept, lastChange, knowledge, nowMs) =>
  knowledge.isFresh(nowMs) &&
  kept.value.position >= lastChange &&
  kept.value.position <= (knowledge.known ?? -1) &&
  knowledge.latestDatabaseMs(nowMs) <= kept.edgeMs

export interface FreshReaderNeeds<K, V extends Dated> {
  readonly clock: Clock
  readonly knowledge: Knowledge
  readonly holds: Validity
  readonly memory: KeyedMemory<K, V>
  /** Absent: there is no level between memory and store. */
  readonly shared: SharedFor<K, V> | undefined
  /** One text for one key, of no other key. */
  readonly textOf: (key: K) => string
  readonly load: (key: K) => Promise<V>
  readonly lastChange: (key: K) => number
  /** One more reading of the feed. */
  readonly catchUp: () => Promise<void>
  /** The next instant at which the value changes by itself. */
  readonly edgeMs: (value: V) => number
  readonly observe: ReadObserver
}

/** The level in process, for one kind of key. */
export interface KeyedMemory<K, V> {
  get(key: K): Kept<V> | undefined
  /** What is not worth keeping is not kept. */
  set(key: K, kept: Kept<V>): void
  clear(): void
}

/** The level between memory and store, for one kind of key. */
export interface SharedFor<K, V> {
  get(key: K): Promise<V | undefined>
  put(key: K, value: V, ttlMs: number): void
}

export interface ReadObserver {
  answered(level: Level): void
  /** Something kept was looked at and held no longer. */
  outdated(level: 'memory' | 'redis'): void
  /** Nothing fresh enough could be had: the question fails as unavailable. */
  refused(): void
}

export interface Found<V> {
  readonly value: V
  /** Everything up to here is reflected in the value. */
  readonly position: number
  readonly level: Level
  /** When the store was asked for it; for a value that holds by knowledge, before all time. */
  readonly asked: Moment
  /** Of the reader's own counting: another one when the database may be another one. */
  readonly ends: number
}

interface Looked<V> {
  readonly value: V
  readonly level: Level
  readonly asked: Moment
}

/** The looks for one key: one at a time, and at most one more that waits for its end. */
interface Flight<V> {
  readonly looks: Coalesced<Looked<V>>
  waiting: number
  looking: boolean
}

export class FreshReader<K, V extends Dated> {
  readonly #needs: FreshReaderNeeds<K, V>
  readonly #flights = new Map<string, Flight<V>>()
  #clears = 0

  constructor(needs: FreshReaderNeeds<K, V>) {
    this.#needs = needs
  }

  /** What memory has, if that is an answer at this moment; otherwise `read` finds out. Never waits, and is told by `recalled` alone. */
  recall(key: K, minPosition: number | undefined): Found<V> | undefined {
    const kept = this.#needs.memory.get(key)
    const found = kept && this.#held(key, kept, 'memory')
    return found !== undefined && reaches(found.position, minPosition) ? found : undefined
  }

  /** An answer stands that was made from what was recalled: where it does not, `read` is asked, and tells. */
  recalled(): void {
    this.#needs.observe.answered('memory')
  }

  /**
   * @param minPosition everything up to here must be reflected (freshness, F3)
   * @throws ServiceError `position_not_reached`; `cancelled` or `deadline_exceeded` when the signal says so
   * @throws StoreError when nothing fresh enough can be had
   */
  async read(key: K, minPosition: number | undefined, signal?: AbortSignal): Promise<Found<V>> {
    const kept = this.#lookInMemory(key)
    if (kept !== undefined && reaches(kept.position, minPosition)) return this.#answered(kept)
    const startedAtMs = this.#needs.clock.monotonicMs()
    if (minPosition === undefined) return await this.#readBeyond(key, startedAtMs, { ahead: false, minPosition }, signal)
    const ahead = !(await this.#reachKnown(minPosition, signal))
    const found = ahead ? undefined : this.#lookInMemory(key)
    return found === undefined ? await this.#readBeyond(key, startedAtMs, { ahead, minPosition }, signal) : this.#answered(found)
  }

  /** Whether nothing that is known at this moment has touched what was read. */
  stillHolds(key: K, value: V): boolean {
    return this.#held(key, this.#toKeep(value), 'store') !== undefined
  }

  /** Whether what was found a while ago can still be an answer: it holds, or the store told it within the freshness bound. */
  isCurrent(key: K, found: Found<V>): boolean {
    const isRecent = elapsedMs(this.#needs.clock, found.asked) < FRESHNESS_BOUND_MS
    return found.ends === this.#ends && (isRecent || this.stillHolds(key, found.value))
  }

  /** Nothing that was read until now holds any more, nor what is being read. */
  clear(): void {
    this.#clears++
    this.#needs.memory.clear()
  }

  /** Another number: nothing that was asked before says anything of the database that is there now. */
  get #ends(): number {
    return this.#clears + this.#needs.knowledge.gaps
  }

  #lookInMemory(key: K): Found<V> | undefined {
    const kept = this.#needs.memory.get(key)
    if (kept === undefined) return undefined
    const found = this.#held(key, kept, 'memory')
    if (found === undefined) this.#needs.observe.outdated('memory')
    return found
  }

  /** `ahead`: what is kept cannot suffice. The position is compared in any case: what was known may have been taken back by a restore. */
  async #readBeyond(
    key: K,
    startedAtMs: number,
    { ahead, minPosition }: { readonly ahead: boolean; readonly minPosition: number | undefined },
    signal: AbortSignal | undefined,
  ): Promise<Found<V>> {
    const { clock, knowledge, observe } = this.#needs
    for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
      throwIfAborted(signal)
      // Sharing a look that began before this question needs proof that nothing changed meanwhile, and only knowledge is one.
      const joins = attempt === 1 && !ahead && knowledge.isFresh(clock.monotonicMs())
      const looked = await this.#look(key, { joins, ahead }, signal).catch((fault: unknown) => {
        if (fault instanceof StoreError) observe.refused()
        throw fault
      })
      const found = this.#accept(key, looked, startedAtMs)
      if (found === undefined) continue
      if (!reaches(found.position, minPosition)) throw positionNotReached(found.position, minPosition)
      return this.#answered(found)
    }
    observe.refused()
    throw new StoreError('The database answers too slowly to say what holds now')
  }

  /**
   * Whether all up to `position` is known here, if need be after one more reading of the feed; `false`: the feed cannot be read, and the
   * store itself may still say how far it is.
   * @throws ServiceError `position_not_reached` when the feed was read and is not there
   */
  async #reachKnown(position: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { knowledge, catchUp } = this.#needs
    const isKnown = () => (knowledge.known ?? -1) >= position
    if (isKnown()) return true
    const isRead = await abortable(
      catchUp().then(
        () => true,
        () => false,
      ),
      signal,
    )
    if (isRead && !isKnown()) throw positionNotReached(knowledge.known ?? 0, position)
    return isRead
  }

  /** It holds by knowledge, or the store was asked after the question came and answered within the freshness bound. */
  #accept(key: K, looked: Looked<V>, startedAtMs: number): Found<V> | undefined {
    const { value, level, asked } = looked
    const held = this.#held(key, this.#toKeep(value), level)
    if (held !== undefined) return held
    if (asked.monotonicMs < startedAtMs || elapsedMs(this.#needs.clock, asked) >= FRESHNESS_BOUND_MS) return undefined
    return { value, position: value.position, level, asked, ends: this.#ends }
  }

  /** A value that nothing known has touched is as good as one read at the known position. */
  #held(key: K, kept: Kept<V>, level: Level): Found<V> | undefined {
    const { holds, knowledge, clock, lastChange } = this.#needs
    if (!holds(kept, lastChange(key), knowledge, clock.monotonicMs())) return undefined
    return { value: kept.value, position: Math.max(kept.value.position, knowledge.known ?? 0), level, asked: BEFORE_ALL, ends: this.#ends }
  }

  #answered(found: Found<V>): Found<V> {
    this.#needs.observe.answered(found.level)
    return found
  }

  /** @param ahead what is kept cannot suffice: the store is asked */
  async #look(key: K, how: { readonly joins: boolean; readonly ahead: boolean }, signal?: AbortSignal): Promise<Looked<V>> {
    const text = this.#needs.textOf(key)
    const name = how.ahead ? `ahead ${text}` : text
    let flight = this.#flights.get(name)
    if (flight === undefined) {
      const made: Flight<V> = { looks: new Coalesced(() => this.#lookIn(made, name, key, how.ahead)), waiting: 0, looking: false }
      this.#flights.set(name, made)
      flight = made
    }
    flight.waiting++
    try {
      return await abortable(how.joins ? flight.looks.join() : flight.looks.run(), signal)
    } finally {
      flight.waiting--
      this.#forgetEnded(name, flight)
    }
  }

  async #lookIn(flight: Flight<V>, name: string, key: K, ahead: boolean): Promise<Looked<V>> {
    flight.looking = true
    try {
      const kept = ahead ? undefined : await this.#lookShared(key)
      if (kept !== undefined) return kept
      const looked = await this.#lookInStore(key)
      // What nobody waits for any more was cancelled: it is not kept.
      if (flight.waiting > 0) void this.#fill(key, looked.value)
      return looked
    } finally {
      flight.looking = false
      this.#forgetEnded(name, flight)
    }
  }

  #forgetEnded(name: string, flight: Flight<V>): void {
    if (flight.waiting === 0 && !flight.looking && this.#flights.get(name) === flight) this.#flights.delete(name)
  }

  async #lookShared(key: K): Promise<Looked<V> | undefined> {
    const { clock, knowledge, memory, shared, observe } = this.#needs
    if (shared === undefined || !knowledge.isFresh(clock.monotonicMs())) return undefined
    const ends = this.#ends
    const value = await shared.get(key)
    if (value === undefined || ends !== this.#ends) return undefined
    const kept = this.#toKeep(value)
    if (this.#held(key, kept, 'redis') === undefined) {
      observe.outdated('redis')
      return undefined
    }
    memory.set(key, kept)
    return { value, level: 'redis', asked: BEFORE_ALL }
  }

  /** An answer that was under way while everything was dropped, or the database out of sight, may be of one that is gone: asked again. */
  async #lookInStore(key: K): Promise<Looked<V>> {
    for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
      const [asked, ends] = [momentOf(this.#needs.clock), this.#ends]
      const value = await this.#needs.load(key)
      if (ends === this.#ends) return { value, level: 'store', asked }
    }
    throw new StoreError('The database went out of sight each time it was asked')
  }

  /** What is outdated already would only be refused; what is ahead of the feed is kept once the feed is there. */
  async #fill(key: K, value: V): Promise<void> {
    const { clock, knowledge, memory, shared, catchUp } = this.#needs
    const ends = this.#ends
    if (value.position > (knowledge.known ?? -1) && knowledge.isFresh(clock.monotonicMs())) await catchUp().catch(() => undefined)
    if (ends !== this.#ends) return
    const kept = this.#toKeep(value)
    if (this.#held(key, kept, 'store') === undefined) return
    memory.set(key, kept)
    shared?.put(key, value, kept.edgeMs - knowledge.latestDatabaseMs(clock.monotonicMs()))
  }

  #toKeep(value: V): Kept<V> {
    return { value, edgeMs: this.#needs.edgeMs(value) }
  }
}
