/** A replica in this process as the service puts it together, without wires, policy folder and decision log. Measures nothing. */
import { activatePolicy } from '../../src/access/policy-activation.ts'
import { parseRedisAddress } from '../../src/cache/redis-address.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { Lifecycle } from '../../src/ground/lifecycle.ts'
import { openLog } from '../../src/ground/log.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { type AccessObserver, openAccess } from '../../src/main/open-access.ts'
import type { AccessState, Level } from '../../src/model/access-state.ts'
import { type Caller, SCOPES } from '../../src/model/caller.ts'
import type { CompiledPolicy } from '../../src/model/compiled-policy.ts'
import type { DecisionPoint } from '../../src/model/decision.ts'
import { canonicalJson } from '../../src/policy/canonical.ts'
import type { Database } from '../../src/store/database.ts'
import type { AccessReader } from '../../src/store/ports.ts'
import { openStore } from '../../src/store/store.ts'

export interface Replica {
  readonly decisions: DecisionPoint
  readonly memory: { readonly entries: number; readonly bytes: number; clear(): void }
  /** Answers so far, by where what they were made from was found. */
  readonly answered: Readonly<Record<Level, number>>
  /** The database too. */
  close(): Promise<void>
}

/** All but what belongs to the moment at which it is read. */
export type StateOf = (tenant: string, user: string) => Omit<AccessState, 'position' | 'policyPosition' | 'readAtMs'>

export interface ReplicaPlan {
  /** Migrated. */
  readonly database: Database
  readonly redisUrl?: string
  /** As CASTELLAN_CACHE_MEBIBYTES would say it. */
  readonly cacheBytes: number
  /** Put in force, unless it is. */
  readonly policy: CompiledPolicy
  /** In place of what the database says of them; absent: the database says it. */
  readonly stateOf?: StateOf
}

const ADMIN: Caller = { id: 'bench', name: 'bench', scopes: SCOPES, tenants: null, builtIn: true }

export async function openReplica({ database, redisUrl, cacheBytes, policy, stateOf }: ReplicaPlan): Promise<Replica> {
  const lifecycle = new Lifecycle()
  const close = () =>
    lifecycle.close((_, fault) => {
      throw fault
    })
  try {
    const [clock, random, real] = [systemClock, systemRandom, openStore(database)]
    let position = 0
    const resolve: AccessReader['resolve'] = async (tenant, user) =>
      stateOf === undefined
        ? await real.access.resolve(tenant, user)
        : { ...stateOf(tenant, user), position, policyPosition: position, readAtMs: clock.nowMs() }
    const store = stateOf === undefined ? real : { ...real, access: { ...real.access, resolve } }
    lifecycle.add('store', () => store.close())
    const log = openLog('error', { write: (line) => process.stderr.write(line) })
    const address = redisUrl === undefined ? undefined : parseRedisAddress(redisUrl)
    const redis = address && { address, ca: undefined }
    const answered: Record<Level, number> = { memory: 0, redis: 0, store: 0 }
    const observe = observing((level) => {
      answered[level] += 1
    })
    const access = await openAccess({ cacheBytes, redis }, { database, store, clock, random, log, observe }, lifecycle)
    access.policy.offer(policy)
    const kept = { revision: policy.revision, content: canonicalJson(policy.bundle) }
    position = await activatePolicy(access.activation, kept, 'bench', { caller: ADMIN, reason: 'bench' })
    const { resolver } = access.freshness
    const decisions = openDecisionPoint({ resolver, access: store.access, policy: access.policy, clock, random })
    return { decisions, memory: access.memory.states, answered, close }
  } catch (fault) {
    await close()
    throw fault
  }
}

const nothing = () => undefined
const unobservedReads = { answered: nothing, outdated: nothing, refused: nothing }
const unobservedRedis = { failed: nothing, connected: nothing, breaker: nothing }

function observing(answered: (level: Level) => void): AccessObserver {
  const [callers, sessions, keys] = [unobservedReads, unobservedReads, unobservedReads]
  const states = { ...unobservedReads, answered }
  return {
    freshness: { states, callers, sessions, keys, applied: nothing, readFailed: nothing, effective: nothing },
    cache: unobservedRedis,
    doorbell: unobservedRedis,
  }
}
