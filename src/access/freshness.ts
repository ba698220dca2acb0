/** The parts that keep this replica's answers fresh, joined: knowledge, its follower, the readers that rest on it, acknowledgement. Floor 3. */
import type { MemoryLevel, SharedLevel, StateLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { CallerReading } from '../model/caller.ts'
import { LAST_CHANGES_KEPT_MAX } from '../model/limits.ts'
import type { PolicyInForce } from '../policy/in-force.ts'
import type { KeysReading, SessionReading } from '../store/identity-ports.ts'
import type { Doorbell, FeedReader, Store } from '../store/ports.ts'
import { AccessFeed } from './access-feed.ts'
import { type Acknowledgement, openAcknowledgement } from './acknowledge.ts'
import { DatabaseTime } from './database-time.ts'
import { FeedFollower, type FollowerObserver } from './feed-follower.ts'
import { type CallerFinder, type CallerFinderNeeds, openCallerFinder } from './find-caller.ts'
import { type KeyFinder, type KeyFinderNeeds, openKeyFinder } from './find-keys.ts'
import { openSessionFinder, type SessionFinder, type SessionFinderNeeds } from './find-session.ts'
import { holds, type Kept, type ReadObserver, type Validity } from './fresh-reader.ts'
import { Knowledge } from './knowledge.ts'
import { type AccessResolver, openAccessResolver, type ResolverNeeds } from './resolve.ts'
import { openTidy } from './tidy.ts'

export interface FreshnessNeeds {
  readonly replicaId: string
  readonly store: Pick<Store, 'replicas' | 'pruneFeed'> &
    Pick<ResolverNeeds, 'access'> &
    Pick<CallerFinderNeeds, 'records' | 'identity'> &
    Pick<SessionFinderNeeds, 'identity'> &
    Pick<KeyFinderNeeds, 'identity'>
  readonly feed: FeedReader
  readonly doorbell: Doorbell
  readonly policy: PolicyInForce
  readonly memory: FreshnessMemory
  /** Absent: no Redis. */
  readonly shared: SharedLevel | undefined
  readonly clock: Clock
  readonly log: Log
  readonly observe: FreshnessObserver
  /** Only a test that shows what the rule is good for gives another one. */
  readonly holds?: Validity
}

/** Emptied when the database may be another one. */
export interface FreshnessMemory {
  readonly states: StateLevel
  readonly callers: MemoryLevel<Kept<CallerReading>>
  readonly sessions: MemoryLevel<Kept<SessionReading>>
  readonly keys: MemoryLevel<Kept<KeysReading>>
}

export interface FreshnessObserver extends FollowerObserver {
  readonly states: ReadObserver
  readonly callers: ReadObserver
  readonly sessions: ReadObserver
  readonly keys: ReadObserver
  /** Seconds from a change's commit until it was in force everywhere. */
  effective(seconds: number): void
}

export interface FreshnessStatus {
  readonly fresh: boolean
  /** Milliseconds since the last reading that reached the head was sent; infinite before the first. */
  readonly ageMs: number
  readonly position: number | undefined
}

export interface Freshness {
  readonly resolver: AccessResolver
  readonly callers: CallerFinder
  readonly sessions: SessionFinder
  readonly keys: KeyFinder
  /** As DatabaseTime says it. */
  readonly databaseTime: Pick<Clock, 'nowMs'>
  readonly acknowledgement: Acknowledgement
  /** What was applied here, for who decides elsewhere. */
  readonly accessFeed: AccessFeed
  /** Applies a reading of the feed that is sent after this call. @throws StoreError */
  catchUp(): Promise<void>
  status(): FreshnessStatus
  /** Of the database that is known; absent before the start. */
  incarnation(): string | undefined
  /** After everything that answers was closed. */
  close(): Promise<void>
}

/** Resolves when this replica has read the feed to its head and the policy in force, if there is one, is in force here. @throws StoreError */
export async function openFreshness(needs: FreshnessNeeds): Promise<Freshness> {
  const { store, clock, policy, shared, observe } = needs
  const knowledge = new Knowledge(LAST_CHANGES_KEPT_MAX, clock)
  const accessFeed = new AccessFeed({ knowledge, clock })
  const follower = new FeedFollower({
    ...needs,
    knowledge,
    told: accessFeed,
    restarted: () => {
      resolver.clear()
      callers.clear()
      sessions.clear()
      keys.clear()
    },
  })
  const common = { knowledge, clock, holds: needs.holds ?? holds, catchUp: () => follower.catchUp() }
  const resolver = openAccessResolver({
    ...common,
    access: store.access,
    memory: needs.memory.states,
    shared,
    policy,
    observe: observe.states,
  })
  const { identity } = store
  const callers = openCallerFinder({ ...common, records: store.records, identity, memory: needs.memory.callers, observe: observe.callers })
  const sessions = openSessionFinder({ ...common, identity, memory: needs.memory.sessions, observe: observe.sessions })
  const databaseTime = new DatabaseTime(knowledge, clock)
  const keys = openKeyFinder({ ...common, identity, time: databaseTime, memory: needs.memory.keys, observe: observe.keys })
  await follower.start()
  const tidy = openTidy({ registry: store.replicas, pruneFeed: (keptMs) => store.pruneFeed(keptMs), clock, log: needs.log })
  return {
    resolver,
    callers,
    sessions,
    keys,
    databaseTime,
    acknowledgement: openAcknowledgement({
      registry: store.replicas,
      ownId: needs.replicaId,
      doorbell: needs.doorbell,
      ring: () => follower.ring(),
      clock,
      observe,
    }),
    accessFeed,
    catchUp: () => follower.catchUp(),
    incarnation: () => knowledge.incarnation,
    status: () => {
      const nowMs = clock.monotonicMs()
      return { fresh: knowledge.isFresh(nowMs), ageMs: knowledge.ageMs(nowMs), position: knowledge.known }
    },
    close: async () => {
      await tidy.close()
      await follower.close()
    },
  }
}
