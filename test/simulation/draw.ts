/** Schedules drawn by chance, weighted towards trouble: which lies in short distances, and in a few patterns more than elsewhere. */
import fc from 'fast-check'
import { type About, LONG_PATTERNS, PATTERNS, type Pattern, RESTORE_MS_MIN } from './patterns.ts'
import type { Action, Schedule, Step, What } from './schedule.ts'
import { TRAFFIC, type Traffic, type Way } from './world/wire.ts'

/** Milliseconds: mostly next to nothing, sometimes longer than anything lasts. */
const gapMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }) },
  { weight: 4, arbitrary: fc.integer({ min: 5, max: 40 }) },
  { weight: 2, arbitrary: fc.integer({ min: 41, max: 260 }) },
  { weight: 1, arbitrary: fc.integer({ min: 261, max: 1_100 }) },
)
const delayMs = fc.oneof(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 61, max: 400 }), fc.integer({ min: 401, max: 1_300 }))
const outageMs = fc.oneof(fc.integer({ min: 20, max: 400 }), fc.integer({ min: 800, max: 2_500 }))
/** A restore takes longer than the freshness bound: whoever knew the old timeline cannot answer from memory any more. */
const restoreMs = fc.integer({ min: RESTORE_MS_MIN, max: 1_800 })
const anyIndex = fc.nat(11)
/** Half of everything is about one pair. */
const pair = fc.oneof(fc.constant(0), anyIndex)

const window = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ startsInMs: 0, lastsMs: null }) },
  { weight: 2, arbitrary: fc.record({ startsInMs: fc.constant(0), lastsMs: fc.integer({ min: 5, max: 500 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      startsInMs: fc.integer({ min: 5, max: 300 }),
      lastsMs: fc.oneof(fc.constant(null), fc.integer({ min: 5, max: 300 })),
    }),
  },
)
const what: fc.Arbitrary<What> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(1), window).map(([role, edges]) => ({ kind: 'grant' as const, role, ...edges })) },
  { weight: 5, arbitrary: fc.constant({ kind: 'revoke' as const }) },
  { weight: 3, arbitrary: fc.constantFrom('suspend', 'resume', 'deactivate', 'reactivate').map((kind) => ({ kind }) as What) },
  { weight: 2, arbitrary: fc.nat(1).map((revision) => ({ kind: 'activate' as const, revision })) },
  { weight: 1, arbitrary: fc.nat(1).map((revision) => ({ kind: 'publish' as const, revision })) },
)
const change = fc.record({
  kind: fc.constant('change' as const),
  replica: anyIndex,
  pair,
  what,
  wait: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  hammer: fc.boolean(),
  beforeMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 })),
  holdMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 })),
  rollsBack: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})
const check = fc.record({
  kind: fc.constant('check' as const),
  replica: anyIndex,
  pair,
  permission: fc.nat(1),
  batch: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  least: fc.oneof(
    { weight: 6, arbitrary: fc.constant('none' as const) },
    { weight: 2, arbitrary: fc.constant('told' as const) },
    { weight: 1, arbitrary: fc.constant('beyond' as const) },
  ),
  patienceMs: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: delayMs }),
})
const disturb = fc.record({
  kind: fc.constant('disturb' as const),
  replica: fc.oneof({ weight: 3, arbitrary: anyIndex }, { weight: 1, arbitrary: fc.constant(null) }),
  traffic: fc.constantFrom<Traffic>('resolve', 'resolve', ...TRAFFIC),
  way: fc.constantFrom<Way>('out', 'back'),
  extraMs: fc.oneof({ weight: 4, arbitrary: delayMs }, { weight: 1, arbitrary: fc.constant(null) }),
  count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 8 })),
})
const fault: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constantFrom('pause' as const, 'suspend' as const, 'cut' as const), replica: anyIndex, forMs: outageMs }),
  fc.record({ kind: fc.constantFrom('crash' as const, 'leave' as const), replica: anyIndex, againAfterMs: delayMs }),
  fc.record({ kind: fc.constant('bury' as const), replica: anyIndex }),
  fc.record({ kind: fc.constant('database' as const), goes: fc.constantFrom('away' as const, 'still' as const), forMs: outageMs }),
  fc.record({ kind: fc.constantFrom('prune' as const, 'age' as const) }),
  fc.record({ kind: fc.constant('redis' as const), goes: fc.constantFrom('away' as const, 'still' as const), forMs: outageMs }),
  fc.record({ kind: fc.constantFrom('redis-flush' as const, 'redis-copy' as const) }),
  fc.record({ kind: fc.constant('redis-old-copy' as const), which: anyIndex }),
  fc.record({ kind: fc.constant('redis-resurrect' as const), oldest: fc.boolean() }),
)

const step = (afterMs: fc.Arbitrary<number>, action: fc.Arbitrary<Action>): fc.Arbitrary<Step> => fc.record({ afterMs, action })
const single = (action: fc.Arbitrary<Action>) => step(gapMs, action).map((one) => [one])

const about: fc.Arbitrary<About> = fc
  .record({
    pair,
    reader: anyIndex,
    writer: anyIndex,
    what,
    way: fc.constantFrom<Way>('out', 'back'),
    delayMs,
    gaps: fc.array(gapMs, { minLength: 8, maxLength: 8 }),
  })
  .map(({ gaps, ...rest }) => ({ ...rest, gap: (index, belowMs = Number.POSITIVE_INFINITY) => (gaps[index] ?? 0) % belowMs }))
const oneOf = (patterns: readonly Pattern[]) => fc.tuple(fc.constantFrom(...patterns), about).map(([pattern, of]) => pattern(of))

const steps = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: single(check) },
      { weight: 4, arbitrary: single(change) },
      { weight: 2, arbitrary: single(disturb) },
      { weight: 1, arbitrary: single(fault) },
      { weight: 6, arbitrary: oneOf(PATTERNS) },
      { weight: 1, arbitrary: oneOf(LONG_PATTERNS) },
      {
        weight: 1,
        arbitrary: single(
          fc.record({
            kind: fc.constant('restore' as const),
            back: fc.integer({ min: 1, max: 4 }),
            snapshot: fc.boolean(),
            forMs: restoreMs,
          }),
        ),
      },
    ),
    { minLength: 1, maxLength: 7, size: 'max' },
  )
  .map((parts) => parts.flat())

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  replicas: fc.constantFrom(2, 2, 2, 3, 3, 4),
  redis: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  travelMs: fc.constantFrom<[number, number]>([0.2, 1.5], [0.2, 1.5], [0.2, 1.5], [1, 30]),
  drifts: fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 4, maxLength: 4 }),
  seed: fc.nat(0xffff),
  heals: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  steps,
})
