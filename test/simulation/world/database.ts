/**
 * A simulated PostgreSQL: versions in the order of their commits, transactions that take the head's lock and let it go, statements of one
 * snapshot, a clock of its own, crashes and restores. Statements execute at once: how long they travel is the wire's.
 */
import type { AccessState } from '../../../src/model/access-state.ts'
import { FRESHNESS_BOUND_MS, FRESHNESS_MARGIN_MS } from '../../../src/model/limits.ts'
import type { FeedEntry, FeedReading, ReplicaRecord, ReplicaReport } from '../../../src/store/ports.ts'
import type { Timeline } from './clock.ts'
import { apply, type Change, type Rows, stateOf } from './rows.ts'

/** What was committed, and from when on everybody who asked saw it. */
export interface Version {
  /** In the order of all that happens in the world. */
  readonly number: number
  readonly position: number
  /** True time. */
  readonly committedAtMs: number
  readonly parent: Version | undefined
  readonly rows: Rows
  readonly entry: FeedEntry | undefined
  /** True time at which the database went away, to come back without this version. */
  lostAtMs: number | undefined
  /** What else a restore brings back. */
  readonly beside: Beside
}

interface Beside {
  readonly incarnation: number
  readonly recoveries: number
  readonly prunedThrough: number
  readonly replicas: ReadonlyMap<string, ReplicaRecord>
}

export interface Timing {
  /** From the transaction's begin until it asks for the head's lock. */
  readonly beforeMs: number
  /** For which it has the lock before it ends. */
  readonly holdMs: number
  readonly rollsBack: boolean
}

export interface ChangeOutcome {
  readonly version: Version
  /** False: it was so already, as of this version. */
  readonly applied: boolean
}

interface Transaction {
  readonly end: (outcome: ChangeOutcome | undefined) => void
  ended: boolean
}

/** Positions read at once: small, so that a replica that was away needs several readings. */
const POSITIONS_READ_MAX = 3
/** Its clock at true time 0: not a whole millisecond, as clocks are. */
const ORIGIN_MS = 1_700_000_000_000.7

export class SimulatedDatabase {
  readonly #timeline: Timeline
  readonly #takesPositionAtBegin: boolean
  readonly #committed: (version: Version) => void
  #sequence = 1
  /** The highest position that was committed. */
  #head = 1
  #incarnations = 1
  #incarnation = 1
  /** Each recovery and each promotion shows in PostgreSQL's own timeline; a snapshot of the disk that is put back does not. */
  #recoveries = 0
  #prunedThrough = 0
  #agedThrough = 0
  #replicas = new Map<string, ReplicaRecord>()
  /** In the order of commits; what a restore took away is not among them. */
  #versions: Version[]
  readonly #all: Version[]
  #open = new Set<Transaction>()
  #turns: { readonly transaction: Transaction; readonly locked: () => void }[] = []
  #locked = false
  #downSinceMs: number | undefined
  #changesFromMs = 0

  /** @param takesPositionAtBegin as a sequence gives numbers: a lower one can be committed later */
  constructor(timeline: Timeline, rows: Rows, takesPositionAtBegin: boolean, committed: (version: Version) => void) {
    this.#timeline = timeline
    this.#committed = committed
    this.#takesPositionAtBegin = takesPositionAtBegin
    const first = { number: timeline.next(), position: 1, committedAtMs: 0, parent: undefined, rows, lostAtMs: undefined }
    const entry: FeedEntry = { kind: 'policy', revision: rows.policy.revision, position: 1, atMs: this.nowMs() }
    this.#versions = [{ ...first, entry, beside: this.#beside() }]
    this.#all = [...this.#versions]
  }

  /** Also those that a restore took away. */
  get versions(): readonly Version[] {
    return this.#all
  }

  get down(): boolean {
    return this.#downSinceMs !== undefined
  }

  /** Its clock, as its statements tell it: whole milliseconds, never rounded up. */
  nowMs(): number {
    return Math.floor(databaseMs(this.#timeline.nowMs))
  }

  resolve(tenant: string, user: string): AccessState {
    return stateOf(this.#latest().rows, this.#head, tenant, user, this.nowMs())
  }

  readFeed(replicaId: string, report: ReplicaReport): FeedReading {
    const known = report.knownPosition
    const row = this.#replicas.get(replicaId)
    const head = this.#head
    const through = known === undefined ? head : Math.min(head, known + POSITIONS_READ_MAX)
    let mark: string | undefined
    let throughMark: string | undefined
    const changes: FeedEntry[] = []
    for (const { position, entry, number } of this.#versions) {
      if (entry === undefined || position <= this.#prunedThrough) continue
      if (position === known) mark = String(number)
      if (position === through) throughMark = String(number)
      if (known !== undefined && position > known && position <= through) changes.push(entry)
    }
    if (row !== undefined) {
      const { preparedRevision = null, policyRevision = null } = report
      const knownPosition = known === undefined || known > head ? null : known
      const told = { knownPosition, policyRevision, preparedRevision, beat: row.beat + 1, seenAtMs: this.nowMs() }
      this.#replicas.set(replicaId, { ...row, ...told })
    }
    return {
      registered: row !== undefined,
      incarnation: this.#name,
      head,
      prunedThrough: this.#prunedThrough,
      atMs: this.nowMs(),
      ...(mark === undefined ? {} : { mark }),
      ...(throughMark === undefined ? {} : { throughMark }),
      changes: changes.sort((one, other) => one.position - other.position),
      through,
      policy: this.#latest().rows.policy,
      cacheSecret: Buffer.from(`secret ${this.#incarnation}`),
    }
  }

  register(id: string): void {
    const nowMs = this.nowMs()
    const beat = Math.max(nowMs, (this.#replicas.get(id)?.beat ?? 0) + 1)
    const row = {
      id,
      beat,
      knownPosition: null,
      policyRevision: null,
      policySinceMs: null,
      preparedRevision: null,
      startedAtMs: nowMs,
      seenAtMs: nowMs,
    }
    this.#replicas.set(id, row)
  }

  unregister(id: string): void {
    this.#replicas.delete(id)
  }

  listReplicas(): readonly ReplicaRecord[] {
    return [...this.#replicas.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
  }

  removeReplica(id: string, beat: number): void {
    if (this.#replicas.get(id)?.beat === beat) this.#replicas.delete(id)
  }

  positionBefore(): number {
    return Math.max(this.#agedThrough, this.#prunedThrough)
  }

  renewIncarnation(old: string): void {
    if (old === this.#name) this.#incarnation = ++this.#incarnations
  }

  /** Everything up to here is older than what lives in Redis. */
  age(): void {
    this.#agedThrough = this.#head
  }

  /** The newest row stays. */
  prune(): void {
    this.#prunedThrough = Math.max(this.#prunedThrough, this.#head - 1)
  }

  /** @param end told once: what was committed, or `undefined` for a transaction that was not */
  change(change: Change, timing: Timing, end: Transaction['end']): void {
    const transaction: Transaction = { end, ended: false }
    if (this.#timeline.nowMs < this.#changesFromMs) {
      this.#end(transaction, undefined)
      return
    }
    this.#open.add(transaction)
    const then = (ms: number, run: () => void) => void this.#timeline.after(ms, () => transaction.ended || run())
    const begunPosition = this.#takesPositionAtBegin ? ++this.#sequence : undefined
    if (begunPosition !== undefined) {
      then(timing.beforeMs + timing.holdMs, () => this.#commit(transaction, change, timing, begunPosition))
      return
    }
    const locked = () =>
      then(timing.holdMs, () => {
        this.#commit(transaction, change, timing, this.#head + 1)
        this.#locked = false
        this.#nextTurn()
      })
    then(timing.beforeMs, () => {
      this.#turns.push({ transaction, locked })
      this.#nextTurn()
    })
  }

  /** The head's lock, in the order in which it was asked for. */
  #nextTurn(): void {
    while (!this.#locked) {
      const turn = this.#turns.shift()
      if (turn === undefined) return
      if (turn.transaction.ended) continue
      this.#locked = true
      turn.locked()
    }
  }

  #commit(transaction: Transaction, change: Change, { rollsBack }: Timing, position: number): void {
    const changed = rollsBack ? undefined : apply(this.#latest().rows, change, position, this.nowMs())
    if (changed !== undefined) {
      const version: Version = {
        number: this.#timeline.next(),
        position,
        committedAtMs: this.#timeline.nowMs,
        parent: this.#latest(),
        rows: changed.rows,
        entry: { ...changed.feed, position, atMs: this.nowMs() },
        lostAtMs: undefined,
        beside: this.#beside(),
      }
      this.#versions.push(version)
      this.#head = Math.max(this.#head, position)
      this.#all.push(version)
      this.#committed(version)
    }
    this.#end(transaction, rollsBack ? undefined : { version: this.#latest(), applied: changed !== undefined })
  }

  #end(transaction: Transaction, outcome: ChangeOutcome | undefined): void {
    transaction.ended = true
    this.#open.delete(transaction)
    transaction.end(outcome)
  }

  /** Nothing under way is committed. */
  goDown(): void {
    this.#downSinceMs ??= this.#timeline.nowMs
    for (const transaction of [...this.#open]) this.#end(transaction, undefined)
    this.#turns = []
    this.#locked = false
  }

  /**
   * From a snapshot of the disk nothing tells that it was restored. So nothing is changed for as long as the freshness bound, until replicas
   * have read the feed; and an incarnation that was given up does not come back.
   * @param restore how many versions are to be gone, of those it had when it went down
   * @returns how many are gone
   */
  comeUp({ back, snapshot }: { readonly back: number; readonly snapshot: boolean }): number {
    const first = this.#versions.findIndex(
      ({ beside }) => beside.incarnation === this.#incarnation && beside.recoveries === this.#recoveries,
    )
    const least = snapshot ? (first === -1 ? this.#versions.length : first + 1) : 1
    const lost = this.#versions.splice(Math.max(least, this.#versions.length - back))
    for (const version of lost) version.lostAtMs = this.#downSinceMs
    if (lost.length > 0) {
      this.#head = this.#versions.reduce((highest, { position }) => Math.max(highest, position), 0)
      const { incarnation, prunedThrough, replicas } = this.#latest().beside
      this.#incarnation = incarnation
      this.#prunedThrough = prunedThrough
      this.#replicas = new Map(replicas)
      this.#agedThrough = Math.min(this.#agedThrough, this.#head)
      if (snapshot) this.#changesFromMs = this.#timeline.nowMs + FRESHNESS_BOUND_MS + FRESHNESS_MARGIN_MS
      else this.#recoveries++
    }
    this.#downSinceMs = undefined
    return lost.length
  }

  get #name(): string {
    return `${this.#incarnation}.${this.#recoveries}`
  }

  #latest(): Version {
    const version = this.#versions.at(-1)
    if (version === undefined) throw new Error('the simulated database has no version')
    return version
  }

  #beside(): Beside {
    return {
      incarnation: this.#incarnation,
      recoveries: this.#recoveries,
      prunedThrough: this.#prunedThrough,
      replicas: new Map(this.#replicas),
    }
  }
}

/** What the database's clock shows at a true time. */
export function databaseMs(trueMs: number): number {
  return ORIGIN_MS + trueMs
}
