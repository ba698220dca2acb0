import { beforeEach, describe, expect, it } from '@jest/globals'
import { type Dated, FreshReader, type FreshReaderNeeds, holds, type Kept, type SharedFor } from '../../src/access/fresh-reader.ts'
import { Knowledge } from '../../src/access/knowledge.ts'
import { memoryByText } from '../../src/access/memory-by-text.ts'
import { momentOf } from '../../src/access/moment.ts'
import { openMemoryLevel } from '../../src/cache/memory.ts'
import type { Level } from '../../src/model/access-state.ts'
import { StoreError } from '../../src/model/error-code.ts'
import { FRESHNESS_BOUND_MS, RESOLVE_ATTEMPTS_MAX } from '../../src/model/limits.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

interface Value extends Dated {
  readonly text: string
  readonly edgeMs?: number
}
interface Load {
  readonly key: string
  answer(value: Partial<Value>): void
  fail(): void
}

const NEVER = new AbortController().signal
/** The database's clock is ahead of ours by this. */
const OFFSET_MS = 50_000

let clock: ManualClock
let knowledge: Knowledge
let loads: Load[]
let seen: { answered: Level[]; outdated: string[]; refused: number; readings: number }
let lastChange: number

function open(shared?: SharedFor<string, Value>, more: Partial<FreshReaderNeeds<string, Value>> = {}): FreshReader<string, Value> {
  return new FreshReader<string, Value>({
    clock,
    knowledge,
    holds,
    memory: memoryByText({
      level: openMemoryLevel<Kept<Value>>({ entriesMax: 10, bytesMax: 10_000 }),
      textOf: (key) => key,
      bytesOf: () => 10,
    }),
    shared,
    textOf: (key) => key,
    load: (key) =>
      new Promise((resolve, reject) => {
        loads.push({
          key,
          answer: (value) => resolve({ position: 10, text: 'loaded', ...value }),
          fail: () => reject(new StoreError('gone')),
        })
      }),
    lastChange: () => lastChange,
    catchUp: async () => {
      seen.readings++
    },
    edgeMs: (value) => value.edgeMs ?? Number.POSITIVE_INFINITY,
    observe: {
      answered: (level) => seen.answered.push(level),
      outdated: (level) => seen.outdated.push(level),
      refused: () => {
        seen.refused++
      },
    },
    ...more,
  })
}

/** A reading of the feed that reached position 10 just now. */
function readFeed(): void {
  knowledge.reach(10)
  knowledge.catchUp({ sent: momentOf(clock), atMs: OFFSET_MS + clock.nowMs() })
}

async function answering(question: Promise<unknown>, load: number, value: Partial<Value> = {}): Promise<unknown> {
  await settle()
  loads[load]?.answer(value)
  return await question
}

beforeEach(() => {
  clock = new ManualClock()
  knowledge = new Knowledge(100, clock)
  knowledge.restart('one', 0)
  readFeed()
  loads = []
  lastChange = 0
  seen = { answered: [], outdated: [], refused: 0, readings: 0 }
})

describe('reading through memory', () => {
  it('asks the store once and memory from then on', async () => {
    const reader = open()
    expect(await answering(reader.read('a', undefined, NEVER), 0)).toMatchObject({ level: 'store', value: { text: 'loaded' } })
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'memory', value: { text: 'loaded' } })
    expect(loads).toHaveLength(1)
    expect(seen.answered).toEqual(['store', 'memory'])
  })

  it('answers the known position: what nothing touched since holds up to there', async () => {
    const reader = open()
    await answering(reader.read('a', undefined, NEVER), 0, { position: 8 })
    knowledge.reach(99)
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'memory', position: 99 })
  })

  it('does not use what a later change touched, whether or not anybody deleted it', async () => {
    const reader = open()
    await answering(reader.read('a', undefined, NEVER), 0)
    lastChange = 11
    expect(await answering(reader.read('a', undefined, NEVER), 1, { position: 11, text: 'new' })).toMatchObject({ value: { text: 'new' } })
    expect(seen.outdated).toEqual(['memory'])
  })

  it('uses memory no longer than the freshness bound without a reading, and asks the store then', async () => {
    const reader = open()
    await answering(reader.read('a', undefined, NEVER), 0)
    await clock.pass(FRESHNESS_BOUND_MS - 1)
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'memory' })
    await clock.pass(1)
    expect(await answering(reader.read('a', undefined, NEVER), 1)).toMatchObject({ level: 'store' })
    expect(await answering(reader.read('a', undefined, NEVER), 2)).toMatchObject({ level: 'store' })
  })

  it('reads again from the instant on at which a window begins or ends, on the database’s clock', async () => {
    const reader = open()
    await answering(reader.read('a', undefined, NEVER), 0, { edgeMs: OFFSET_MS + clock.nowMs() + 300 })
    // The database's clock may be one percent faster, and tells whole milliseconds.
    await clock.pass(296)
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'memory' })
    await clock.pass(1)
    expect(await answering(reader.read('a', undefined, NEVER), 1)).toMatchObject({ level: 'store' })
  })

  it('keeps what is ahead of the feed as soon as the feed is there, and not before', async () => {
    let read: () => void = () => undefined
    const reader = open(undefined, {
      catchUp: () =>
        new Promise((resolve) => {
          read = resolve
        }),
    })
    await answering(reader.read('a', undefined, NEVER), 0, { position: 11 })
    await answering(reader.read('a', undefined, NEVER), 1, { position: 11 })
    knowledge.reach(11)
    read()
    await settle()
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'memory' })
  })

  it('keeps nothing that was being read while everything was dropped, and asks again', async () => {
    const reader = open()
    const question = reader.read('a', undefined, NEVER)
    await settle()
    reader.clear()
    loads[0]?.answer({ text: 'of a database that is gone' })
    expect(await answering(question, 1, { text: 'asked again' })).toMatchObject({ value: { text: 'asked again' } })
  })

  it('keeps nothing that was overtaken while it was loaded', async () => {
    const reader = open()
    const question = reader.read('a', undefined, NEVER)
    await settle()
    lastChange = 11
    loads[0]?.answer({ position: 10, text: 'from before' })
    // The question came before the change could be acknowledged, so it may be answered from before; the next one may not.
    expect(await question).toMatchObject({ value: { text: 'from before' }, position: 10 })
    expect(await answering(reader.read('a', undefined, NEVER), 1, { position: 11 })).toMatchObject({ level: 'store' })
  })
})

describe('one load for many', () => {
  it('is shared by all who ask meanwhile', async () => {
    const reader = open()
    const questions = Array.from({ length: 20 }, () => reader.read('a', undefined, NEVER))
    await answering(questions[0] ?? Promise.reject(), 0)
    expect((await Promise.all(questions)).map((found) => found.value.text)).toEqual(Array(20).fill('loaded'))
    expect(loads).toHaveLength(1)
  })

  it('is not good for a question that came later when something changed meanwhile: that one has a load of its own', async () => {
    const reader = open()
    const early = reader.read('a', undefined, NEVER)
    await settle()
    await clock.pass(5)
    const late = reader.read('a', undefined, NEVER)
    lastChange = 11
    loads[0]?.answer({ position: 10, text: 'from before' })
    expect(await early).toMatchObject({ value: { text: 'from before' } })
    expect(await answering(late, 1, { position: 11, text: 'new' })).toMatchObject({ value: { text: 'new' } })
  })

  it('is not joined by a replica that is not fresh, and still there is one at a time', async () => {
    const reader = open()
    await clock.pass(FRESHNESS_BOUND_MS)
    const first = reader.read('a', undefined, NEVER)
    await settle()
    const others = [reader.read('a', undefined, NEVER), reader.read('a', undefined, NEVER)]
    await settle()
    expect(loads).toHaveLength(1)
    await answering(first, 0)
    await settle()
    expect(loads).toHaveLength(2)
    loads[1]?.answer({ text: 'second' })
    expect((await Promise.all(others)).map((found) => found.value.text)).toEqual(['second', 'second'])
  })

  it('is kept by nobody when it fails, and the next question tries anew', async () => {
    const reader = open()
    const question = reader.read('a', undefined, NEVER)
    await settle()
    loads[0]?.fail()
    await expect(question).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(seen.refused).toBe(1)
    expect(await answering(reader.read('a', undefined, NEVER), 1)).toMatchObject({ level: 'store' })
  })

  it('is not kept when all who asked have gone before it ended', async () => {
    const reader = open()
    const gone = new AbortController()
    const question = reader.read('a', undefined, gone.signal)
    await settle()
    gone.abort()
    await expect(question).rejects.toMatchObject({ code: 'cancelled' })
    loads[0]?.answer({ text: 'unwanted' })
    await settle()
    expect(await answering(reader.read('a', undefined, NEVER), 1)).toMatchObject({ value: { text: 'loaded' }, level: 'store' })
  })
})

describe('a store that is slow', () => {
  it('is not believed when its answer is older than the freshness bound and nothing else shows that it holds', async () => {
    const reader = open()
    await clock.pass(FRESHNESS_BOUND_MS)
    const question = reader.read('a', undefined, NEVER)
    for (let attempt = 0; attempt < RESOLVE_ATTEMPTS_MAX; attempt++) {
      await settle()
      await clock.pass(FRESHNESS_BOUND_MS)
      loads[attempt]?.answer({})
    }
    await expect(question).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(loads).toHaveLength(RESOLVE_ATTEMPTS_MAX)
    expect(seen.refused).toBe(1)
  })

  it('is believed however slow it was when knowledge shows that nothing changed since', async () => {
    const reader = open()
    const question = reader.read('a', undefined, NEVER)
    await settle()
    for (let half = 0; half < 10; half++) {
      await clock.pass(FRESHNESS_BOUND_MS / 2)
      readFeed()
    }
    expect(await answering(question, 0)).toMatchObject({ level: 'store', value: { text: 'loaded' } })
    expect(loads).toHaveLength(1)
  })

  it('is asked again when the database was out of sight meanwhile: the answer may be of one that is gone', async () => {
    const reader = open()
    const question = reader.read('a', undefined, NEVER)
    await settle()
    await clock.pass(FRESHNESS_BOUND_MS)
    readFeed()
    loads[0]?.answer({ text: 'gone' })
    expect(await answering(question, 1)).toMatchObject({ level: 'store', value: { text: 'loaded' } })
  })
})

describe('a question with a position', () => {
  it('is answered from memory when all up to there is known', async () => {
    const reader = open()
    await answering(reader.read('a', undefined, NEVER), 0, { position: 3 })
    expect(await reader.read('a', 10, NEVER)).toMatchObject({ level: 'memory', position: 10 })
    expect(seen.readings).toBe(0)
  })

  it('has the feed read first when it is ahead of what is known', async () => {
    const reader = open(undefined, {
      catchUp: async () => {
        knowledge.reach(12)
        knowledge.catchUp({ sent: momentOf(clock), atMs: OFFSET_MS + clock.nowMs() })
      },
    })
    await answering(reader.read('a', undefined, NEVER), 0)
    lastChange = 12
    expect(await answering(reader.read('a', 12, NEVER), 1, { position: 12 })).toMatchObject({ level: 'store', position: 12 })
  })

  it('is answered by the store when the feed cannot be read', async () => {
    const reader = open(undefined, { catchUp: () => Promise.reject(new StoreError('no feed')) })
    expect(await answering(reader.read('a', 12, NEVER), 0, { position: 12 })).toMatchObject({ level: 'store', position: 12 })
  })

  it('fails when the feed was read and is not there yet, without asking the store: any caller may name any position', async () => {
    const reader = open()
    await expect(reader.read('a', 12, NEVER)).rejects.toMatchObject({ code: 'position_not_reached' })
    expect(loads).toHaveLength(0)
  })

  it('fails when the feed cannot be read and the store is not there yet', async () => {
    const reader = open(undefined, { catchUp: () => Promise.reject(new StoreError('no feed')) })
    const question = expect(reader.read('a', 12, NEVER)).rejects.toMatchObject({ code: 'position_not_reached' })
    await answering(Promise.resolve(), 0, { position: 11 })
    await question
  })

  it('is answered from memory after one reading of the feed when that shows that what is kept still holds', async () => {
    const reader = open(undefined, {
      catchUp: async () => {
        knowledge.reach(12)
      },
    })
    await answering(reader.read('a', undefined, NEVER), 0)
    expect(await reader.read('a', 12, NEVER)).toMatchObject({ level: 'memory', position: 12 })
  })
})

describe('reading through the level that replicas share', () => {
  function openShared(): SharedFor<string, Value> & { readonly held: Map<string, Value>; readonly puts: [string, Value, number][] } {
    const held = new Map<string, Value>()
    const puts: [string, Value, number][] = []
    return {
      held,
      puts,
      get: async (key) => held.get(key),
      put: (key, value, ttlMs) => void puts.push([key, value, ttlMs]),
    }
  }

  it('answers from it, and from memory the next time', async () => {
    const shared = openShared()
    shared.held.set('a', { position: 10, text: 'shared' })
    const reader = open(shared)
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'redis', value: { text: 'shared' } })
    expect(await reader.read('a', undefined, NEVER)).toMatchObject({ level: 'memory', value: { text: 'shared' } })
    expect(loads).toHaveLength(0)
  })

  it('refuses what came too late, was resurrected or is past its edge, and asks the store', async () => {
    const shared = openShared()
    const reader = open(shared)
    lastChange = 5
    for (const [load, stale] of [
      { position: 4, text: 'resurrected' },
      { position: 9, text: 'over', edgeMs: OFFSET_MS + clock.nowMs() },
    ].entries()) {
      shared.held.set(`key-${load}`, stale)
      expect(await answering(reader.read(`key-${load}`, undefined, NEVER), load)).toMatchObject({ level: 'store' })
    }
    expect(seen.outdated).toEqual(['redis', 'redis'])
  })

  it('is not asked while this replica is not fresh: nothing it says could be judged', async () => {
    const shared = openShared()
    shared.held.set('a', { position: 10, text: 'shared' })
    const reader = open(shared)
    await clock.pass(FRESHNESS_BOUND_MS)
    expect(await answering(reader.read('a', undefined, NEVER), 0)).toMatchObject({ level: 'store' })
    expect(shared.puts).toHaveLength(0)
  })

  it('is filled with what was loaded, for no longer than until its next edge', async () => {
    const shared = openShared()
    const reader = open(shared)
    await answering(reader.read('a', undefined, NEVER), 0)
    await answering(reader.read('b', undefined, NEVER), 1, { edgeMs: OFFSET_MS + clock.nowMs() + 301 })
    expect(shared.puts.map(([key, , ttlMs]) => [key, ttlMs])).toEqual([
      ['a', Number.POSITIVE_INFINITY],
      ['b', 300],
    ])
  })
})
