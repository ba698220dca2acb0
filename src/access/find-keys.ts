/** The signing keys that are published, from memory while knowledge says that none changed. Verifies nothing (token/verify.ts). Floor 3. */
import type { MemoryLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import type { IdentityReader, KeysReading } from '../store/identity-ports.ts'
import { type Found, FreshReader, type Kept, type ReadObserver, type Validity } from './fresh-reader.ts'
import type { Knowledge } from './knowledge.ts'

export interface KeyFinder {
  /** Not retired. @throws StoreError when that cannot be said freshly; ServiceError as AccessResolver.resolve */
  find(minPosition: number | undefined, signal?: AbortSignal): Promise<Found<KeysReading>>
  /** Whether what was found a while ago can be an answer at this moment. */
  isCurrent(found: Found<KeysReading>): boolean
}

export interface KeyFinderNeeds {
  readonly identity: Pick<IdentityReader, 'findKeys'>
  readonly memory: MemoryLevel<Kept<KeysReading>>
  readonly knowledge: Knowledge
  readonly catchUp: () => Promise<void>
  readonly clock: Clock
  readonly holds: Validity
  readonly observe: ReadObserver
}

const KEY_BYTES = 2_000

export function openKeyFinder(needs: KeyFinderNeeds): KeyFinder & { clear(): void } {
  const reader = new FreshReader<undefined, KeysReading>({
    ...needs,
    shared: undefined,
    textOf: () => 'keys',
    load: () => needs.identity.findKeys(),
    // They change as callers do: seldom, and by the same word in the feed, which every replica knows.
    lastChange: () => needs.knowledge.lastCallerChange(),
    edgeMs: ({ keys }) => keys.reduce((edgeMs, { retiresAtMs }) => Math.min(edgeMs, retiresAtMs ?? edgeMs), Number.POSITIVE_INFINITY),
    bytesOf: ({ keys }) => KEY_BYTES * (1 + keys.length),
  })
  return {
    find: (minPosition, signal) => reader.read(undefined, minPosition, signal),
    isCurrent: (found) => reader.isCurrent(undefined, found),
    clear: () => reader.clear(),
  }
}
