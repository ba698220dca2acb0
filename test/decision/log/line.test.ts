/** Lines that are written straight from decisions, held to their definition: JSON of the record. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { entryOf } from '../../../src/decision/log/entry.ts'
import { RecordLines } from '../../../src/decision/log/line.ts'
import { millisText } from '../../../src/decision/log/line-text.ts'
import { recordOf } from '../../../src/decision/log/record.ts'
import { matters } from '../../../src/decision/log/sampling.ts'
import type { AccessState } from '../../../src/model/access-state.ts'
import { type DecisionBasis, type DenyReason, REASONS } from '../../../src/model/decision.ts'
import type { Decided } from '../../../src/model/decision-record.ts'
import { LINE_CALLERS_KEPT_MAX, LINE_SUBJECTS_KEPT_MAX } from '../../../src/model/observation-limits.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { BUNDLE, decided, decisionOf, held, NOW_MS, POLICY, stateOf } from './decided.ts'

/** As sinks had it before lines were written by hand. */
function expectDefined(lines: RecordLines, replica: string, event: Decided, sampled: number): void {
  const { heldBytes, ...defined } = entryOf(recordOf(event, replica, sampled), !matters(event))
  const written = lines.entryOf(event, sampled)
  expect(written).toEqual({ ...defined, heldBytes: expect.any(Number) })
  expect(written.heldBytes).toBeGreaterThanOrEqual(heldBytes)
}

/** Another policy with the same names. */
const OTHER = compilePolicy({ ...BUNDLE, permissions: BUNDLE.permissions.map((one) => ({ ...one, code: `${one.code}x`, risk: 'high' })) })

const oneOf = fc.constantFrom
const odd = fc.oneof(fc.string({ unit: 'binary' }), oneOf('', 'ann', 'an"n', 'a\\b', 'Zoë', '\u{1f600}', '\ud800', '\u2028', 'a\nb'))
const role = fc.oneof(oneOf('reader', 'sender', 'clerk'), odd)
const asked = fc.oneof(oneOf('quote.read', 'q.r', 'q.s', 'q.sx', 'quote.send', 'payout.create', 'nothing.known', 'constructor'), odd)
const assignment = fc.tuple(fc.oneof(fc.uuid(), odd), role, oneOf('now', 'past', 'future'))
const state = fc
  .array(
    assignment.map((of) => held(...of)),
    { maxLength: 4 },
  )
  .map(stateOf)
const resource = fc.oneof(
  fc.constant(undefined),
  fc.record({ id: odd, type: fc.oneof(odd, fc.integer()), amount: fc.double() }, { requiredKeys: [] }),
  fc.record({ amount: fc.jsonValue(), tags: fc.array(odd), customer: odd, id: fc.constant('i'.repeat(1_200)) }, { requiredKeys: [] }),
)
const trace = fc.oneof(fc.constant(undefined), fc.record({ traceId: odd, spanId: odd, sampled: fc.boolean() }))
const number = fc.oneof(fc.double(), fc.nat(), fc.double({ min: 0, max: 20, noNaN: true }))
const denied = oneOf<(DenyReason | undefined)[]>(undefined, 'UNKNOWN_USER')
const names = fc.array(asked, { maxLength: 6 })
const eventOf = (states: readonly AccessState[], lists: readonly (readonly string[])[]) => {
  const basis = fc.record({
    user: fc.oneof(oneOf('ann', undefined), odd),
    tenant: fc.oneof(oneOf('acme', undefined), odd),
    policy: oneOf(POLICY, POLICY, POLICY, OTHER),
    found: fc.oneof(fc.constant(undefined), fc.record({ value: oneOf(...states), level: oneOf('memory', 'redis', 'store') })),
    resource,
  })
  const stamp = fc.record({
    decisionId: fc.oneof(fc.uuid(), odd),
    policyRevision: oneOf('a'.repeat(64), 'é'),
    position: fc.oneof(oneOf(7), number),
  })
  const single = fc
    .record({ basis, asked, allowed: fc.boolean(), reason: oneOf(...REASONS), via: fc.uniqueArray(role, { maxLength: 3 }), stamp })
    .map(({ basis, asked, stamp, ...verdict }) => ({ ...verdict, ...stamp, basis: { ...basis, permissions: [asked] } as DecisionBasis }))
  const many = fc
    .record({
      basis,
      list: fc.oneof(oneOf(...lists), names as fc.Arbitrary<readonly string[]>),
      bits: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      all: fc.boolean(),
      denied,
      stamp,
    })
    .map(({ basis, list, bits, all, denied, stamp }) => ({
      ...{ ...stamp, allowed: list.map((_, index) => all || bits[index] === true) },
      ...(denied === undefined ? {} : { denied }),
      basis: { ...basis, permissions: [...list] } as DecisionBasis,
    }))
  return fc.record({
    decision: fc.oneof(single, many),
    method: oneOf('Check', 'BatchCheck', 'CheckPermissions', 'Explain'),
    wire: oneOf('grpc', 'http'),
    caller: fc.record({ id: fc.oneof(oneOf('caller-1'), odd), name: fc.oneof(oneOf('billing'), odd) }),
    requestId: fc.oneof(oneOf('request-1', 'request-2'), odd),
    trace,
    atMs: fc.oneof(oneOf(NOW_MS, NOW_MS + 1, NOW_MS + 0.5), fc.integer({ min: 0, max: 4e12 })),
    elapsedMs: number,
  }) as fc.Arbitrary<Decided>
}

describe('a line', () => {
  it('is byte for byte what JSON has of the record, whatever was decided before it', () => {
    const arbitrary = fc
      .tuple(fc.array(state, { minLength: 1, maxLength: 3 }), fc.array(names, { minLength: 1, maxLength: 2 }), odd)
      .chain(([states, lists, replica]) =>
        fc.tuple(fc.constant(replica), fc.array(fc.tuple(eventOf(states, lists), oneOf(1, 0.1, 1e-7)), { minLength: 1, maxLength: 12 })),
      )
    fc.assert(
      fc.property(arbitrary, ([replica, events]) => {
        const lines = new RecordLines(replica)
        for (const [event, sampled] of events) expectDefined(lines, replica, event, sampled)
      }),
      { numRuns: 200 },
    )
  })

  it('tells apart what differs from the decision before it in one thing alone', () => {
    const lines = new RecordLines('replica-1')
    const first = decided(decisionOf('d-1', [held('a-1', 'reader')], { permission: 'q.r' }))
    const others: Partial<Decided>[] = [
      { requestId: 'request-2' },
      { trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true } },
      { caller: { id: 'caller-2', name: 'billing' } },
      { caller: { id: 'caller-1', name: 'other' } },
      { atMs: NOW_MS + 1 },
      { method: 'BatchCheck' },
      { wire: 'http' },
      { elapsedMs: 7 },
    ]
    for (const other of others) for (const event of [first, { ...first, ...other }]) expectDefined(lines, 'replica-1', event, 1)
  })

  it('has durations as JSON has them', () => {
    const micros = fc.oneof(
      fc.integer({ min: -10, max: 10_000_000 }),
      fc.integer({ min: 999_999_000, max: 1_000_001_000 }),
      fc.double().map(Math.round),
    )
    fc.assert(fc.property(micros, (one) => void expect(millisText(one)).toBe(JSON.stringify(one / 1_000))))
  })

  it('stays so when more people and callers come than pieces are kept of', () => {
    const lines = new RecordLines('replica-1')
    const count = Math.max(LINE_SUBJECTS_KEPT_MAX, LINE_CALLERS_KEPT_MAX) + 2
    const events = Array.from({ length: count }, (_, index) =>
      decided(decisionOf(`d-${index}`, [held(`a-${index}`, 'reader')], { permission: 'q.r' }), {
        caller: { id: `caller-${index}`, name: 'billing' },
      }),
    )
    for (const event of [...events, ...events.slice(0, 2)]) lines.entryOf(event, 1)
    for (const index of [0, 1, count - 1]) expectDefined(lines, 'replica-1', events[index] as Decided, 1)
  })

  it('holds on to nobody who was forgotten elsewhere: their state goes with the next collection', async () => {
    const lines = new RecordLines('replica-1')
    const write = () => {
      const decision = decisionOf('d-1', [held('a-1', 'reader')], { permission: 'q.r' })
      lines.entryOf(decided(decision), 1)
      return new WeakRef(decision.basis.found?.value as AccessState)
    }
    const state = write()
    expect(state.deref()).toBeDefined()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    // What a weak reference was asked for stays until the turn is over.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(state.deref()).toBeUndefined()
    // Otherwise the writer itself was collected.
    expect(lines.entryOf(decided(decisionOf('d-2', [], { permission: 'q.r' })), 1).line).toContain('"id":"d-2"')
  })
})
