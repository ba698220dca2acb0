/** What is known of the feed here: how far, since when, and what changed last where. Reads nothing itself (see feed-follower.ts). Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { FRESHNESS_BOUND_MS } from '../model/limits.ts'
import type { FeedChange } from '../store/ports.ts'
import { LastChanges } from './last-changes.ts'
import { betweenMs, latestMs, type Moment } from './moment.ts'

/** Beyond any position: nothing that was read is as new as this. */
const NEVER = Number.MAX_SAFE_INTEGER

export type Positioned<Id> = FeedChange<Id> & { readonly position: number; readonly atMs?: number }

/** Of one complete reading. */
export interface Caught {
  /** When the reading was sent: it reflects every change committed before. */
  readonly sent: Moment
  /** The database's time while it ran, in whole milliseconds. */
  readonly atMs: number
}

/**
 * A state read as of position p still holds at this replica's knowledge k when nothing in (p, k] touched it. That is judged by position alone:
 * a fill that was overtaken carries an old position and is refused, whoever delivers it, and no deletion is needed to be safe.
 */
export class Knowledge<Id = string> {
  readonly #wallMs: () => number
  readonly #boundMs: number
  readonly #users: LastChanges<Id>
  readonly #tenants: LastChanges<Id>
  #known: number | undefined
  #incarnation: string | undefined
  #floor = NEVER
  #callers = NEVER
  #caught: Caught | undefined
  #gaps = 0

  /**
   * @param keptMax users, and tenants, whose last change is remembered
   * @param boundMs age, in milliseconds, up to which a reading keeps things fresh
   */
  constructor(keptMax: number, clock: Pick<Clock, 'nowMs'>, boundMs: number = FRESHNESS_BOUND_MS) {
    this.#wallMs = () => clock.nowMs()
    this.#boundMs = boundMs
    this.#users = new LastChanges(keptMax)
    this.#tenants = new LastChanges(keptMax)
  }

  /** How often the database was out of sight for longer than the bound, so that another one may stand in its place. */
  get gaps(): number {
    return this.#gaps
  }

  /** Everything up to here has been applied; absent before the start. */
  get known(): number | undefined {
    return this.#known
  }

  get incarnation(): string | undefined {
    return this.#incarnation
  }

  /** Whether answers from memory keep the freshness bound at this moment, `nowMs` of the monotonic clock. */
  isFresh(nowMs: number): boolean {
    return this.#caught !== undefined && betweenMs(this.#caught.sent, nowMs, this.#wallMs()) < this.#boundMs
  }

  /** Milliseconds since the last complete reading was sent; infinite before the first. */
  ageMs(nowMs: number): number {
    return this.#caught === undefined ? Number.POSITIVE_INFINITY : nowMs - this.#caught.sent.monotonicMs
  }

  /** The database's time is before this, at `nowMs` of the monotonic clock. */
  latestDatabaseMs(nowMs: number): number {
    if (this.#caught === undefined) return Number.POSITIVE_INFINITY
    // It told its time at some moment after the reading was sent.
    return latestMs(this.#caught.atMs, nowMs - this.#caught.sent.monotonicMs)
  }

  /** Position of the last change that touched the user or the tenant: what is older does not hold. */
  lastChange(tenant: Id, user: Id): number {
    return Math.max(this.#floor, this.#tenants.of(tenant), this.#users.of(user))
  }

  /** As lastChange, for what is the user's alone, such as a session. */
  lastUserChange(user: Id): number {
    return Math.max(this.#floor, this.#users.of(user))
  }

  /** As lastChange, for all callers together: they change seldom. */
  lastCallerChange(): number {
    return this.#callers
  }

  /** Begins anew: nothing read before `floor` holds any more. */
  restart(incarnation: string, floor: number): void {
    this.#incarnation = incarnation
    this.#known = floor
    this.#floor = floor
    this.#callers = floor
    this.#users.clear()
    this.#tenants.clear()
    this.#caught = undefined
  }

  /** Not fresh any more, whatever was read: until the next complete reading. */
  distrust(): void {
    this.#caught = undefined
  }

  /** Early is always safe: a change noted before it is known refuses more, never less. */
  note(change: Positioned<Id>): void {
    if (change.kind === 'user' || change.kind === 'assignment') this.#users.note(change.user, change.position)
    if (change.kind === 'tenant') this.#tenants.note(change.tenant, change.position)
    if (change.kind === 'caller') this.#callers = Math.max(this.#callers, change.position)
    this.#floor = Math.max(this.#floor, this.#users.forgotten, this.#tenants.forgotten)
  }

  /** Everything up to `position` was noted, and the policy in force there is in force here. */
  reach(position: number): void {
    this.#known = position
  }

  /** The last reading went up to the head. */
  catchUp(caught: Caught): void {
    const { monotonicMs, wallMs } = caught.sent
    if (this.#caught === undefined || betweenMs(this.#caught.sent, monotonicMs, wallMs) >= this.#boundMs) this.#gaps++
    this.#caught = caught
  }
}
