/** One process of the decision service: the only one, or a worker of several. Floor 6. */
import { systemClock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import { openMetrics } from '../ground/metrics.ts'
import { systemRandom } from '../ground/random.ts'
import type { StandardOutput } from '../ground/standard-output.ts'
import type { TracingPlan } from '../ground/tracing.ts'
import type { DecisionLogPlan } from './decision-log-plan.ts'
import { openService } from './open-service.ts'
import { planFrom, policiesFrom } from './service-plan.ts'
import type { Settings } from './setting-table.ts'
import { runUntilSignal } from './signals.ts'
import type { WorkerRole } from './workers/worker.ts'

export interface ServeNeeds {
  readonly settings: Settings
  readonly tracing: TracingPlan | undefined
  readonly decisionLog: DecisionLogPlan
  readonly log: Log
  readonly output: StandardOutput
  /** Absent: it is the only one, and listens to signals. */
  readonly worker?: WorkerRole
}

/** Runs until it is stopped. @throws StoreError, ListenError; AppError when the database is not at this build's schema */
export async function serveProcess({ settings, tracing, decisionLog, log, output, worker }: ServeNeeds): Promise<void> {
  const settleMs = settings.stopSettleSeconds * 1_000
  const service = await openService(
    {
      ...planFrom(settings),
      tracing,
      decisionLog,
      database: {
        kind: 'postgres',
        url: settings.databaseUrl ?? '',
        poolMax: settings.databasePoolMax,
        warn: (text) => log.warn({ text }, 'database pool'),
      },
      schema: 'require',
      policies: policiesFrom(settings, { source: 'published', directory: './policies' }),
      adminKey: settings.adminKey,
      settleMs,
    },
    {
      ...{ clock: systemClock, random: systemRandom, log, metrics: openMetrics(), output },
      ...(worker === undefined ? {} : { openProbes: worker.openProbes }),
    },
  )
  const signals = { log, reload: () => service.reloadPolicies(), settleMs, stop: () => service.stop(), exit: process.exit }
  const { ports, replicaId: replica } = service
  if (worker !== undefined) {
    service.ready()
    // Its ports are told by the first process, once all workers have them.
    log.info({ replica, policyRevision: service.policyRevision() }, 'worker ready')
    await worker.ready({ ports, replica }, signals).stopped
    return
  }
  // Before anybody is told that it is ready: who reads it may send a signal at once.
  const stopped = runUntilSignal(process, signals)
  service.ready()
  log.info({ ports, replica, policyRevision: service.policyRevision() }, 'ready')
  await stopped
}
