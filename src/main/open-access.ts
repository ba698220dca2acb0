/** Joins what every answer rests on: the feed, the policy in force, the cache levels and freshness. Opens neither database nor wire. Floor 6. */
import { type Freshness, type FreshnessMemory, type FreshnessNeeds, type FreshnessObserver, openFreshness } from '../access/freshness.ts'
import type { ActivationNeeds } from '../access/policy-activation.ts'
import { openMemoryLevel } from '../cache/memory.ts'
import type { RedisAddress } from '../cache/redis-address.ts'
import { RedisCache } from '../cache/redis-cache.ts'
import { RedisDoorbell } from '../cache/redis-doorbell.ts'
import type { RedisObserver } from '../cache/redis-link.ts'
import { openStateMemory } from '../cache/state-memory.ts'
import type { Clock } from '../ground/clock.ts'
import type { Lifecycle } from '../ground/lifecycle.ts'
import type { Log } from '../ground/log.ts'
import type { Random } from '../ground/random.ts'
import type { Tracing } from '../ground/tracing.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import {
  MEMORY_CALLERS_BYTES_MAX,
  MEMORY_CALLERS_MAX,
  MEMORY_ENTRIES_MAX,
  MEMORY_KEYS_BYTES_MAX,
  MEMORY_SESSIONS_BYTES_MAX,
  MEMORY_SESSIONS_MAX,
} from '../model/limits.ts'
import { PolicyInForce } from '../policy/in-force.ts'
import type { Database } from '../store/database.ts'
import { openFeed } from '../store/feed-reader.ts'
import type { Doorbell, Store } from '../store/ports.ts'
import { tracedShared } from './traced-parts.ts'

export interface AccessPlan {
  /** Memory for access states in process. */
  readonly cacheBytes: number
  /** Absent: each replica keeps its own. */
  readonly redis: { readonly address: RedisAddress; readonly ca: Buffer | undefined } | undefined
}

export interface AccessNeeds extends Pick<FreshnessNeeds, 'holds'> {
  /** Migrated; it stays open. */
  readonly database: Database
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly observe: AccessObserver
  readonly tracing?: Tracing | undefined
  /** Compiled from files already: when it is the one in force, its stored content is not needed. */
  readonly offered?: CompiledPolicy | undefined
}

export interface AccessObserver {
  readonly freshness: FreshnessObserver
  /** Redis as a level of the cache, and as a bell: a connection each. */
  readonly cache: RedisObserver
  readonly doorbell: RedisObserver
}

export interface Access {
  readonly replicaId: string
  readonly policy: PolicyInForce
  readonly freshness: Freshness
  readonly activation: ActivationNeeds
  readonly memory: FreshnessMemory
}

/**
 * Resolves when this replica has read the feed to its head. Redis being away does not delay it.
 * @param lifecycle closes what was opened, also after a fault; before it does, nothing may answer any more
 * @throws StoreError
 */
export async function openAccess(plan: AccessPlan, needs: AccessNeeds, lifecycle: Lifecycle): Promise<Access> {
  const { database, store, clock, random, log, observe } = needs
  const replicaId = random.uuid()
  const feed = openFeed(database, replicaId)
  lifecycle.add('feed', () => feed.close())
  const redis = plan.redis && openRedis(plan.redis, needs, lifecycle)
  const policy = new PolicyInForce({ findRevision: (revision) => store.records.findRevision(revision) })
  if (needs.offered !== undefined) policy.offer(needs.offered)
  const memory = openMemory(plan.cacheBytes)
  const opening = openFreshness({
    replicaId,
    store,
    feed: feed.reader,
    doorbell: redis === undefined ? feed.doorbell : bothBells(redis.doorbell, feed.doorbell),
    policy,
    memory,
    shared: redis && (needs.tracing === undefined ? redis.cache : tracedShared(redis.cache, needs.tracing)),
    clock,
    log,
    observe: observe.freshness,
    ...(needs.holds === undefined ? {} : { holds: needs.holds }),
  })
  const freshness = await opening.catch(async (fault: unknown) => {
    // Nobody is to wait for a replica that never began.
    await feed.reader.unregister().catch(() => undefined)
    throw fault
  })
  lifecycle.add('freshness', () => freshness.close())
  const activation = { store, acknowledgement: freshness.acknowledgement, catchUp: () => freshness.catchUp(), log }
  return { replicaId, policy, freshness, activation, memory }
}

/** Redis may be away, and a replica may have none: who is not reached by one bell hears the other. */
function bothBells(one: Doorbell, other: Doorbell): Doorbell {
  return {
    ring() {
      one.ring()
      other.ring()
    },
    onRing(listener) {
      one.onRing(listener)
      other.onRing(listener)
    },
  }
}

function openMemory(bytesMax: number): Access['memory'] {
  return {
    states: openStateMemory({ entriesMax: MEMORY_ENTRIES_MAX, bytesMax }),
    callers: openMemoryLevel({ entriesMax: MEMORY_CALLERS_MAX, bytesMax: MEMORY_CALLERS_BYTES_MAX }),
    sessions: openMemoryLevel({ entriesMax: MEMORY_SESSIONS_MAX, bytesMax: MEMORY_SESSIONS_BYTES_MAX }),
    keys: openMemoryLevel({ entriesMax: 1, bytesMax: MEMORY_KEYS_BYTES_MAX }),
  }
}

function openRedis(
  plan: NonNullable<AccessPlan['redis']>,
  { clock, random, log, observe }: AccessNeeds,
  lifecycle: Lifecycle,
): { readonly cache: RedisCache; readonly doorbell: RedisDoorbell } {
  const common = { ...plan, clock, random, log }
  const cache = new RedisCache({ ...common, observe: observe.cache })
  const doorbell = new RedisDoorbell({ ...common, observe: observe.doorbell })
  lifecycle.add('redis', async () => {
    doorbell.close()
    cache.close()
  })
  return { cache, doorbell }
}
