/** Says whether this process should be sent requests, and which dependency says no. Floor 6. */
import type { FreshnessStatus } from '../access/freshness.ts'
import type { PolicyStatus } from '../model/administration.ts'
import type { Readiness, ReadinessReport } from '../wire/readiness.ts'

export interface ReadinessNeeds {
  /** False while the service starts or stops. */
  readonly serving: () => boolean
  readonly store: { ping(): Promise<void> }
  readonly freshness: () => FreshnessStatus
  /** Absent: there is no Redis. */
  readonly redis: { readonly connected: boolean; readonly breakerOpen: boolean } | undefined
  /** @throws StoreError while no policy is in force */
  readonly policyStatus: () => Pick<PolicyStatus, 'revision' | 'source' | 'faults'>
  /** What to do when none is in force. */
  readonly withoutPolicy?: string
  /** Why no token can be signed; absent: this process signs none. */
  readonly signingFault?: () => string | undefined
}
type Check = ReadinessReport['checks'][number]

export function openReadiness(needs: ReadinessNeeds): Readiness {
  return async () => {
    const serving = needs.serving()
    const checks: readonly Check[] = [
      { name: 'service', ok: serving, text: serving ? 'serving' : 'starting or stopping' },
      await checkDatabase(needs.store),
      freshnessCheck(needs.freshness()),
      cacheCheck(needs.redis),
      policyCheck(needs),
      ...(needs.signingFault === undefined ? [] : [signingCheck(needs.signingFault())]),
    ]
    return { ready: checks.every((check) => check.ok), checks }
  }
}

async function checkDatabase(store: ReadinessNeeds['store']): Promise<Check> {
  return await store.ping().then(
    () => ({ name: 'database', ok: true, text: 'answers' }),
    () => ({ name: 'database', ok: false, text: 'does not answer' }),
  )
}

/** Other replicas may be able to answer from memory when this one has to ask the database for everything. */
function freshnessCheck({ fresh, ageMs, position }: FreshnessStatus): Check {
  const name = 'freshness'
  if (fresh) return { name, ok: true, text: `feed position ${position}, read ${Math.round(ageMs)} ms ago` }
  const since = Number.isFinite(ageMs) ? `not read for ${(ageMs / 1_000).toFixed(1)} s` : 'not read yet'
  return { name, ok: false, text: `feed ${since}; checks ask the database` }
}

/** Redis only makes answers quicker: without it none is wrong, so it takes no replica out. */
function cacheCheck(redis: ReadinessNeeds['redis']): Check {
  if (redis === undefined) return { name: 'cache', ok: true, text: 'memory' }
  const usable = redis.connected && !redis.breakerOpen
  return { name: 'cache', ok: true, text: usable ? 'memory and Redis' : 'memory; Redis unreachable' }
}

/** Broken files are no reason to take a replica out: the revision in force answers, here as everywhere. */
function policyCheck({ policyStatus, withoutPolicy }: Pick<ReadinessNeeds, 'policyStatus' | 'withoutPolicy'>): Check {
  let status: ReturnType<ReadinessNeeds['policyStatus']>
  try {
    status = policyStatus()
  } catch {
    return { name: 'policy', ok: false, text: withoutPolicy === undefined ? 'none in force' : `none in force: ${withoutPolicy}` }
  }
  const { revision, source, faults } = status
  const inForce = `revision ${revision.slice(0, 12)} in force`
  const files = source === 'stored' ? 'not that of the files here' : 'newer files refused'
  return { name: 'policy', ok: true, text: faults.length === 0 ? inForce : `${inForce}; ${files}, faults: ${faults.length}` }
}

/** The fault itself is in the log: what is shown to anybody names no key. */
function signingCheck(fault: string | undefined): Check {
  return { name: 'signing', ok: fault === undefined, text: fault === undefined ? 'a key signs' : 'the current key cannot be read' }
}
