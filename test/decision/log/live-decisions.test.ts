/** The live stream without its wires: who sees what, what a slow reader loses and is told, and what it costs when nobody watches. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { openLiveDecisions } from '../../../src/decision/log/live-decisions.ts'
import { recordBytes } from '../../../src/decision/log/live-filter.ts'
import { LiveQueue } from '../../../src/decision/log/live-queue.ts'
import type { Caller } from '../../../src/model/caller.ts'
import type { DecisionRecord } from '../../../src/model/decision-record.ts'
import { ServiceError } from '../../../src/model/error-code.ts'
import type { LiveEvent, LiveFilter } from '../../../src/model/live-decisions.ts'
import {
  LIVE_BATCH_EVENTS_MAX,
  LIVE_HEARTBEAT_MS,
  LIVE_QUEUE_BYTES_MAX,
  LIVE_QUEUE_RECORDS_MAX,
  LIVE_READERS_MAX,
  LIVE_READERS_PER_CALLER_MAX,
} from '../../../src/model/observation-limits.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { openTestSource, recordOf } from './records.ts'

const auditor: Caller = { id: 'auditor', name: 'auditor', scopes: ['audit'], tenants: null }
const limited: Caller = { ...auditor, id: 'limited', tenants: ['north'] }
const open = (queue?: { recordsMax: number; bytesMax: number }) => {
  const [source, clock] = [openTestSource(), new ManualClock()]
  return { source, clock, live: openLiveDecisions(source, { clock, ...(queue === undefined ? {} : { queue }) }) }
}
type Opened = ReturnType<typeof open>

/** A reader that has begun: its first heartbeat is read. */
async function begin({ live }: Opened, caller: Caller, filter: LiveFilter = {}) {
  const controller = new AbortController()
  const steps = live.watch(caller, filter, controller.signal)[Symbol.asyncIterator]()
  const first = await steps.next()
  const next = async (): Promise<readonly LiveEvent[]> => (await steps.next()).value ?? []
  return { first: first.value as readonly LiveEvent[], next, steps, stop: (reason?: unknown) => controller.abort(reason) }
}
const idsOf = (events: readonly LiveEvent[]) => events.map((event) => (event.kind === 'decision' ? event.record.id : event.kind))

/** What a reader gets of records that are told while it does not read. */
async function seen(records: readonly DecisionRecord[], caller: Caller, filter: LiveFilter): Promise<readonly string[]> {
  const opened = open()
  const reader = await begin(opened, caller, filter)
  for (const record of records) opened.source.tell(record)
  opened.source.tell(recordOf('last', matching(filter, caller)))
  const ids = idsOf(await reader.next()).slice(0, -1)
  await reader.steps.return?.()
  return ids
}
/** A record that passes, so that no reader waits for ever. */
function matching(filter: LiveFilter, caller: Caller): Partial<DecisionRecord> {
  const { allowed, reason, caller: id, ...named } = filter
  return {
    tenant: caller.tenants?.[0] ?? 'north',
    ...named,
    ...(allowed === undefined ? {} : { allowed }),
    ...(reason === undefined ? {} : { reason: reason as 'ROLE' }),
    ...(id === undefined ? {} : { caller: { id, name: 'x' } }),
  }
}

describe('who watches', () => {
  it('sees every decision from the first heartbeat on, in order, with several in one step', async () => {
    const opened = open()
    const reader = await begin(opened, auditor)
    expect(reader.first).toEqual([{ kind: 'heartbeat', atMs: opened.clock.nowMs() }])
    for (let id = 0; id < 3; id += 1) opened.source.tell(recordOf(id))
    expect(idsOf(await reader.next())).toEqual(['0', '1', '2'])
    const waiting = reader.next()
    opened.source.tell(recordOf(3))
    expect(idsOf(await waiting)).toEqual(['3'])
  })

  it('needs the scope audit, and a tenant that the caller may see', async () => {
    const opened = open()
    await expect(begin(opened, { ...auditor, scopes: ['decide', 'administer', 'publish'] })).rejects.toMatchObject({
      code: 'permission_denied',
    })
    await expect(begin(opened, limited, { tenant: 'south' })).rejects.toMatchObject({ code: 'permission_denied' })
    expect(opened.source.listeners.size).toBe(0)
  })

  it('cannot ask for a user where users are masked: nothing would come, or tell whose it was', async () => {
    const source = openTestSource()
    const live = openLiveDecisions(source, { clock: new ManualClock(), masked: ['requestId', 'user'] })
    const opened = { source, clock: new ManualClock(), live }
    await expect(begin(opened, auditor, { user: 'ann' })).rejects.toMatchObject({
      code: 'request_invalid',
      violations: [{ field: 'user' }],
      hint: expect.stringContaining('CASTELLAN_DECISION_LOG_MASK'),
    })
    expect(source.listeners.size).toBe(0)
    expect((await begin(opened, auditor, { tenant: 'north' })).first).toMatchObject([{ kind: 'heartbeat' }])
  })

  it('and is limited to tenants sees those, whatever it asks for, and nothing that is in no tenant', async () => {
    const { tenant: _tenant, ...nowhere } = recordOf('nowhere')
    const records = [recordOf('north'), recordOf('south', { tenant: 'south' }), nowhere]
    expect(await seen(records, limited, {})).toEqual(['north'])
    expect(await seen(records, limited, { tenant: 'north' })).toEqual(['north'])
    expect(await seen(records, auditor, {})).toEqual(['north', 'south', 'nowhere'])
  })

  const several = recordOf('several', {
    method: 'CheckPermissions',
    allowed: false,
    permissions: [
      { permission: 'finance.read', code: 'f.r', allowed: true },
      { permission: 'unheard.of', allowed: false },
    ],
  })
  const { permission: _permission, code: _code, reason: _reason, ...checkPermissions } = several
  const told = [
    recordOf('plain'),
    recordOf('bob', { user: 'bob' }),
    recordOf('south', { tenant: 'south' }),
    recordOf('other', { caller: { id: 'caller-2', name: 'service' } }),
    recordOf('deny', { allowed: false, reason: 'NO_ASSIGNMENT' }),
    recordOf('finance', { permission: 'finance.read', code: 'f.r' }),
    checkPermissions,
  ]
  it.each<[LiveFilter, readonly string[]]>([
    [{ user: 'bob' }, ['bob']],
    [{ tenant: 'south' }, ['south']],
    [{ caller: 'caller-2' }, ['other']],
    [{ allowed: false }, ['deny', 'several']],
    [{ reason: 'NO_ASSIGNMENT' }, ['deny']],
    [{ permission: 'finance.read' }, ['finance', 'several']],
    [{ permission: 'f.r' }, ['finance', 'several']],
    // Its own outcome counts, not that of all.
    [{ permission: 'f.r', allowed: true }, ['finance', 'several']],
    [{ permission: 'unheard.of', allowed: true }, []],
    [{ user: 'ann', tenant: 'north', allowed: false, reason: 'NO_ASSIGNMENT', permission: 't.0', caller: 'caller-1' }, ['deny']],
  ])('sees only what it asked for: %j', async (filter, expected) => {
    expect(await seen(told, auditor, filter)).toEqual(expected)
  })

  it('hears that the stream stands when nothing happens, and ends with the reason of its signal, waiting or not', async () => {
    const opened = open()
    const reader = await begin(opened, auditor)
    const silent = reader.next()
    await opened.clock.pass(LIVE_HEARTBEAT_MS)
    expect(await silent).toEqual([{ kind: 'heartbeat', atMs: opened.clock.nowMs() }])
    const waiting = reader.next()
    await settle()
    reader.stop(new ServiceError('cancelled', 'gone'))
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    const busy = await begin(opened, auditor)
    opened.source.tell(recordOf(1))
    busy.stop(new ServiceError('cancelled', 'gone'))
    await expect(busy.next()).rejects.toMatchObject({ code: 'cancelled' })
    expect({ listeners: opened.source.listeners.size, timers: opened.clock.waiting }).toEqual({ listeners: 0, timers: 0 })
  })
})

describe('while nobody watches', () => {
  it('nothing is asked of the source, and however many watch, it is asked once', async () => {
    const opened = open()
    expect(opened.source.listeners.size).toBe(0)
    const readers = [await begin(opened, auditor), await begin(opened, limited)]
    expect(opened.source.listeners.size).toBe(1)
    await readers[0]?.steps.return?.()
    expect(opened.source.listeners.size).toBe(1)
    await readers[1]?.steps.return?.()
    expect(opened.source.listeners.size).toBe(0)
  })

  it('and a watch that is over before its first step, or was never begun, leaves nothing behind', async () => {
    const { live, source } = open()
    live.watch(auditor, {}, new AbortController().signal)
    const over = live.watch(auditor, {}, AbortSignal.abort(new ServiceError('cancelled', 'gone')))
    await expect(over[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'cancelled' })
    expect(source.listeners.size).toBe(0)
  })
})

describe('too many readers', () => {
  it('are refused as overloaded, of one caller and of all, with when to come again; and a place that is left is free', async () => {
    const opened = open()
    const own = await Promise.all(Array.from({ length: LIVE_READERS_PER_CALLER_MAX }, () => begin(opened, auditor)))
    const refused = { code: 'overloaded', retryAfterSeconds: expect.any(Number) }
    await expect(begin(opened, auditor)).rejects.toMatchObject(refused)
    await own[0]?.steps.return?.()
    await begin(opened, auditor)
    for (let other = LIVE_READERS_PER_CALLER_MAX; other < LIVE_READERS_MAX; other += 1) await begin(opened, { ...auditor, id: `${other}` })
    await expect(begin(opened, { ...auditor, id: 'one more' })).rejects.toMatchObject(refused)
  })
})

describe('a slow reader', () => {
  it('loses the oldest, is told exactly how many before what comes after them, and nobody else loses any', async () => {
    const opened = open({ recordsMax: 3, bytesMax: LIVE_QUEUE_BYTES_MAX })
    const [slow, quick] = [await begin(opened, auditor), await begin(opened, { ...auditor, id: 'quick' })]
    const got: string[] = []
    for (let id = 0; id < 10; id += 1) {
      opened.source.tell(recordOf(id))
      got.push(...idsOf(await quick.next()))
    }
    expect(await slow.next()).toMatchObject([
      { kind: 'lost', count: 7, atMost: false },
      { record: { id: '7' } },
      { record: { id: '8' } },
      { record: { id: '9' } },
    ])
    expect(got).toEqual(Array.from({ length: 10 }, (_, id) => String(id)))
  })

  it('loses only what it would have been sent', async () => {
    const opened = open({ recordsMax: 2, bytesMax: LIVE_QUEUE_BYTES_MAX })
    const reader = await begin(opened, auditor, { allowed: false })
    for (let id = 0; id < 100; id += 1) opened.source.tell(recordOf(id, { allowed: id % 25 !== 0 }))
    expect(idsOf(await reader.next())).toEqual(['lost', '50', '75'])
  })

  it('is told of what was lost before anybody saw it, where it was lost; one that is limited to tenants not how many', async () => {
    const opened = open()
    const [all, some] = [await begin(opened, auditor), await begin(opened, limited)]
    opened.source.tell(recordOf(1))
    opened.source.lose(4)
    opened.source.lose(5)
    opened.source.tell(recordOf(2))
    const events = (count: number) => [{ record: { id: '1' } }, { kind: 'lost', count, atMost: true }, { record: { id: '2' } }]
    expect(await all.next()).toMatchObject(events(9))
    expect(await some.next()).toMatchObject(events(0))
  })

  it('that reads nothing at all holds a bounded number of records and bytes, of any size, and knows to the last one what it lost', async () => {
    const opened = open()
    const reader = await begin(opened, auditor)
    const large = { type: 'stay', id: '1', attributes: { text: 'x'.repeat(20_000) } }
    const total = 100_000
    for (let id = 0; id < total; id += 1) opened.source.tell(recordOf(id, id % 2 === 0 ? { resource: large } : {}))
    let [decisions, lost, bytes, next] = [0, 0, 0, -1]
    while (next < total - 1) {
      const step = await reader.next()
      expect(step.length).toBeLessThanOrEqual(LIVE_BATCH_EVENTS_MAX + 2)
      for (const event of step) {
        if (event.kind === 'lost') lost += event.count
        else if (event.kind === 'decision') {
          decisions += 1
          bytes += recordBytes(event.record)
          next = Number(event.record.id)
          expect(next).toBe(decisions + lost - 1)
        }
      }
    }
    expect(decisions + lost).toBe(total)
    expect(decisions).toBeLessThanOrEqual(LIVE_QUEUE_RECORDS_MAX)
    expect(bytes).toBeLessThanOrEqual(LIVE_QUEUE_BYTES_MAX)
    expect(bytes).toBeGreaterThan(LIVE_QUEUE_BYTES_MAX / 2)
  })
})

describe('the queue of a reader', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), bytes: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('unseen' as const), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), max: fc.integer({ min: 1, max: 6 }) }) },
  )

  it('accounts for everything in order, whatever is added and taken when: each record is sent or counted in its place', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const bounds = { recordsMax: 5, bytesMax: 100 }
        const queue = new LiveQueue(bounds)
        let [added, unseen, next, unseenTold] = [0, 0, 0, 0]
        const read = (events: readonly LiveEvent[]) => {
          for (const event of events) {
            if (event.kind === 'lost' && event.atMost) unseenTold += event.count
            else if (event.kind === 'lost') next += event.count
            else if (event.kind === 'decision') {
              expect(event.record.id).toBe(String(next))
              next += 1
            }
          }
        }
        for (const one of steps) {
          if (one.kind === 'add') {
            queue.add(recordOf(added), one.bytes)
            added += 1
          } else if (one.kind === 'unseen') {
            queue.addUnseen(one.count)
            unseen += one.count
          } else read(queue.take({ recordsMax: one.max, bytesMax: 50 }))
          expect(queue.bytes).toBeLessThanOrEqual(bounds.bytesMax)
        }
        while (!queue.empty) read(queue.take({ recordsMax: 3, bytesMax: 50 }))
        expect({ next, unseenTold, bytes: queue.bytes }).toEqual({ next: added, unseenTold: unseen, bytes: 0 })
      }),
    )
  })

  it('takes a record that is larger than all of it, alone', () => {
    const queue = new LiveQueue({ recordsMax: 5, bytesMax: 100 })
    queue.add(recordOf(1), 10)
    queue.add(recordOf(2), 1_000)
    expect(idsOf(queue.take({ recordsMax: 5, bytesMax: 50 }))).toEqual(['lost', '2'])
  })
})
