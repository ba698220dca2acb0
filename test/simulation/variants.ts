/** The product with one thing broken at a time: each has to be found out by the property that the product keeps. */
import type { Acknowledgement } from '../../src/access/acknowledge.ts'
import { holds } from '../../src/access/fresh-reader.ts'
import type { FreshnessNeeds } from '../../src/access/freshness.ts'
import type { AccessResolver } from '../../src/access/resolve.ts'
import type { KeptState } from '../../src/cache/ports.ts'
import { type AccessState, nextEdgeMs } from '../../src/model/access-state.ts'
import { FRESHNESS_BOUND_MS } from '../../src/model/limits.ts'
import type { FeedEntry, FeedReading } from '../../src/store/ports.ts'
import { FetchedPolicy } from './world/policies.ts'
import type { KeyOf, SimulatedSharedLevel } from './world/redis.ts'

export interface Variant {
  /** Completes "finds out …". */
  readonly name: string
  /** Positions are given at a transaction's begin. */
  readonly sequence?: true
  readonly keyOf?: KeyOf
  readonly acknowledgement?: (real: Acknowledgement) => Acknowledgement
  readonly resolver?: (real: AccessResolver) => AccessResolver
  /** What one replica is made of. */
  readonly needs?: (needs: FreshnessNeeds, replica: Broken) => FreshnessNeeds
}

/** What a broken part may know of its replica. */
export interface Broken {
  /** The position that the replica knows. */
  known(): number
  readonly shared: SimulatedSharedLevel | undefined
}

/** No two pairs meet in one text. */
export const KEY_OF: KeyOf = (tenant, user) => JSON.stringify([tenant, user])

/** The feed, with something done to each reading when it has arrived. */
function afterReading(needs: FreshnessNeeds, then: (reading: FeedReading) => FeedReading): FreshnessNeeds {
  return { ...needs, feed: { ...bound(needs.feed), read: async (report) => then(await needs.feed.read(report)) } }
}

function bound(feed: FreshnessNeeds['feed']): FreshnessNeeds['feed'] {
  return {
    register: () => feed.register(),
    read: (report) => feed.read(report),
    findPositionBefore: (ageMs) => feed.findPositionBefore(ageMs),
    renewIncarnation: (old) => feed.renewIncarnation(old),
    unregister: () => feed.unregister(),
  }
}

function withResolve(
  needs: FreshnessNeeds,
  resolve: (tenant: string, user: string, real: () => Promise<AccessState>) => Promise<AccessState>,
): FreshnessNeeds {
  const { access } = needs.store
  const read = (tenant: string, user: string) => resolve(tenant, user, () => access.resolve(tenant, user))
  return { ...needs, store: { ...needs.store, access: { ...access, resolve: read } } }
}

/** A map that forgets what it is told to forget, in place of validity. */
function deletingMemory(needs: FreshnessNeeds, shared: SimulatedSharedLevel | undefined): FreshnessNeeds {
  const kept = new Map<string, KeptState>()
  const textOf = (tenant: string, user: string) => `${tenant.length}:${tenant}${user}`
  const touched = (change: FeedEntry, text: string) =>
    ('tenant' in change && text.startsWith(`${change.tenant.length}:${change.tenant}`)) || ('user' in change && text.endsWith(change.user))
  const states: FreshnessNeeds['memory']['states'] = {
    get: (tenant, user) => kept.get(textOf(tenant, user)),
    set: (tenant, user, value) => void kept.set(textOf(tenant, user), { value, edgeMs: nextEdgeMs(value) }),
    clear: () => kept.clear(),
    get entries() {
      return kept.size
    },
    bytes: 0,
  }
  const deleting = afterReading({ ...needs, memory: { ...needs.memory, states } }, (reading) => {
    for (const change of reading.changes) {
      for (const text of kept.keys()) if (touched(change, text)) kept.delete(text)
      if (change.kind === 'assignment') shared?.forget(change.tenant, change.user)
    }
    return reading
  })
  return { ...deleting, holds: (one, _, knowledge, nowMs) => knowledge.isFresh(nowMs) && knowledge.latestDatabaseMs(nowMs) < one.edgeMs }
}

export const VARIANTS: readonly Variant[] = [
  { name: 'entries that are used without asking whether they still hold', needs: (needs) => ({ ...needs, holds: () => true }) },
  {
    name: 'entries that are deleted when the feed says so, and trusted otherwise',
    needs: (needs, { shared }) => deletingMemory(needs, shared),
  },
  {
    name: 'a fill that is as of the position known when it arrives, not of the one it was read at',
    needs: (needs, { known }) =>
      withResolve(needs, async (_tenant, _user, real) => {
        const state = await real()
        return { ...state, position: Math.max(state.position, known()) }
      }),
  },
  { name: 'positions that do not follow the order of commits', sequence: true },
  {
    name: 'a state that is kept beyond the edge of a window',
    needs: (needs) => ({
      ...needs,
      holds: (kept, ...rest) => holds({ ...kept, edgeMs: Number.POSITIVE_INFINITY }, ...rest),
    }),
  },
  { name: 'two pairs that meet in one key', keyOf: (tenant, user) => `${tenant}|${user}` },
  {
    name: 'an acknowledgement that waits for nobody',
    acknowledgement: (real) => ({ ...real, effective: () => Promise.resolve() }),
  },
  {
    name: 'an acknowledgement that does not wait for who says nothing',
    needs: (needs) => {
      const { replicas } = needs.store
      const seen = new Map<string, { readonly beat: number; readonly atMs: number }>()
      const list = async () => {
        const nowMs = needs.clock.monotonicMs()
        const found = await replicas.list()
        return found.filter(({ id, beat, knownPosition }) => {
          const last = seen.get(id)
          if (last?.beat !== beat) seen.set(id, { beat, atMs: nowMs })
          return id === needs.replicaId || knownPosition === null || last?.beat !== beat || nowMs - last.atMs < 20
        })
      }
      return { ...needs, store: { ...needs.store, replicas: { list, remove: (id, beat) => replicas.remove(id, beat) } } }
    },
  },
  {
    name: 'freshness that begins when the reading has arrived, not when it was sent',
    needs: (needs) => {
      let arrivedAtMs = Number.NEGATIVE_INFINITY
      const noticing = afterReading(needs, (reading) => {
        if (reading.registered && reading.through === reading.head) arrivedAtMs = needs.clock.monotonicMs()
        return reading
      })
      return {
        ...noticing,
        holds: (kept, lastChange, knowledge, nowMs) =>
          nowMs - arrivedAtMs < FRESHNESS_BOUND_MS &&
          knowledge.known !== undefined &&
          kept.value.position >= lastChange &&
          knowledge.latestDatabaseMs(nowMs) < kept.edgeMs,
      }
    },
  },
  {
    name: 'a look that began before the question and is shared without knowing of any change since',
    needs: (needs) => {
      const arrivedAtMs = new WeakMap<object, number>()
      const noticing = withResolve(needs, async (_tenant, _user, real) => {
        const state = await real()
        arrivedAtMs.set(state, needs.clock.monotonicMs())
        return state
      })
      return { ...noticing, holds: (kept, ...rest) => arrivedAtMs.get(kept.value) === rest[2] || holds(kept, ...rest) }
    },
  },
  {
    name: 'a replica without a row that counts itself fresh',
    needs: (needs) => afterReading(needs, (reading) => ({ ...reading, registered: true })),
  },
  {
    name: 'a policy that is put in force after its position counts as known',
    needs: (needs) => ({ ...needs, policy: new LatePolicy(needs) }),
  },
  {
    name: 'a batch whose first answers are old when the last one is there',
    resolver: (real) => ({ ...real, isCurrent: () => true }),
  },
]

class LatePolicy extends FetchedPolicy {
  constructor(needs: FreshnessNeeds) {
    super((needs.policy as FetchedPolicy).fetch)
  }

  override async adopt(revision: string, position: number): Promise<void> {
    const adopting = super.adopt(revision, position)
    // Nothing can be decided before the first one.
    if (this.revision === undefined) await adopting
    else adopting.catch(() => undefined)
  }
}
