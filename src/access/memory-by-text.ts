/** A level whose keys are texts, asked by keys of another kind. Judges nothing. Floor 3. */
import type { MemoryLevel } from '../cache/ports.ts'
import type { Kept, KeyedMemory } from './fresh-reader.ts'

export interface ByTextNeeds<K, V> {
  readonly level: MemoryLevel<Kept<V>>
  /** One text for one key, of no other key. */
  readonly textOf: (key: K) => string
  /** About what it takes in memory; `undefined`: not worth keeping. */
  readonly bytesOf: (value: V) => number | undefined
}

export function memoryByText<K, V>({ level, textOf, bytesOf }: ByTextNeeds<K, V>): KeyedMemory<K, V> {
  return {
    get: (key) => level.get(textOf(key)),
    set(key, kept) {
      const bytes = bytesOf(kept.value)
      const text = textOf(key)
      if (bytes !== undefined) level.set(text, kept, bytes + 2 * text.length)
    },
    clear: () => level.clear(),
  }
}
