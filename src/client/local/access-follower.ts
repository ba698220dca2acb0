/** Follows the stream of changes, and knows by its heartbeats how fresh this process is. Keeps no state of anybody, decides nothing. Floor 6. */
import { Knowledge } from '../../access/knowledge.ts'
import { type Moment, momentOf } from '../../access/moment.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import type { AccessEvent } from '../../model/access-event.ts'
import { FRESHNESS_BOUND_MS, FRESHNESS_MARGIN_MS } from '../../model/limits.ts'
import { PolicyInForce } from '../../policy/in-force.ts'
import { CallerDeniedError, UnauthenticatedError } from '../errors.ts'
import {
  LOCAL_BEAT_MS_MAX,
  LOCAL_BEATS_WAITING_MAX,
  LOCAL_BEATS_WITHIN_BOUND,
  LOCAL_CHANGES_KEPT_MAX,
  LOCAL_POLICIES_KEPT_MAX,
  LOCAL_REOPEN_MS_MAX,
  LOCAL_REOPEN_MS_MIN,
  LOCAL_SILENCE_MS_MAX,
  LOCAL_STEPS_WAITING_MAX,
} from '../limits.ts'
import type { AccessWatch, AccessWire, WatchedFrom } from '../wires/access-wire.ts'

export interface FollowerNeeds {
  readonly wire: Pick<AccessWire, 'watch'>
  /** Canonical JSON of a revision. */
  readonly loadPolicy: (revision: string) => Promise<string>
  readonly staleMs: number
  readonly clock: Clock
  readonly random: Random
  /** Nothing that was kept holds any more. */
  readonly restarted: () => void
}

type Opened = Extract<AccessEvent, { kind: 'opened' }>
type Heartbeat = Extract<AccessEvent, { kind: 'heartbeat' }>

/** In the order in which the stream told it; a policy in it makes those after it wait. */
type Step =
  | { readonly kind: 'policy'; readonly revision: string; readonly position: number }
  | { readonly kind: 'reach'; readonly through: number }
  | { readonly kind: 'heartbeat'; readonly sent: Moment; readonly told: Heartbeat }

/** One stream, from its opening to its end. */
interface Line {
  watch: AccessWatch | undefined
  readonly beats: Map<number, Moment>
  readonly steps: Step[]
  draining: boolean
  opened: boolean
  ended: boolean
  /** Its opening or its last fresh heartbeat, on the monotonic clock. */
  freshAtMs: number
}

export class AccessFollower {
  readonly knowledge: Knowledge<number>
  readonly policy: PolicyInForce
  readonly #needs: FollowerNeeds
  readonly #beatMs: number
  #line: Line | undefined
  #beat = 0
  #failures = 0
  #cancelTimer: (() => void) | undefined
  /** When the known position was told. */
  #knownAtMs = 0
  /** Whose stream it was, and what is held. */
  #callerDigest: string | undefined
  /** What was known may never have been: the next stream is asked for from now on. */
  #anew = false
  #closed = false

  constructor(needs: FollowerNeeds) {
    this.#needs = needs
    this.#beatMs = Math.min(LOCAL_BEAT_MS_MAX, needs.staleMs / LOCAL_BEATS_WITHIN_BOUND)
    // What a replica may be behind by, and what this process may be behind of the replica by.
    this.knowledge = new Knowledge(LOCAL_CHANGES_KEPT_MAX, needs.clock, FRESHNESS_BOUND_MS + needs.staleMs)
    this.policy = new PolicyInForce({ findRevision: needs.loadPolicy }, LOCAL_POLICIES_KEPT_MAX)
  }

  get connected(): boolean {
    return this.#line?.opened === true
  }

  start(): void {
    this.#open()
  }

  close(): void {
    this.#closed = true
    this.knowledge.distrust()
    this.#cancelTimer?.()
    if (this.#line !== undefined) this.#end(this.#line)
  }

  #open(): void {
    if (this.#closed) return
    const { wire, clock } = this.#needs
    const line: Line = {
      watch: undefined,
      beats: new Map(),
      steps: [],
      draining: false,
      opened: false,
      ended: false,
      freshAtMs: clock.monotonicMs(),
    }
    this.#line = line
    const listener = {
      event: (event: AccessEvent) => {
        if (!line.ended) this.#hear(line, event)
      },
      ended: (error: Error) => {
        if (isRefusal(error)) this.forgetAll()
        this.#lost(line)
      },
    }
    line.watch = wire.watch(this.#from, listener)
    // It may have ended before it was told which one it is.
    if (line.ended) line.watch.end()
    else this.#tick(line)
  }

  /** A beat, and a look at whether the last ones were answered. */
  #tick(line: Line): void {
    const { clock } = this.#needs
    if (clock.monotonicMs() - line.freshAtMs > LOCAL_SILENCE_MS_MAX) {
      this.#lost(line)
      return
    }
    if (line.opened) this.#sendBeat(line)
    this.#cancelTimer = clock.after(this.#beatMs, () => {
      if (!line.ended) this.#tick(line)
    })
  }

  #sendBeat(line: Line): void {
    const number = ++this.#beat
    for (const oldest of line.beats.keys()) {
      if (line.beats.size < LOCAL_BEATS_WAITING_MAX) break
      line.beats.delete(oldest)
    }
    // Before it is sent: what the echo says is younger than this.
    line.beats.set(number, momentOf(this.#needs.clock))
    line.watch?.beat(number)
  }

  #hear(line: Line, event: AccessEvent): void {
    switch (event.kind) {
      case 'opened':
        this.#begin(line, event)
        break
      case 'changes':
        if (!line.opened) {
          this.#lost(line)
          return
        }
        for (const change of event.changes) {
          const { position } = change
          // At once, whatever waits: early is safe.
          if (change.kind === 'policy') line.steps.push({ kind: 'policy', revision: change.revision, position })
          else if (change.kind === 'user') this.knowledge.note({ kind: 'user', user: change.fingerprint, position })
          else this.knowledge.note({ kind: 'tenant', tenant: change.fingerprint, position })
        }
        line.steps.push({ kind: 'reach', through: event.through })
        break
      case 'heartbeat': {
        const sent = line.beats.get(event.beat)
        if (sent === undefined) return
        for (const number of line.beats.keys()) if (number <= event.beat) line.beats.delete(number)
        line.steps.push({ kind: 'heartbeat', sent, told: event })
        break
      }
    }
    if (line.steps.length > LOCAL_STEPS_WAITING_MAX) this.#lost(line)
    else this.#drain(line)
  }

  /** Undefined: there is nothing to go on with. Without a policy nothing is told again that was not heard in full. */
  get #from(): WatchedFrom | undefined {
    const { incarnation, known: position } = this.knowledge
    const callerDigest = this.#callerDigest
    if (this.#anew || this.policy.position < 0 || incarnation === undefined || position === undefined || callerDigest === undefined)
      return undefined
    return { incarnation, position, callerDigest }
  }

  #begin(line: Line, { incarnation, position, resumed, policy, callerDigest }: Opened): void {
    const isSame = incarnation === this.knowledge.incarnation && callerDigest === this.#callerDigest
    const goesOn = resumed && !line.opened && !this.#anew && isSame
    line.opened = true
    if (!goesOn) {
      this.#callerDigest = callerDigest
      line.steps.length = 0
      this.#forget()
      this.knowledge.restart(incarnation, position)
      this.#anew = false
      this.#knownAtMs = this.#needs.clock.monotonicMs()
      if (policy !== undefined) line.steps.push({ kind: 'policy', ...policy })
    }
    this.#sendBeat(line)
  }

  #forget(): void {
    this.knowledge.distrust()
    this.policy.forget()
    this.#needs.restarted()
  }

  /** In the same moment, up to a policy that has to be loaded. */
  #drain(line: Line): void {
    if (line.draining) return
    for (let step = line.steps.shift(); step !== undefined; step = line.steps.shift()) {
      if (step.kind === 'policy') {
        void this.#adopt(line, step)
        return
      }
      if (step.kind === 'reach') this.#reach(step.through)
      else this.#count(line, step)
      if (line.ended) return
    }
  }

  async #adopt(line: Line, { revision, position }: Extract<Step, { kind: 'policy' }>): Promise<void> {
    line.draining = true
    try {
      await this.policy.prepare(revision)
      if (line.ended) return
      await this.policy.adopt(revision, position)
    } catch {
      // Nothing beyond it is known; the next stream tells it again.
      this.#lost(line)
      return
    } finally {
      line.draining = false
    }
    if (!line.ended) this.#drain(line)
  }

  #reach(position: number): void {
    if (position <= (this.knowledge.known ?? Number.POSITIVE_INFINITY)) return
    this.knowledge.reach(position)
    this.#knownAtMs = this.#needs.clock.monotonicMs()
  }

  #count(line: Line, { sent, told }: Extract<Step, { kind: 'heartbeat' }>): void {
    const { knowledge } = this
    // Negated, so that what is no number does not count.
    if (!told.fresh || !(told.ageMs >= 0) || knowledge.known === undefined) return
    const read: Moment = { monotonicMs: sent.monotonicMs - told.ageMs, wallMs: sent.wallMs - told.ageMs }
    if (!(told.position >= knowledge.known)) {
      // A replica that read the database after this process was told of a later position is not behind: the database went back.
      if (read.monotonicMs > this.#knownAtMs + FRESHNESS_MARGIN_MS) this.forgetAll()
      return
    }
    this.#reach(told.position)
    knowledge.catchUp({ sent: read, atMs: told.databaseBeforeMs })
    line.freshAtMs = Math.max(line.freshAtMs, sent.monotonicMs)
    this.#failures = 0
  }

  /** Nothing that was learnt may hold, or may be seen by who the caller is by now: another stream begins anew. */
  forgetAll(): void {
    this.#forget()
    this.#anew = true
    if (this.#line !== undefined) this.#lost(this.#line)
  }

  #lost(line: Line): void {
    if (line.ended) return
    this.#end(line)
    if (this.#closed) return
    const { clock, random } = this.#needs
    const mostMs = Math.min(LOCAL_REOPEN_MS_MAX, LOCAL_REOPEN_MS_MIN * 2 ** Math.min(this.#failures++, 16))
    const [byte = 0] = random.bytes(1)
    this.#cancelTimer?.()
    this.#cancelTimer = clock.after(mostMs * (0.5 + byte / 512), () => this.#open())
  }

  #end(line: Line): void {
    line.ended = true
    line.opened = false
    line.steps.length = 0
    line.beats.clear()
    line.watch?.end()
    if (this.#line === line) this.#line = undefined
  }
}

/** The application's key is not known, or may not have this (any more). */
export function isRefusal(error: unknown): boolean {
  return error instanceof CallerDeniedError || error instanceof UnauthenticatedError
}
