/** What has gone wrong in caches before, and what may, as short runs of steps: each about one pair, one replica that is to be wrong, one that changes. */
import type { Action, Step, What } from './schedule.ts'
import type { Traffic, Way } from './world/wire.ts'

export interface About {
  readonly pair: number
  /** The replica that is to be wrong. */
  readonly reader: number
  /** The replica through which something is changed. */
  readonly writer: number
  readonly what: What
  readonly way: Way
  readonly delayMs: number
  /** Milliseconds between two steps. @param belowMs modulo this, where it has to be short */
  readonly gap: (index: number, belowMs?: number) => number
}
export type Pattern = (about: About) => Step[]

export const step = (afterMs: number, action: Action): Step => ({ afterMs, action })
export const asked = (replica: number, pair: number, more: Partial<Action & { kind: 'check' }> = {}): Action => ({
  kind: 'check',
  replica,
  pair,
  permission: 0,
  batch: false,
  least: 'none',
  patienceMs: null,
  ...more,
})
export const changed = (replica: number, pair: number, what: What, wait = true): Action & { kind: 'change' } => ({
  kind: 'change',
  replica,
  pair,
  what,
  wait,
  hammer: true,
  beforeMs: 0,
  holdMs: 1,
  rollsBack: false,
})
/** @param extraMs `null`: lost */
export const disturbed = (replica: number | null, traffic: Traffic, way: Way, extraMs: number | null, count = 1): Action => ({
  kind: 'disturb',
  replica,
  traffic,
  way,
  extraMs,
  count,
})
export const granted = (role: number, startsInMs = 0, lastsMs: number | null = null): What => ({ kind: 'grant', role, startsInMs, lastsMs })
const REVOKED: What = { kind: 'revoke' }
/** Longer than the freshness bound, by which every reading is given up. */
export const RESTORE_MS_MIN = 1_020
/** After a snapshot was put back, until something can be changed. */
export const CALM_MS = 1_011

/** A fill that is overtaken by what makes it wrong. */
const staleFill: Pattern = ({ pair, reader, writer, what, way, delayMs, gap }) => [
  step(gap(0), disturbed(reader, 'resolve', way, delayMs)),
  step(0, asked(reader, pair)),
  step(gap(1), changed(writer, pair, what)),
  step(gap(2), asked(reader, pair)),
  step(delayMs, asked(reader, pair)),
  step(gap(3), asked(reader, pair)),
]
/** What was kept before a change, asked right after it. */
const keptBefore: Pattern = ({ pair, reader, writer, what, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), asked(writer, pair)),
  step(gap(2), changed(writer, pair, what)),
  step(gap(3), asked(reader, pair)),
]
/** A replica that says nothing for a while, and has something in memory. */
const silent: Pattern = ({ pair, reader, writer, what, way, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), gap(5) % 2 === 0 ? disturbed(reader, 'feed', way, delayMs, 9) : { kind: 'cut', replica: reader, forMs: delayMs }),
  step(gap(2), changed(writer, pair, what)),
  step(gap(3), asked(reader, pair)),
  step(gap(4), asked(reader, pair, { least: 'told' })),
]
/** A window that begins or ends while something is kept. */
const edge: Pattern = ({ pair, reader, writer, delayMs, gap }) => [
  step(gap(0), changed(writer, pair, REVOKED)),
  step(gap(1), changed(writer, pair, granted(0, delayMs > 300 ? 200 : 0, 250), false)),
  step(gap(2, 200), asked(reader, pair)),
  step(245 - gap(2, 200), asked(reader, pair)),
  step(gap(3), asked(reader, pair)),
  step(gap(4), asked(reader, pair)),
]
/** A change and an activation close to each other, and a look that falls between. */
const besideActivation: Pattern = ({ pair, reader, writer, what, way, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), disturbed(reader, delayMs % 3 === 0 ? 'policy' : 'resolve', way, delayMs)),
  step(0, asked(reader, pair)),
  step(gap(2), changed(writer, pair, what, false)),
  step(gap(3, 8), changed(writer, pair, { kind: 'activate', revision: delayMs % 2 }, gap(5) !== 0)),
  step(gap(4), asked(reader, pair)),
]
/** Two pairs asked together, one of which takes long; a change and an activation meanwhile. */
const batched: Pattern = ({ pair, reader, writer, what, way, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), disturbed(reader, 'resolve', way, delayMs)),
  step(0, asked(reader, pair, { batch: true })),
  step(gap(2), changed(writer, pair, what)),
  step(gap(3, 30), changed(writer, pair, { kind: 'activate', revision: delayMs % 2 })),
  step(gap(4), asked(reader, pair)),
]
/** An old value comes back in Redis to a replica that knows nothing of its own. */
const brought: Pattern = ({ pair, reader, writer, what, delayMs, gap }) => [
  step(gap(0), asked(writer, pair)),
  step(gap(1), { kind: 'redis-copy' }),
  step(gap(2), changed(writer, pair, what)),
  step(gap(3), delayMs % 2 === 0 ? { kind: 'redis-resurrect', oldest: delayMs % 4 === 0 } : { kind: 'redis-old-copy', which: delayMs }),
  step(gap(4), { kind: 'crash', replica: reader, againAfterMs: 5 }),
  step(40 + gap(5), asked(reader, pair)),
]

/** A window, and a replica that cannot read meanwhile, looked at closely: clocks that run apart have had the time to do so. */
const edgeUnread: Pattern = ({ pair, reader, writer, delayMs, gap }) => [
  step(gap(0), changed(writer, pair, REVOKED)),
  step(5, disturbed(null, 'change', 'out', 0)),
  step(0, changed(writer, pair, granted(0, delayMs % 2 === 0 ? 0 : 900, 900), false)),
  step(10, asked(reader, pair)),
  step(1, disturbed(reader, 'feed', 'out', 1_300, 3)),
  ...[885, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1].map((ms) => step(ms, asked(reader, pair))),
]
/** A machine that is suspended with something in memory and a look under way. */
const suspended: Pattern = ({ pair, reader, writer, what, way, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), disturbed(reader, 'resolve', way, 2 + (delayMs % 400))),
  step(0, asked(reader, pair + 1)),
  step(gap(2, 20), { kind: 'suspend', replica: reader, forMs: 150 + delayMs }),
  step(gap(3, 150), changed(writer, pair + (delayMs % 2), what)),
  step(150 + delayMs, asked(reader, pair)),
]
/** Somebody took a replica for dead that was only stopped. */
const buried: Pattern = ({ pair, reader, writer, what, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), { kind: 'pause', replica: reader, forMs: 2_300 }),
  step(2_250, { kind: 'bury', replica: reader }),
  step(50 + gap(2), asked(reader, pair)),
  step(gap(3), disturbed(reader, 'ring', 'out', null, 9)),
  step(0, changed(writer, pair, what)),
  step(gap(4), asked(reader, pair)),
  step(gap(6), changed(writer, pair, REVOKED)),
]
/** A reading that is answered so late that what it says is nearly too old. */
const readLate: Pattern = ({ pair, reader, writer, what, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1, 40), disturbed(reader, 'feed', 'back', 500 + (delayMs % 495))),
  step(0, disturbed(reader, 'ring', 'out', null, 9)),
  step(gap(2, 260), changed(writer, pair, what)),
  step(gap(3), asked(reader, pair)),
]
/** A database that comes back without its last versions, while replicas and Redis remember them. */
const restored: Pattern = ({ pair, reader, writer, what, way, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), changed(writer, pair, what, false)),
  step(gap(2), asked(reader, pair)),
  step(gap(3, 20), { kind: 'restore', back: 1 + gap(5, 3), snapshot: delayMs % 3 !== 0, forMs: RESTORE_MS_MIN + delayMs }),
  step(RESTORE_MS_MIN + delayMs, asked(reader, pair)),
  step(gap(4, 30), delayMs % 2 === 0 ? disturbed(reader, 'feed', way, delayMs) : asked(reader, pair)),
  step((delayMs % 3 !== 0 ? CALM_MS : 0) + gap(6, 30), changed(writer, pair, granted(1))),
  step(gap(7), changed(writer, pair, REVOKED)),
]
/** As before; and what is gone had been seen by a replica that had not read of it. */
const seenAndLost: Pattern = ({ pair, reader, writer, what, delayMs, gap }) => [
  step(gap(0), asked(reader, pair)),
  step(gap(1), disturbed(reader, 'feed', 'out', 300 + delayMs, 2)),
  step(0, disturbed(reader, 'ring', 'out', null, 3)),
  step(0, changed(writer, pair, what, false)),
  step(gap(2, 40), asked(reader, pair)),
  step(gap(3, 10), { kind: 'restore', back: 1, snapshot: true, forMs: RESTORE_MS_MIN + delayMs }),
  step(RESTORE_MS_MIN + delayMs + gap(4, 40), asked(reader, pair)),
  step(CALM_MS + gap(5, 40), changed(writer, pair + 1, granted(1))),
  step(gap(6, 40), asked(reader, pair)),
  step(gap(7), asked(reader, pair)),
]
/** And one whose look is answered only when the database is there again. */
const underWay: Pattern = ({ pair, reader, writer, what, delayMs, gap }) => [
  step(gap(0), changed(writer, pair, what)),
  step(gap(1, 40), disturbed(reader, 'resolve', 'back', RESTORE_MS_MIN + CALM_MS + (delayMs % 300))),
  step(0, asked(reader, pair)),
  step(gap(2, 10), { kind: 'restore', back: 1 + (delayMs % 2), snapshot: delayMs % 4 !== 0, forMs: RESTORE_MS_MIN }),
  step(RESTORE_MS_MIN + CALM_MS + gap(4, 10), changed(writer, pair + 1, granted(1))),
  step(gap(5, 10), changed(writer, pair + 1, REVOKED)),
  step(gap(6, 40), asked(reader, pair)),
  step(gap(7), asked(reader, pair)),
]

export const PATTERNS: readonly Pattern[] = [staleFill, keptBefore, silent, edge, besideActivation, batched, brought]
/** Those that take seconds of simulated time. */
export const LONG_PATTERNS: readonly Pattern[] = [edgeUnread, readLate, suspended, buried, restored, seenAndLost, underWay]
