/** The signing keys that are published, from memory while knowledge says that none changed. Verifies nothing (token/verify.ts). Floor 3. */
import type { MemoryLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import { Coalesced } from '../ground/coalesce.ts'
import { UNKNOWN_KEY_CATCH_UP_MS_MIN } from '../model/identity-limits.ts'
import type { IdentityReader, KeysReading } from '../store/identity-ports.ts'
import { abortable } from './abortable.ts'
import type { DatabaseTime } from './database-time.ts'
import { type Found, FreshReader, type Kept, type ReadObserver, type Validity } from './fresh-reader.ts'
import type { Knowledge } from './knowledge.ts'
import { memoryByText } from './memory-by-text.ts'
import { momentOf } from './moment.ts'

export interface KeyFinder {
  /** Not retired. @throws StoreError when that cannot be said freshly; ServiceError as AccessResolver.resolve */
  find(minPosition: number | undefined, signal?: AbortSignal): Promise<Found<KeysReading>>
  /** Whether what was found a while ago can be an answer at this moment. */
  isCurrent(found: Found<KeysReading>): boolean
  /**
   * Learns of keys that came into being just now: by one reading of the feed for all who ask, UNKNOWN_KEY_CATCH_UP_MS_MIN after the last at the
   * earliest. A feed that cannot be read changes nothing: what is found is as fresh as ever, or a fault.
   * @returns whether there is anything to look for again
   */
  catchUp(signal?: AbortSignal): Promise<boolean>
}

export interface KeyFinderNeeds {
  readonly identity: Pick<IdentityReader, 'findKeys'>
  readonly memory: MemoryLevel<Kept<KeysReading>>
  readonly knowledge: Knowledge
  readonly catchUp: () => Promise<void>
  readonly clock: Clock
  readonly time: Pick<DatabaseTime, 'note'>
  readonly holds: Validity
  readonly observe: ReadObserver
}

const KEY_BYTES = 2_000

export function openKeyFinder(needs: KeyFinderNeeds): KeyFinder & { clear(): void } {
  const textOf = () => 'keys'
  const bytesOf = ({ keys }: KeysReading) => KEY_BYTES * (1 + keys.length)
  const reader = new FreshReader<undefined, KeysReading>({
    ...needs,
    memory: memoryByText({ level: needs.memory, textOf, bytesOf }),
    shared: undefined,
    textOf,
    load: async () => {
      const asked = momentOf(needs.clock)
      const reading = await needs.identity.findKeys()
      needs.time.note(asked, reading.readAtMs)
      return reading
    },
    // They change as callers do: seldom, and by the same word in the feed, which every replica knows.
    lastChange: () => needs.knowledge.lastCallerChange(),
    edgeMs: ({ keys }) => keys.reduce((edgeMs, { retiresAtMs }) => Math.min(edgeMs, retiresAtMs ?? edgeMs), Number.POSITIVE_INFINITY),
  })
  const feed = new Coalesced(() => needs.catchUp())
  let nextAtMs = Number.NEGATIVE_INFINITY
  return {
    async catchUp(signal) {
      const nowMs = needs.clock.monotonicMs()
      if (feed.idle) {
        if (nowMs < nextAtMs) return false
        nextAtMs = nowMs + UNKNOWN_KEY_CATCH_UP_MS_MIN
      }
      await abortable(
        feed.join().catch(() => undefined),
        signal,
      )
      return true
    },
    find: (minPosition, signal) => reader.read(undefined, minPosition, signal),
    isCurrent: (found) => reader.isCurrent(undefined, found),
    clear: () => reader.clear(),
  }
}
