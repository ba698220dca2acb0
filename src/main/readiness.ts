/** Says whether this process should be sent requests, and which dependency says no. Floor 5. */
import type { Readiness, ReadinessReport } from '../decision/transport/readiness.ts'
import type { PolicyStatus } from '../model/administration.ts'

export interface ReadinessNeeds {
  /** False while the service starts or stops. */
  readonly serving: () => boolean
  readonly store: { ping(): Promise<void> }
  readonly policyStatus: () => PolicyStatus
}
type Check = ReadinessReport['checks'][number]

export function openReadiness(needs: ReadinessNeeds): Readiness {
  return async () => {
    const serving = needs.serving()
    const checks: readonly Check[] = [
      { name: 'service', ok: serving, text: serving ? 'serving' : 'starting or stopping' },
      await checkDatabase(needs.store),
      policyCheck(needs.policyStatus()),
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

/** Broken files are no reason to take a replica out: the last good revision answers, here as everywhere. */
function policyCheck({ revision, source, faults }: PolicyStatus): Check {
  const inForce = `revision ${revision.slice(0, 12)} in force${source === 'stored' ? ' (the stored one: the files were broken at start)' : ''}`
  return { name: 'policy', ok: true, text: faults.length === 0 ? inForce : `${inForce}; newer files refused, faults: ${faults.length}` }
}
