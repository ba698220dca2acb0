/** Every record that was kept is counted once, as written or as lost, whatever a sink does. */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type DecisionLog, openDecisionLog } from '../../../src/decision/log/decision-log.ts'
import { entryOf, type LogEntry, recordIn } from '../../../src/decision/log/entry.ts'
import { PackedLines } from '../../../src/decision/log/packed-lines.ts'
import { recordOf } from '../../../src/decision/log/record.ts'
import { type DecisionSink, RefusedError, type SinkPace } from '../../../src/decision/log/sink.ts'
import { openLog } from '../../../src/ground/log.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { DecisionRecord } from '../../../src/model/decision-record.ts'
import {
  DECISIONS_WAITING_MAX,
  SINK_BYTES_MAX,
  SINK_CLOSE_MS,
  SINK_LOSING_QUIET_MS,
  SINK_RECORDS_MAX,
} from '../../../src/model/observation-limits.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { answersOf, decided, decisionOf, held } from './decided.ts'

const PACE: SinkPace = { recordsMax: 10, bytesMax: 100_000, lingerMs: 200, pauseMs: 0 }
const ALLOW = decisionOf('d', [held('a-1', 'reader')], { permission: 'quote.read' })

/** What the receiver of a test does with one batch. */
type Behaviour = (batch: readonly LogEntry[], signal: AbortSignal) => Promise<number>

class Receiver implements DecisionSink {
  readonly name
  readonly got: string[] = []
  toldLost = 0
  closed = false
  behave: Behaviour = async () => 0
  constructor(name: DecisionSink['name'] = 'file') {
    this.name = name
  }
  async write(batch: readonly LogEntry[], signal: AbortSignal): Promise<number> {
    const refused = await this.behave(batch, signal)
    for (const entry of batch.slice(0, batch.length - refused)) this.got.push(recordIn(entry).id)
    return refused
  }
  async tellLost(count: number): Promise<void> {
    this.toldLost += count
  }
  async close(): Promise<void> {
    this.closed = true
  }
}

interface World {
  readonly clock: ManualClock
  readonly log: DecisionLog
  readonly lines: Record<string, unknown>[]
  decide(count: number): void
  of(sink: Receiver): { written: number; lost: number; buffered: number; errors: number; reasons: Record<string, number> }
}

function open(sinks: readonly Receiver[], sample = 1, pace = PACE): World {
  const clock = new ManualClock()
  const lines: Record<string, unknown>[] = []
  const log = openDecisionLog({
    ...{ replica: 'replica-1', sample, mask: undefined, clock, random: systemRandom },
    sinks: sinks.map((sink) => ({ sink, pace })),
    log: openLog('info', { write: (line) => void lines.push(JSON.parse(line)) }),
  })
  let made = 0
  return {
    ...{ clock, log, lines },
    decide(count) {
      for (let index = 0; index < count; index += 1) log.decided(decided({ ...ALLOW, decisionId: `d-${made++}` }))
    },
    of(sink) {
      const counts = log.counts()[sinks.indexOf(sink)]
      if (counts === undefined) throw new Error('no such sink')
      const lost = Object.values(counts.lost).reduce((sum, count) => sum + count, 0)
      return { written: counts.written, lost, buffered: counts.buffered, errors: counts.errors, reasons: { ...counts.lost } }
    },
  }
}

async function drained(): Promise<void> {
  // A slice a turn, some milliseconds each.
  for (let index = 0; index < 200; index += 1) await turn()
}

describe('the decision log', () => {
  it('counts each decision exactly once for each sink, as written or as lost, whatever sinks do and whenever it is closed', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ decide: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 4, arbitrary: fc.record({ passMs: fc.integer({ min: 1, max: 40_000 }) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          sink: fc.nat(2),
          behave: fc.constantFrom('works', 'fails', 'refuses', 'refuses one', 'rejects some', 'hangs', 'slow', 'writes and fails'),
        }),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const sinks = [new Receiver('file'), new Receiver('otlp'), new Receiver('postgres')]
        const world = open(sinks)
        let total = 0
        for (const one of steps) {
          if ('decide' in one) {
            world.decide(one.decide)
            total += one.decide
          } else if ('passMs' in one) await world.clock.pass(one.passMs)
          else {
            const sink = sinks[one.sink] as Receiver
            sink.behave = behaviour(one.behave, sink, world.clock)
          }
          await turn()
          for (const sink of sinks) {
            const { written, lost, buffered } = world.of(sink)
            expect(written + lost + buffered).toBe(total)
          }
        }
        const closing = world.log.close()
        await world.clock.pass(SINK_CLOSE_MS + 1)
        await closing
        for (const sink of sinks) {
          const { written, lost, buffered } = world.of(sink)
          expect({ sum: written + lost, buffered }).toEqual({ sum: total, buffered: 0 })
          // At least once: what counts as written is there, and what is not there counts as lost.
          expect(new Set(sink.got).size).toBeGreaterThanOrEqual(written)
          expect(sink.closed).toBe(true)
        }
        // Whoever answers after the end changes nothing.
        const before = sinks.map((sink) => world.of(sink))
        await world.clock.pass(100_000)
        expect(sinks.map((sink) => world.of(sink))).toEqual(before)
      }),
      { numRuns: 100 },
    )
  })

  it('writes each record once while its sink works, in order', async () => {
    const sink = new Receiver()
    const world = open([sink])
    world.decide(35)
    await drained()
    await world.clock.pass(1_000)
    expect(sink.got).toEqual(Array.from({ length: 35 }, (_, index) => `d-${index}`))
    expect(world.of(sink)).toMatchObject({ written: 35, lost: 0, buffered: 0, errors: 0 })
  })

  it('writes a batch that failed again, whole', async () => {
    const sink = new Receiver()
    const world = open([sink])
    sink.behave = behaviour('fails', sink, world.clock)
    world.decide(3)
    await drained()
    await world.clock.pass(1_000)
    expect(world.of(sink)).toMatchObject({ written: 0, lost: 0, buffered: 3 })
    sink.behave = async () => 0
    await world.clock.pass(10_000)
    expect(world.of(sink)).toMatchObject({ written: 3, lost: 0, buffered: 0 })
  })

  it('finds the one record that a sink refuses, and loses no other', async () => {
    const sink = new Receiver()
    const world = open([sink])
    sink.behave = async (batch) => {
      if (batch.some((entry) => recordIn(entry).id === 'd-6')) throw new RefusedError('no')
      return 0
    }
    world.decide(10)
    await drained()
    await world.clock.pass(1_000)
    expect(world.of(sink)).toMatchObject({ written: 9, reasons: { failed: 1 } })
    expect(sink.got).not.toContain('d-6')
  })

  it('holds back no more than its bound for a sink that is away, and the others notice nothing', async () => {
    const [dead, living] = [new Receiver('redis'), new Receiver('file')]
    const world = open([dead, living])
    dead.behave = () => new Promise(() => undefined)
    const rounds = 5
    for (let round = 0; round < rounds; round += 1) {
      world.decide(SINK_RECORDS_MAX / 3)
      await drained()
      await world.clock.pass(300)
    }
    const total = rounds * (SINK_RECORDS_MAX / 3)
    expect(world.of(dead)).toMatchObject({ written: 0, buffered: SINK_RECORDS_MAX, reasons: { full: total - SINK_RECORDS_MAX } })
    expect(world.of(living)).toMatchObject({ written: total, lost: 0 })
    // Once, not for each record.
    expect(world.lines.filter(({ sink }) => sink === 'redis').map(({ msg }) => msg)).toEqual(['decision records are being lost'])
  })

  it('loses the oldest allows without high risk first, and denies and high risk last, in order of time', async () => {
    const sink = new Receiver()
    const world = open([sink], 1, { ...PACE, recordsMax: 2 * SINK_RECORDS_MAX, bytesMax: 1_000_000_000 })
    const give = async (name: string, count: number, kind: 'allow' | 'deny' | 'high') => {
      const made = {
        allow: ALLOW,
        deny: decisionOf('d', [], { permission: 'quote.read' }),
        high: decisionOf('d', [held('a-1', 'clerk')], { permission: 'payout.create' }),
      }[kind]
      for (let index = 0; index < count; index += 1) world.log.decided(decided({ ...made, decisionId: `${name}-${index}` }))
      await drained()
    }
    const third = SINK_RECORDS_MAX / 3
    await give('deny', third, 'deny')
    await give('allow', third, 'allow')
    await give('high', third, 'high')
    await give('late', 10, 'allow')
    await give('more', third, 'deny')
    expect(world.of(sink)).toMatchObject({ buffered: SINK_RECORDS_MAX, reasons: { full: third + 10 } })
    // Nothing is left that matters less.
    await give('last', 5, 'high')
    await give('least', 5, 'allow')
    expect(world.of(sink)).toMatchObject({ buffered: SINK_RECORDS_MAX, reasons: { full: third + 20 } })
    await world.clock.pass(1_000)
    const names = (name: string) => Array.from({ length: third }, (_, index) => `${name}-${index}`)
    expect(sink.got).toEqual([...names('deny'), ...names('high'), ...names('more')])
  })

  it('holds back no more bytes than its bound', async () => {
    const sink = new Receiver()
    const world = open([sink])
    sink.behave = () => new Promise(() => undefined)
    // Characters of three bytes each.
    const resource = { id: '\u4e00'.repeat(1_000), amount: 1, tags: Array.from({ length: 50 }, () => '\u4e00'.repeat(1_000)) }
    const large = decisionOf('d', [held('a-1', 'sender')], { permission: 'quote.send', resource })
    const { heldBytes } = new PackedLines().pack(entryOf(recordOf(decided(large), 'replica-1', 1), true))
    expect(heldBytes).toBeGreaterThan(150_000)
    const fit = Math.floor(SINK_BYTES_MAX / heldBytes)
    for (let index = 0; index < fit + 50; index += 1) world.log.decided(decided(large))
    await drained()
    expect(world.of(sink)).toMatchObject({ buffered: fit, reasons: { full: 50 } })
  })

  it('has room again for as many bytes as were written', async () => {
    const sink = new Receiver()
    const world = open([sink], 1, { ...PACE, recordsMax: 1_000, bytesMax: SINK_BYTES_MAX })
    const resource = { id: 'i', amount: 1, tags: Array.from({ length: 50 }, () => 'x'.repeat(1_000)) }
    const large = decisionOf('d', [held('a-1', 'sender')], { permission: 'quote.send', resource })
    const half = SINK_BYTES_MAX / 2 / entryOf(recordOf(decided(large), 'replica-1', 1), true).heldBytes
    for (let round = 0; round < 4; round += 1) {
      for (let index = 0; index < half; index += 1) world.log.decided(decided(large))
      await drained()
      await world.clock.pass(1_000)
    }
    expect(world.of(sink)).toMatchObject({ lost: 0, buffered: 0 })
  })

  it('loses the oldest allows first, too, while nothing could be recorded yet', async () => {
    const sink = new Receiver()
    const world = open([sink], 1, { ...PACE, recordsMax: 30_000, bytesMax: 1_000_000_000 })
    world.decide(100)
    const deny = decisionOf('d', [], { permission: 'quote.read' })
    for (let index = 0; index < DECISIONS_WAITING_MAX; index += 1) world.log.decided(decided({ ...deny, decisionId: `deny-${index}` }))
    world.decide(1)
    expect(world.of(sink).reasons).toMatchObject({ unbuilt: 101 })
    await drained()
    await world.clock.pass(1_000)
    expect(sink.got).toEqual(Array.from({ length: DECISIONS_WAITING_MAX }, (_, index) => `deny-${index}`))
  })

  it('loses what comes in while the event loop is held up, counted for sinks and told to listeners', async () => {
    const sink = new Receiver()
    const world = open([sink])
    const heard = { decided: 0, lost: 0 }
    world.log.subscribe({
      decided() {
        heard.decided += 1
      },
      lost(count) {
        heard.lost += count
      },
    })
    world.decide(DECISIONS_WAITING_MAX + 123)
    expect(world.of(sink).reasons).toMatchObject({ unbuilt: 123 })
    await drained()
    expect(heard).toEqual({ decided: DECISIONS_WAITING_MAX, lost: 123 })
  })

  it('says once that records are lost, once that it is over, and how many they were', async () => {
    const sink = new Receiver()
    const world = open([sink])
    sink.behave = async () => {
      throw new RefusedError('no')
    }
    world.decide(4)
    await drained()
    await world.clock.pass(1_000)
    sink.behave = async () => 0
    await world.clock.pass(SINK_LOSING_QUIET_MS)
    world.decide(2)
    await drained()
    await world.clock.pass(1_000)
    expect(world.lines.map(({ msg, lost }) => [msg, lost])).toEqual([
      ['decision records are being lost', undefined],
      ['decision records are written again', 4],
    ])
    expect(sink.toldLost).toBe(4)
  })

  it('ends within its time although a sink hangs; what it holds is lost, counted and told', async () => {
    const sink = new Receiver()
    const world = open([sink])
    sink.behave = () => new Promise(() => undefined)
    world.decide(25)
    const closing = world.log.close()
    await world.clock.pass(SINK_CLOSE_MS + 1)
    await closing
    expect(world.of(sink)).toMatchObject({ written: 0, buffered: 0, reasons: { closed: 25 } })
    world.decide(1)
    await drained()
    expect(world.of(sink).reasons).toMatchObject({ closed: 26 })
  })

  it('writes on closing what it holds, without waiting for a batch to fill up', async () => {
    const sink = new Receiver()
    const world = open([sink])
    world.decide(PACE.recordsMax - 1)
    // Nothing moves this clock.
    await world.log.close()
    expect(world.of(sink)).toMatchObject({ written: PACE.recordsMax - 1, lost: 0 })
  })

  it('tells listeners of every decision, masked or not written, and one that throws harms nobody', async () => {
    const sink = new Receiver()
    const world = open([sink], 0)
    const heard: DecisionRecord[] = []
    world.log.subscribe({
      decided: () => {
        throw new Error('no')
      },
      lost: () => undefined,
    })
    const end = world.log.subscribe({ decided: (record) => void heard.push(record), lost: () => undefined })
    world.decide(3)
    await drained()
    expect(heard.map(({ id, sampled }) => [id, sampled])).toEqual([
      ['d-0', 0],
      ['d-1', 0],
      ['d-2', 0],
    ])
    end()
    world.decide(1)
    await drained()
    expect(heard).toHaveLength(3)
    expect(world.of(sink)).toMatchObject({ written: 0, lost: 0, buffered: 0 })
  })
})

describe('sampling', () => {
  const many = (make: (id: string) => Parameters<typeof decided>[0]) =>
    Array.from({ length: 2_000 }, (_, index) => decided(make(systemRandom.uuid() + index)))
  const kept = async (sample: number, make: (id: string) => Parameters<typeof decided>[0]) => {
    const sinks = [new Receiver('file'), new Receiver('otlp')]
    const world = open(sinks, sample, { ...PACE, recordsMax: 500 })
    const shares = new Set<number>()
    world.log.subscribe({ decided: ({ sampled }) => void shares.add(sampled), lost: () => undefined })
    for (const event of many(make)) world.log.decided(event)
    await world.log.close()
    expect(sinks[0]?.got).toEqual(sinks[1]?.got)
    return { share: (sinks[0]?.got.length ?? 0) / 2_000, says: [...shares] }
  }

  it('keeps about its share of allows, the same ones in every sink, and says the share', async () => {
    const { share, says } = await kept(0.25, (decisionId) => ({ ...ALLOW, decisionId }))
    // Six standard deviations.
    expect(Math.abs(share - 0.25)).toBeLessThan(0.06)
    expect(says).toEqual([0.25])
    expect(await kept(0, (decisionId) => ({ ...ALLOW, decisionId }))).toMatchObject({ share: 0 })
  })

  it.each([
    ['denies', (id: string) => decisionOf(id, [], { permission: 'quote.read' })],
    ['high risk', (id: string) => decisionOf(id, [held('a-1', 'clerk')], { permission: 'p.c' })],
    ['many with one deny', (id: string) => answersOf(id, [held('a-1', 'reader')], ['quote.read', 'quote.send'])],
    [
      'many with one of high risk',
      (id: string) => answersOf(id, [held('a-1', 'reader'), held('a-2', 'clerk')], ['quote.read', 'payout.create']),
    ],
  ])('leaves out none of what always counts: %s', async (_, make) => {
    expect(await kept(0, make)).toEqual({ share: 1, says: [1] })
  })

  it('samples many that are all allowed as one', async () => {
    expect(await kept(0, (id) => answersOf(id, [held('a-1', 'reader')], ['quote.read', 'q.r']))).toEqual({ share: 0, says: [0] })
  })
})

function behaviour(name: string, sink: Receiver, clock: ManualClock): Behaviour {
  switch (name) {
    case 'fails':
      return async () => {
        throw new Error('away')
      }
    case 'refuses':
      return async () => {
        throw new RefusedError('no')
      }
    case 'refuses one':
      return async (batch) => {
        if (batch.some((entry) => recordIn(entry).id.endsWith('3'))) throw new RefusedError('no')
        return 0
      }
    case 'rejects some':
      return async (batch) => Math.floor(batch.length / 2)
    case 'hangs':
      return (_, signal) => new Promise((__, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))
    case 'slow':
      return () => new Promise((resolve) => void clock.after(3_000, () => resolve(0)))
    case 'writes and fails':
      return async (batch) => {
        for (const entry of batch) sink.got.push(recordIn(entry).id)
        throw new Error('the answer was lost')
      }
    default:
      return async () => 0
  }
}
