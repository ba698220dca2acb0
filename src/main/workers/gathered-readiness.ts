/** Readiness of a service that is several processes, from what each says of itself. Asks nobody itself. Floor 6. */
import type { Readiness, ReadinessReport } from '../../wire/readiness.ts'
import type { Told } from './worker-pool.ts'

/**
 * Connections go to every worker that runs: one that is not ready, or silent, takes the service out. One that has ended gets none, and does not while another is ready.
 * @param started whether all were ready once
 */
export function gatheredReadiness(ask: () => Promise<readonly Told<'readiness'>[]>, started: () => boolean): Readiness {
  return async () => {
    const told = await ask()
    const ready = told.filter(({ answer }) => answer?.ready === true).length
    const checks = told.flatMap((one) => checksOf(one, started() && ready > 0))
    const all: ReadinessReport['checks'] = [
      { name: 'workers', ok: started() && ready > 0, text: `${ready} of ${told.length} ready` },
      ...checks,
    ]
    return { ready: all.every(({ ok }) => ok), checks: all }
  }
}

function checksOf({ worker, state, answer }: Told<'readiness'>, othersAnswer: boolean): ReadinessReport['checks'] {
  if (answer !== undefined) return answer.checks.map((check) => ({ ...check, name: `worker ${worker}: ${check.name}` }))
  if (state === 'silent') return [{ name: `worker ${worker}`, ok: false, text: 'does not answer' }]
  return [{ name: `worker ${worker}`, ok: othersAnswer, text: othersAnswer ? 'starts again, others answer' : 'starts' }]
}
