/** Who has a key, or an id, from memory while knowledge says that no caller changed. Does not judge what a caller may. Floor 3. */
import type { MemoryLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import type { CallerReading, CallerRecord } from '../model/caller.ts'
import type { IdentityReader } from '../store/identity-ports.ts'
import type { RecordReader } from '../store/ports.ts'
import { FreshReader, type Kept, type ReadObserver, type Validity } from './fresh-reader.ts'
import type { Knowledge } from './knowledge.ts'
import { memoryByText } from './memory-by-text.ts'

export interface CallerFinder {
  /** As findByKeyHash, of what memory has: `undefined` where it has none that holds at this moment. Never waits. */
  recallByKeyHash(keyHash: Uint8Array): CallerRecord | undefined
  /** Waits as long as the store's own limits let it. By SHA-256 of the key; only a caller that is neither revoked nor expired. @throws StoreError when that cannot be said freshly */
  findByKeyHash(keyHash: Uint8Array): Promise<CallerRecord | undefined>
  /** As findByKeyHash. */
  findById(id: string): Promise<CallerRecord | undefined>
}

export interface CallerFinderNeeds {
  readonly records: Pick<RecordReader, 'findCallerByKeyHash'>
  readonly identity: Pick<IdentityReader, 'findCallerById'>
  readonly memory: MemoryLevel<Kept<CallerReading>>
  readonly knowledge: Knowledge
  readonly catchUp: () => Promise<void>
  readonly clock: Clock
  readonly holds: Validity
  readonly observe: ReadObserver
}

const CALLER_BYTES = 600
/** Longer than any digest, so that no id can stand for a key. */
const ID_PREFIX = 'the caller that has this very id: '

export function openCallerFinder(needs: CallerFinderNeeds): CallerFinder & { clear(): void } {
  const common = {
    ...needs,
    shared: undefined,
    lastChange: () => needs.knowledge.lastCallerChange(),
    edgeMs: ({ caller }: CallerReading) => caller?.expiresAtMs ?? Number.POSITIVE_INFINITY,
  }
  // Keys that nobody has are not kept: whoever tries keys must not push out those who have one.
  const bytesOf = ({ caller }: CallerReading) => caller && CALLER_BYTES + 2 * JSON.stringify(caller.tenants ?? []).length
  const level = needs.memory
  const keyText = (keyHash: Uint8Array) => Buffer.from(keyHash).toString('latin1')
  const idText = (id: string) => `${ID_PREFIX}${id}`
  const byKey = new FreshReader<Uint8Array, CallerReading>({
    ...common,
    memory: memoryByText({ level, textOf: keyText, bytesOf }),
    textOf: keyText,
    load: (keyHash) => needs.records.findCallerByKeyHash(keyHash),
  })
  const byId = new FreshReader<string, CallerReading>({
    ...common,
    memory: memoryByText({ level, textOf: idText, bytesOf }),
    textOf: idText,
    load: (id) => needs.identity.findCallerById(id),
  })
  return {
    recallByKeyHash: (keyHash) => {
      const caller = byKey.recall(keyHash, undefined)?.value.caller
      if (caller !== undefined) byKey.recalled()
      return caller
    },
    findByKeyHash: async (keyHash) => (await byKey.read(keyHash, undefined)).value.caller,
    findById: async (id) => (await byId.read(id, undefined)).value.caller,
    clear: () => {
      byKey.clear()
      byId.clear()
    },
  }
}
