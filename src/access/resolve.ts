/** What [user, tenant] may be decided from: memory, then Redis, then one statement; each judged by knowledge. Never decides. Floor 3. */
import type { SharedLevel, StateLevel } from '../cache/ports.ts'
import type { Clock } from '../ground/clock.ts'
import { type AccessState, nextEdgeMs } from '../model/access-state.ts'
import type { CompiledPolicy } from '../model/compiled-policy.ts'
import { StoreError } from '../model/error-code.ts'
import { RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import type { PolicyInForce } from '../policy/in-force.ts'
import type { AccessReader } from '../store/ports.ts'
import { abortable } from './abortable.ts'
import { type Found, FreshReader, type ReadObserver, type Validity } from './fresh-reader.ts'
import type { Knowledge } from './knowledge.ts'
import { BEFORE_ALL } from './moment.ts'

/** Rows and policy of one version of the database. */
export interface Resolved extends Found<AccessState> {
  readonly policy: CompiledPolicy
  /** Of its activation. */
  readonly policyPosition: number
}

export interface AccessResolver {
  /** What memory has, if that is an answer at this moment, with the policy of its version; otherwise `resolve` finds out. Never waits. */
  recall(tenant: string, user: string, minPosition: number | undefined): Resolved | undefined
  /** So many subjects were recalled for an answer that stands: only then it counts, as otherwise `resolve` counts them. */
  recalled(subjects: number): void
  /**
   * @param minPosition the state must be at least this fresh (freshness, F3)
   * @throws ServiceError `position_not_reached`; `cancelled` or `deadline_exceeded` when the signal says so
   * @throws StoreError when nothing fresh enough can be had
   */
  resolve(tenant: string, user: string, minPosition: number | undefined, signal: AbortSignal): Promise<Resolved>
  /** Whether what was resolved a while ago can be an answer at this moment, together with the policy in force now. */
  isCurrent(tenant: string, user: string, found: Found<AccessState>): boolean
  /** For what was read past the caches: waits until the policy in force is not older. @throws StoreError when it cannot be had */
  requirePolicy(policyPosition: number, signal: AbortSignal): Promise<void>
}

export interface ResolverNeeds {
  readonly access: Pick<AccessReader, 'resolve'>
  readonly memory: StateLevel
  readonly shared: SharedLevel | undefined
  readonly knowledge: Knowledge
  readonly policy: Pick<PolicyInForce, 'position' | 'current'>
  readonly catchUp: () => Promise<void>
  readonly clock: Clock
  readonly holds: Validity
  readonly observe: ReadObserver
}

interface Pair {
  readonly tenant: string
  readonly user: string
}

export function openAccessResolver(needs: ResolverNeeds): AccessResolver & { clear(): void } {
  const { access, memory, shared, knowledge, policy } = needs
  const reader = new FreshReader<Pair, AccessState>({
    ...needs,
    memory: {
      get: ({ tenant, user }) => memory.get(tenant, user),
      set: ({ tenant, user }, { value }) => memory.set(tenant, user, value),
      clear: () => memory.clear(),
    },
    shared: shared && {
      get: ({ tenant, user }) => shared.get(tenant, user),
      put: ({ tenant, user }, state, ttlMs) => shared.put(tenant, user, state, ttlMs),
    },
    textOf: pairText,
    load: ({ tenant, user }) => access.resolve(tenant, user),
    lastChange: ({ tenant, user }) => knowledge.lastChange(tenant, user),
    edgeMs: nextEdgeMs,
  })
  /**
   * Rows of one version and the policy of another would be a state that never was: a change made before an activation has to count with it.
   * What the store told names its policy. What holds by knowledge holds with the last activation known, and that is the policy in force here.
   */
  const isOfOneVersion = (pair: Pair, { value, position, asked }: Found<AccessState>) =>
    policy.position === value.policyPosition ||
    (asked === BEFORE_ALL && policy.position > value.policyPosition && policy.position <= position) ||
    (policy.position > value.position && reader.stillHolds(pair, value))
  const requirePolicy = async (position: number, signal: AbortSignal) => {
    if (policy.position >= position) return
    await abortable(needs.catchUp(), signal)
    if (policy.position < position) throw new StoreError(`The policy activated at position ${position} is not in force here yet`)
  }
  const resolved = ({ value, position, level, asked, ends }: Found<AccessState>): Resolved => {
    const { position: policyPosition } = policy
    return { value, position, level, asked, ends, policy: policy.current(), policyPosition }
  }
  return {
    recall(tenant, user, minPosition) {
      const pair = { tenant, user }
      const found = reader.recall(pair, minPosition)
      return found !== undefined && isOfOneVersion(pair, found) ? resolved(found) : undefined
    },
    recalled(subjects) {
      for (let subject = 0; subject < subjects; subject++) reader.recalled()
    },
    async resolve(tenant, user, minPosition, signal) {
      const pair = { tenant, user }
      for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
        const found = await reader.read(pair, minPosition, signal)
        // Taken in the same moment: what takes force meanwhile is another version.
        if (isOfOneVersion(pair, found)) return resolved(found)
        // Rows overtaken by an activation are read again at once; otherwise this replica is behind. Either way what was found grows old meanwhile.
        if (policy.position < found.value.policyPosition || attempt > 1) await abortable(needs.catchUp(), signal)
      }
      needs.observe.refused()
      throw new StoreError('The policy that belongs to what the database says is not in force here yet')
    },
    isCurrent(tenant, user, found) {
      const pair = { tenant, user }
      return reader.isCurrent(pair, found) && isOfOneVersion(pair, found)
    },
    requirePolicy,
    clear: () => reader.clear(),
  }
}

/** The length stands in front, so that no two pairs can meet in one text, whatever characters ids have. */
export function pairText({ tenant, user }: Pair): string {
  return `${tenant.length}:${tenant}${user}`
}

/** Bytes of an entry without its texts: object headers, numbers, the map's own place. */
const ENTRY_BYTES = 300
const ASSIGNMENT_BYTES = 120

/** About what it takes in memory. */
export function bytesOfState(state: AccessState): number {
  let bytes = ENTRY_BYTES
  for (const { id, role } of state.assignments) bytes += ASSIGNMENT_BYTES + 2 * (id.length + role.length)
  // About four bytes of memory for one of text: keys, values and their headers.
  for (const attributes of [state.user?.attributes, state.tenant?.attributes])
    if (attributes !== undefined) bytes += 4 * JSON.stringify(attributes).length
  return bytes
}
