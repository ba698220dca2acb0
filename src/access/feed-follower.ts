/** Follows the feed: reads it often, and earlier when the doorbell rings, and applies what it reads to this replica. Floor 3. */
import type { SharedLevel } from '../cache/ports.ts'
import { type Clock, sleep } from '../ground/clock.ts'
import { Coalesced } from '../ground/coalesce.ts'
import type { Log } from '../ground/log.ts'
import type { PolicyStanding } from '../model/access-event.ts'
import { FEED_INTERVAL_MS, FEED_RING_MS_MIN, FEED_START_ATTEMPTS_MAX, SHARED_ENTRY_TTL_MS } from '../model/limits.ts'
import type { PolicyInForce } from '../policy/in-force.ts'
import type { Doorbell, FeedReader, FeedReading, ReplicaReport } from '../store/ports.ts'
import type { AccessFeedTeller } from './access-feed.ts'
import type { Knowledge } from './knowledge.ts'
import { momentOf } from './moment.ts'
import { PolicyAdoption } from './policy-adoption.ts'

export interface FollowerNeeds {
  readonly feed: FeedReader
  readonly doorbell: Doorbell
  readonly knowledge: Knowledge
  readonly policy: PolicyInForce
  /** Told of each reading; absent where there is no Redis. */
  readonly shared: SharedLevel | undefined
  readonly clock: Clock
  readonly log: Log
  readonly observe: FollowerObserver
  /** Told of what holds here, from the moment on that it does. */
  readonly told: AccessFeedTeller
  /** Nothing that was kept in process holds any more. */
  readonly restarted: () => void
}

export interface FollowerObserver {
  /** @param lagMs between a change's writing and its application here, on the database's clock */
  applied(lagMs: number): void
  readFailed(): void
}

export class FeedFollower {
  readonly #needs: FollowerNeeds
  readonly #adoption: PolicyAdoption
  readonly #readings = new Coalesced(() => this.#readToHead())
  #mark: string | undefined
  #sentAtMs = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | undefined
  #ringIsDue = false
  #failing = false
  /** It cannot apply what it reads, and took itself out of those that changes wait for. */
  #aside = false
  #closed = false

  constructor(needs: FollowerNeeds) {
    this.#needs = needs
    this.#adoption = new PolicyAdoption(needs.policy, needs.clock)
  }

  /** Registers this replica and reads to the head. @throws StoreError when that fails again and again */
  async start(): Promise<void> {
    const { doorbell, shared } = this.#needs
    await this.#begin()
    doorbell.onRing(() => this.#rung())
    shared?.onHeadAhead((head) => void this.#suspectRestore(head))
    this.#schedule()
  }

  /** A process that starts is busy with itself, so the first reading may well be late: that alone is no reason not to start. */
  async #begin(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#needs.feed.register()
        await this.catchUp()
        return
      } catch (fault) {
        if (attempt >= FEED_START_ATTEMPTS_MAX) throw fault
        await sleep(this.#needs.clock, FEED_INTERVAL_MS)
      }
    }
  }

  /** Applies a reading that is sent after this call: everything committed before is known then. @throws StoreError */
  async catchUp(): Promise<void> {
    await this.#readings.run()
  }

  /** Reads now, not at the next interval. */
  ring(): void {
    if (!this.#closed) this.#readings.run().catch(() => undefined)
  }

  /** Ends reading, then takes this replica out of those that changes wait for. Nothing may be answered from memory any more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer?.()
    await this.#readings.join().catch(() => undefined)
    await this.#needs.feed.unregister()
  }

  /** Somebody else's bell: rung without pause, it must not be heard without pause. */
  #rung(): void {
    if (this.#ringIsDue) return
    const waitMs = this.#sentAtMs + FEED_RING_MS_MIN - this.#needs.clock.monotonicMs()
    if (waitMs <= 0) {
      this.ring()
      return
    }
    this.#ringIsDue = true
    this.#needs.clock.after(waitMs, () => {
      this.#ringIsDue = false
      this.ring()
    })
  }

  #schedule(): void {
    if (this.#closed) return
    this.#cancelTimer = this.#needs.clock.after(FEED_INTERVAL_MS, () => {
      const again = () => this.#schedule()
      this.#readings.join().then(again, again)
    })
  }

  async #readToHead(): Promise<void> {
    try {
      let reported: ReplicaReport | undefined
      while (!this.#closed && reported === undefined) reported = await this.#readOnce()
      // Those who wait for a change learn of it by the next report: at once, but not within this run, which others wait for.
      if (reported !== undefined && !sameReport(reported, this.#report())) queueMicrotask(() => this.ring())
      if (this.#failing) this.#needs.log.info('the feed can be read again')
      this.#failing = false
    } catch (fault) {
      this.#needs.observe.readFailed()
      if (!this.#failing) this.#needs.log.warn({ err: fault }, 'the feed cannot be read; checks ask the database once memory is too old')
      this.#failing = true
      throw fault
    }
  }

  /** @returns what was reported with it when it reached the head; otherwise there is more to read */
  async #readOnce(): Promise<ReplicaReport | undefined> {
    const { feed, knowledge, clock, log } = this.#needs
    const sent = momentOf(clock)
    this.#sentAtMs = sent.monotonicMs
    const report = this.#report()
    const reading = await feed.read(report)
    if (!reading.registered && !this.#aside) {
      // Nobody waits for it, so from this moment on it answers nothing from memory.
      knowledge.distrust()
      await feed.register()
      return undefined
    }
    if (knowledge.known === undefined || reading.incarnation !== knowledge.incarnation) {
      await this.#restart(reading)
      return undefined
    }
    if (this.#isOtherTimeline(reading, knowledge.known)) {
      await this.#restored(reading.incarnation)
      return undefined
    }
    if (this.#isCutOff(reading, knowledge.known)) {
      const { known } = knowledge
      log.warn({ known, head: reading.head }, 'this replica missed what the feed does not hold any more; it starts over')
      await this.#restart(reading)
      return undefined
    }
    await this.#apply(reading)
    if (this.#aside) {
      // Fresh by the next reading, which finds it registered.
      await feed.register()
      this.#aside = false
      return undefined
    }
    if (reading.through < reading.head) return undefined
    knowledge.catchUp({ sent, atMs: reading.atMs })
    this.#needs.told.caughtUp()
    this.#needs.shared?.observe({ incarnation: reading.incarnation, secret: reading.cacheSecret, head: reading.head })
    return report
  }

  #report(): ReplicaReport {
    const { knowledge, policy } = this.#needs
    return {
      ...(knowledge.known === undefined ? {} : { knownPosition: knowledge.known }),
      ...(policy.revision === undefined ? {} : { policyRevision: policy.revision }),
      ...(policy.prepared === undefined ? {} : { preparedRevision: policy.prepared }),
    }
  }

  async #apply(reading: FeedReading): Promise<void> {
    const { knowledge, policy, observe, told } = this.#needs
    for (const change of reading.changes) {
      knowledge.note(change)
      if (change.kind === 'revision') this.#prepare(change.revision)
    }
    // Before the position is reached: a replica is never past an activation that it has not applied.
    const active = reading.through === reading.head ? reading.policy : reading.changes.findLast((change) => change.kind === 'policy')
    try {
      if (active !== undefined) await this.#adoption.adopt(active.revision, active.position)
    } catch (fault) {
      await this.#stepAside()
      throw fault
    }
    knowledge.reach(reading.through)
    told.applied(reading.changes, reading.through, standingOf(policy))
    this.#mark = reading.throughMark
    for (const change of reading.changes) observe.applied(Math.max(0, reading.atMs - change.atMs))
  }

  /** Once it is not fresh it answers nothing from memory, and no change need wait for it. */
  async #stepAside(): Promise<void> {
    const { feed, knowledge, clock, log } = this.#needs
    if (this.#aside || knowledge.isFresh(clock.monotonicMs())) return
    knowledge.distrust()
    this.#aside = true
    log.error('the policy in force cannot be applied here; this replica refuses checks until it can')
    await feed.unregister()
  }

  /** Beside everything else; the next reading reports it. */
  #prepare(revision: string): void {
    this.#needs.policy.prepare(revision).then(
      () => this.ring(),
      (fault: unknown) => this.#needs.log.error({ err: fault, revision }, 'a published policy revision could not be prepared'),
    )
  }

  #isOtherTimeline(reading: FeedReading, known: number): boolean {
    if (reading.head < known) return true
    if (this.#mark === undefined || reading.prunedThrough >= known) return false
    return reading.mark !== this.#mark
  }

  /** What came after the known position may be gone, or what stood there and would show that it is still the same. */
  #isCutOff({ prunedThrough }: FeedReading, known: number): boolean {
    return prunedThrough > known || (prunedThrough === known && this.#mark !== undefined)
  }

  /** Forgets everything and begins at the head; with Redis far enough back to know every change that an entry there could predate. */
  async #restart(reading: FeedReading): Promise<void> {
    const { feed, knowledge, policy, shared, log, told } = this.#needs
    const before = knowledge.incarnation
    knowledge.distrust()
    if (before !== undefined && before !== reading.incarnation)
      log.error(
        { before, incarnation: reading.incarnation, head: reading.head },
        'the database was restored or failed over: everything held of it is dropped',
      )
    const from = shared === undefined ? reading.head : await feed.findPositionBefore(2 * SHARED_ENTRY_TTL_MS)
    policy.forget()
    this.#mark = undefined
    const floor = Math.min(reading.head, Math.max(from, reading.prunedThrough))
    knowledge.restart(reading.incarnation, floor)
    told.restarted(reading.incarnation, floor)
    this.#needs.restarted()
  }

  async #restored(incarnation: string): Promise<void> {
    const { feed, knowledge, log } = this.#needs
    knowledge.distrust()
    log.error({ incarnation, known: knowledge.known }, 'the feed is not the one that was read before: the database was restored')
    await feed.renewIncarnation(incarnation)
  }

  /** Some replica told Redis of a later head: either it is ahead of us, which one reading shows, or the database was restored. */
  async #suspectRestore(head: number): Promise<void> {
    const { knowledge } = this.#needs
    const suspected = knowledge.incarnation
    try {
      await this.catchUp()
      const { known, incarnation } = knowledge
      // A closed follower reads nothing; another incarnation means that somebody has dealt with it.
      if (this.#closed || known === undefined || incarnation === undefined || incarnation !== suspected || known >= head) return
      await this.#restored(incarnation)
      await this.catchUp()
    } catch {
      // The next observation finds it again.
    }
  }
}

function standingOf({ revision, position }: PolicyInForce): PolicyStanding | undefined {
  return revision === undefined ? undefined : { revision, position }
}

function sameReport(one: ReplicaReport, other: ReplicaReport): boolean {
  return (
    one.knownPosition === other.knownPosition &&
    one.policyRevision === other.policyRevision &&
    one.preparedRevision === other.preparedRevision
  )
}
