/** The two levels in which access states are kept. Neither is ever trusted to be fresh: access/ judges what they give. Floor 2. */
import type { AccessState } from '../model/access-state.ts'

/** The in-process level: bounded by entries and by bytes; the least recently used goes first. */
export interface MemoryLevel<V> {
  get(key: string): V | undefined
  /** @param bytes about what key and value take in memory */
  set(key: string, value: V, bytes: number): void
  clear(): void
  readonly entries: number
  readonly bytes: number
}

/** A state from memory; nobody changes it. */
export interface KeptState {
  readonly value: AccessState
  /** `nextEdgeMs` of it. */
  readonly edgeMs: number
}

/** The in-process level for access states: bounded by entries and by bytes; what was not asked for lately goes first. */
export interface StateLevel {
  /** Makes nothing for what was asked for lately. */
  get(tenant: string, user: string): KeptState | undefined
  /** Attributes are kept as JSON has them. */
  set(tenant: string, user: string, state: AccessState): void
  clear(): void
  readonly entries: number
  /** About what it takes: states, ids, and the maps around them. */
  readonly bytes: number
}

/** What the shared level has to know of the database, told after each reading of the feed. */
export interface DatabaseIdentity {
  readonly incarnation: string
  /** 32 bytes that Redis does not know: values are authenticated with them, so that Redis can lose or delay them but not make them up. */
  readonly secret: Uint8Array
  readonly head: number
}

/** The level that replicas share. A fault of it is a miss, never an error of the caller. */
export interface SharedLevel {
  /** At most REDIS_DEADLINE_MS; a miss for everything that is not whole, authentic and of this very pair. Never throws. */
  get(tenant: string, user: string): Promise<AccessState | undefined>
  /** Never waits, never throws. @param ttlMs at most this long, and never longer than SHARED_ENTRY_TTL_MS */
  put(tenant: string, user: string, state: AccessState, ttlMs: number): void
  /**
   * After each reading of the feed. Until the first one, after each new connection, and after the first one for FRESHNESS_BOUND_MS, `get`
   * misses until the highest head that any replica told Redis was compared with this one.
   */
  observe(identity: DatabaseIdentity): void
  /**
   * Redis was told of a higher head than the one observed, whenever that is found: another replica is ahead of this one, which the next
   * reading shows, or the database was restored. Told again, about every SHARED_HEAD_ALARM_MS, for as long as observations stay below it; `get`
   * misses meanwhile. Replaces the listener.
   */
  onHeadAhead(listener: (head: number) => void): void
}

/** Counts attempts; the count holds under parallel requests, and over all processes where they share Redis. */
export interface Limiter {
  /**
   * Counts one attempt, also one that is refused.
   * @param key says what is counted; who is counted only as a digest
   * @returns milliseconds until the window ends when this attempt is one too many, otherwise 0
   */
  take(key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number>
  /** Counts nothing. @returns milliseconds until the window ends when one more attempt would be one too many, otherwise 0 */
  look(key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number>
}
