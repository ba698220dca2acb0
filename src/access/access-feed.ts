/** What this replica has applied, for those who decide elsewhere: the latest changes in a ring, and how fresh they are. Guards nothing (replication.ts). Floor 3. */
import type { Clock } from '../ground/clock.ts'
import type { AccessChange, AccessEvent, PolicyStanding } from '../model/access-event.ts'
import { ServiceError } from '../model/error-code.ts'
import { fingerprintOf } from '../model/fingerprint.ts'
import { ACCESS_CHANGES_KEPT_MAX, ACCESS_CHANGES_TOLD_AT_ONCE_MAX } from '../model/limits.ts'
import type { FeedEntry } from '../store/ports.ts'
import type { Knowledge } from './knowledge.ts'

export interface WatchedFrom {
  readonly incarnation: string
  /** Everything up to here is known to the watcher. */
  readonly position: number
  /** Absent: of nobody. */
  readonly callerDigest?: string
}

export interface Watching {
  /** Whose changes are told; `null`: all. */
  readonly tenants: ReadonlySet<string> | null
  /** Of the caller and these tenants: what another one was told and holds is none of theirs. */
  readonly callerDigest: string
}

/** What a follower tells: in this order, each at the moment from which it holds here. */
export interface AccessFeedTeller {
  /** Nothing that was told holds any more; nothing is told until `caughtUp`. */
  restarted(incarnation: string, position: number): void
  /** All up to `through` is known here, and `policy` is in force. */
  applied(changes: readonly FeedEntry[], through: number, policy: PolicyStanding | undefined): void
  /** The last reading went up to the head. */
  caughtUp(): void
}

/** One watcher's place in the feed. It has no queue: it reads from the ring when its reader has taken what it was given. */
export interface AccessCursor {
  /** Something may be told now. */
  readonly open: boolean
  /** There is more to be told than a heartbeat. */
  readonly pending: boolean
  /**
   * What comes next, in order; the heartbeat only once all before it was given out.
   * @param beat absent: no heartbeat is asked for
   * @throws ServiceError `overloaded` when the ring went on without this watcher: nothing is left out in silence
   */
  take(beat: number | undefined): readonly AccessEvent[]
  close(): void
}

export interface AccessFeedNeeds {
  readonly knowledge: Pick<Knowledge, 'isFresh' | 'ageMs' | 'latestDatabaseMs' | 'lastCallerChange'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Absent: ACCESS_CHANGES_KEPT_MAX. */
  readonly keptMax?: number
}

interface Kept {
  readonly told: AccessChange
  /** Of a change of a tenant, which not everybody is told. */
  readonly tenant: string | undefined
}

export class AccessFeed implements AccessFeedTeller {
  readonly #needs: AccessFeedNeeds
  readonly #keptMax: number
  readonly #wakes = new Set<() => void>()
  #ring: Kept[] = []
  /** Number of the oldest in the ring, of all that ever were in it. */
  #first = 0
  /** After this position the ring has all. */
  #floor = 0
  #position = 0
  #incarnation = ''
  #policy: PolicyStanding | undefined
  /** Grows when everybody has to begin anew. */
  #life = 0
  #open = false

  constructor(needs: AccessFeedNeeds) {
    this.#needs = needs
    this.#keptMax = needs.keptMax ?? ACCESS_CHANGES_KEPT_MAX
  }

  restarted(incarnation: string, position: number): void {
    this.#open = false
    this.#incarnation = incarnation
    this.#position = position
    this.#policy = undefined
    this.#beginAt(position)
  }

  applied(changes: readonly FeedEntry[], through: number, policy: PolicyStanding | undefined): void {
    let told = this.#policy
    for (const change of changes) {
      const kept = keptOf(change)
      if (kept !== undefined) this.#ring.push(kept)
      if (change.kind === 'policy') told = { revision: change.revision, position: change.position }
    }
    // Activated by an older process, which says so nowhere in the feed: nobody could be told at which position.
    const silently = told?.revision !== policy?.revision || told?.position !== policy?.position
    this.#policy = policy
    this.#position = through
    if (silently && this.#open) this.#beginAt(through)
    else this.#forgetOldest()
    this.#wake()
  }

  caughtUp(): void {
    if (this.#open) return
    // Not before: a policy is in force here only now, and one that was activated before the start is in no change.
    this.#open = true
    this.#wake()
  }

  /** @param wake something may be there to be taken; also when there is not */
  watch(from: WatchedFrom | undefined, { tenants, callerDigest }: Watching, wake: () => void): AccessCursor {
    let life: number | undefined
    /** The next one to be looked at, and what was told so far. */
    let [next, through] = [0, 0]
    const begin = (): AccessEvent => {
      const resumed = life === undefined && from !== undefined && this.#resumes(from, callerDigest)
      life = this.#life
      next = this.#first + this.#ring.length
      through = this.#position
      if (resumed) {
        // It may be ahead of this replica: then nothing is told until this one gets there.
        through = from.position
        next = this.#first + firstAfter(this.#ring, through)
      }
      const policy = resumed ? undefined : this.#policy
      return { kind: 'opened', incarnation: this.#incarnation, position: through, resumed, policy, callerDigest }
    }
    const read = (): AccessEvent | undefined => {
      if (next < this.#first) throw tooSlow()
      const changes: AccessChange[] = []
      let [index, last] = [next - this.#first, through]
      for (; index < this.#ring.length; index++) {
        const { told, tenant } = this.#ring[index] as Kept
        // A position is told whole.
        if (changes.length >= ACCESS_CHANGES_TOLD_AT_ONCE_MAX && told.position > last) break
        last = told.position
        if (told.position > through && (tenant === undefined || tenants === null || tenants.has(tenant))) changes.push(told)
      }
      next = this.#first + index
      const reached = index === this.#ring.length ? this.#position : last
      if (reached <= through) return undefined
      through = reached
      return { kind: 'changes', changes, through }
    }
    const isAtHead = () => life === this.#life && next === this.#first + this.#ring.length
    const isPending = () => this.#open && (!isAtHead() || this.#position > through)
    this.#wakes.add(wake)
    const feed = this
    return {
      get open() {
        return feed.#open
      },
      get pending() {
        return isPending()
      },
      take(beat) {
        if (!feed.#open) return []
        const events: AccessEvent[] = []
        if (life !== feed.#life) events.push(begin())
        const changes = read()
        if (changes !== undefined) events.push(changes)
        if (beat !== undefined && isAtHead()) events.push(feed.#heartbeat(beat))
        return events
      },
      close: () => void this.#wakes.delete(wake),
    }
  }

  #resumes(from: WatchedFrom, callerDigest: string): boolean {
    if (from.incarnation !== this.#incarnation || from.position < this.#floor) return false
    // Callers change seldom, and what may be seen is among what changes of them.
    return from.callerDigest === callerDigest && from.position >= this.#needs.knowledge.lastCallerChange()
  }

  #heartbeat(beat: number): AccessEvent {
    const { knowledge, clock } = this.#needs
    const nowMs = clock.monotonicMs()
    return {
      kind: 'heartbeat',
      beat,
      position: this.#position,
      ageMs: wholeMs(knowledge.ageMs(nowMs)),
      fresh: knowledge.isFresh(nowMs),
      databaseBeforeMs: wholeMs(knowledge.latestDatabaseMs(nowMs)),
    }
  }

  /** Nobody goes on from before this position. */
  #beginAt(position: number): void {
    this.#life++
    this.#first += this.#ring.length
    this.#ring = []
    this.#floor = position
  }

  /** A quarter at once, so that it costs little for each. */
  #forgetOldest(): void {
    if (this.#ring.length <= this.#keptMax) return
    const forgotten = this.#ring.splice(0, this.#ring.length - Math.floor((this.#keptMax * 3) / 4))
    this.#first += forgotten.length
    this.#floor = (forgotten.at(-1) as Kept).told.position
  }

  #wake(): void {
    for (const wake of this.#wakes) wake()
  }
}

/**
 * Which kinds turn decisions: what a state is read from (Knowledge.note: `user`, `assignment`, `tenant`), and `policy`. Of an assignment its user is
 * told. `caller` says who may ask, not what is answered; `revision` is in force nowhere yet.
 */
function keptOf(change: FeedEntry): Kept | undefined {
  const { position } = change
  switch (change.kind) {
    case 'assignment':
    case 'user':
      return { told: { kind: 'user', position, fingerprint: fingerprintOf(change.user) }, tenant: undefined }
    case 'tenant':
      return { told: { kind: 'tenant', position, fingerprint: fingerprintOf(change.tenant) }, tenant: change.tenant }
    case 'policy':
      return { told: { kind: 'policy', position, revision: change.revision }, tenant: undefined }
    case 'caller':
    case 'revision':
      return undefined
  }
}

/** Index of the first one after the position, in a ring that is ordered by it. */
function firstAfter(ring: readonly Kept[], position: number): number {
  let [low, high] = [0, ring.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ring[middle] as Kept).told.position > position) high = middle
    else low = middle + 1
  }
  return low
}

/** Rounded up; what has no number, as before the first reading, is later than anything. */
function wholeMs(ms: number): number {
  return Math.min(Math.ceil(ms), Number.MAX_SAFE_INTEGER)
}

export function tooSlow(): ServiceError {
  return new ServiceError('overloaded', 'The watcher is too far behind.', {
    hint: 'Read faster, and watch again from what is known.',
    retryAfterSeconds: 1,
  })
}
