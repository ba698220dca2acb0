/** Who has a key, from memory while knowledge says that no caller changed. Does not judge what a caller may. Floor 3. */
import type { MemoryLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import type { CallerReading, CallerRecord } from '../model/caller.ts'
import type { RecordReader } from '../store/ports.ts'
import { FreshReader, type Kept, type ReadObserver, type Validity } from './fresh-reader.ts'
import type { Knowledge } from './knowledge.ts'

export interface CallerFinder {
  /** Waits as long as the store's own limits let it. By SHA-256 of the key; only a caller that is neither revoked nor expired. @throws StoreError when that cannot be said freshly */
  findByKeyHash(keyHash: Uint8Array): Promise<CallerRecord | undefined>
}

export interface CallerFinderNeeds {
  readonly records: Pick<RecordReader, 'findCallerByKeyHash'>
  readonly memory: MemoryLevel<Kept<CallerReading>>
  readonly knowledge: Knowledge
  readonly catchUp: () => Promise<void>
  readonly clock: Clock
  readonly holds: Validity
  readonly observe: ReadObserver
}

const CALLER_BYTES = 600

export function openCallerFinder(needs: CallerFinderNeeds): CallerFinder & { clear(): void } {
  const reader = new FreshReader<Uint8Array, CallerReading>({
    ...needs,
    shared: undefined,
    textOf: (keyHash) => Buffer.from(keyHash).toString('latin1'),
    load: (keyHash) => needs.records.findCallerByKeyHash(keyHash),
    lastChange: () => needs.knowledge.lastCallerChange(),
    edgeMs: ({ caller }) => caller?.expiresAtMs ?? Number.POSITIVE_INFINITY,
    // Keys that nobody has are not kept: whoever tries keys must not push out those who have one.
    bytesOf: ({ caller }) => (caller === undefined ? undefined : CALLER_BYTES + 2 * JSON.stringify(caller.tenants ?? []).length),
  })
  return {
    findByKeyHash: async (keyHash) => (await reader.read(keyHash, undefined)).value.caller,
    clear: () => reader.clear(),
  }
}
