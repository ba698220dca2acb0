/** The in-process level, over lru-cache. Does not know what it keeps, nor whether that still holds. Floor 2. */
import { LRUCache } from 'lru-cache'
import type { MemoryLevel } from './ports.ts'

export interface MemoryBounds {
  readonly entriesMax: number
  readonly bytesMax: number
}

/** Empty, and never beyond its bounds; an entry larger than all of it is not kept, nor what was under its key before. */
export function openMemoryLevel<V extends NonNullable<unknown>>({ entriesMax, bytesMax }: MemoryBounds): MemoryLevel<V> {
  const kept = new LRUCache<string, V>({ max: entriesMax, maxSize: bytesMax })
  return {
    get: (key) => kept.get(key),
    set: (key, value, bytes) => {
      kept.set(key, value, { size: Math.max(1, Math.ceil(bytes)) })
    },
    clear: () => kept.clear(),
    get entries() {
      return kept.size
    },
    get bytes() {
      return kept.calculatedSize
    },
  }
}
