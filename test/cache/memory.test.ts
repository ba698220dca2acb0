import { describe, expect, it } from '@jest/globals'
import { openMemoryLevel } from '../../src/cache/memory.ts'

describe('the level in memory', () => {
  it('gives back the very thing that was kept, and nothing for other keys', () => {
    const level = openMemoryLevel<object>({ entriesMax: 10, bytesMax: 1_000 })
    const value = {}
    level.set('__proto__', value, 10)
    expect(level.get('__proto__')).toBe(value)
    expect(level.get('constructor')).toBeUndefined()
  })

  it('never holds more entries than it may; the least recently used goes first', () => {
    const level = openMemoryLevel<number>({ entriesMax: 2, bytesMax: 1_000 })
    level.set('a', 1, 1)
    level.set('b', 2, 1)
    level.get('a')
    level.set('c', 3, 1)
    expect([level.get('a'), level.get('b'), level.get('c'), level.entries]).toEqual([1, undefined, 3, 2])
  })

  it('never holds more bytes than it may, counting what replaces an entry once', () => {
    const level = openMemoryLevel<number>({ entriesMax: 100, bytesMax: 100 })
    for (let index = 0; index < 50; index++) {
      level.set(`key ${index % 20}`, index, 1 + (index % 40))
      expect(level.bytes).toBeLessThanOrEqual(100)
    }
    level.clear()
    expect([level.entries, level.bytes]).toEqual([0, 0])
    level.set('a', 1, 60)
    level.set('a', 2, 40.2)
    expect([level.entries, level.bytes, level.get('a')]).toEqual([1, 41, 2])
  })

  it('does not keep what is larger than all of it, nor what that was to replace', () => {
    const level = openMemoryLevel<number>({ entriesMax: 100, bytesMax: 100 })
    level.set('a', 1, 1)
    level.set('a', 2, 101)
    expect([level.get('a'), level.entries, level.bytes]).toEqual([undefined, 0, 0])
  })

  it('counts an entry of no size as one byte rather than refusing it', () => {
    const level = openMemoryLevel<number>({ entriesMax: 100, bytesMax: 100 })
    level.set('a', 1, 0)
    expect([level.get('a'), level.bytes]).toEqual([1, 1])
  })
})
