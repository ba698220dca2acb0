/** `castellan serve`: the decision service on PostgreSQL, one of any number of replicas. Floor 6. */
import { systemClock } from '../ground/clock.ts'
import { openLog } from '../ground/log.ts'
import { openMetrics } from '../ground/metrics.ts'
import { systemRandom } from '../ground/random.ts'
import { printableSettings } from '../ground/settings.ts'
import { openStandardOutput } from '../ground/standard-output.ts'
import type { Terminal } from './command-line/terminal.ts'
import { decisionLogPlanFrom } from './decision-log-plan.ts'
import { openService } from './open-service.ts'
import { planFrom, policiesFrom } from './service-plan.ts'
import { isLoopback } from './setting-forms.ts'
import { settingTable } from './setting-table.ts'
import { readServeSettings } from './settings.ts'
import { exitOnEscapedFault, runUntilSignal } from './signals.ts'
import { tracingPlanFrom } from './tracing-settings.ts'

/** Runs until a signal stops it. @throws SettingsError, StoreError, ListenError; AppError when the database is not at this build's schema */
export async function serve(terminal: Terminal): Promise<void> {
  terminal.serves?.()
  const settings = readServeSettings(terminal.environment)
  const tracing = tracingPlanFrom(terminal.environment)
  const decisionLog = decisionLogPlanFrom(settings, terminal.environment, 'stdout')
  const output = openStandardOutput(process.stdout)
  const log = openLog(settings.logLevel ?? 'info', output)
  exitOnEscapedFault(process, log)
  log.info({ settings: printableSettings(settingTable, settings) }, 'starts')
  if (settings.tlsCertFile === undefined && !(isLoopback(settings.httpHost) && isLoopback(settings.grpcHost)))
    log.warn('caller keys travel in the clear: set CASTELLAN_TLS_CERT_FILE and CASTELLAN_TLS_KEY_FILE, or put TLS before the service')
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
    { clock: systemClock, random: systemRandom, log, metrics: openMetrics(), output },
  )
  // Before anybody is told that it is ready: who reads it may send a signal at once.
  const stopped = runUntilSignal(process, {
    log,
    reload: () => service.reloadPolicies(),
    settleMs,
    stop: () => service.stop(),
    exit: process.exit,
  })
  service.ready()
  log.info({ ports: service.ports, replica: service.replicaId, policyRevision: service.policyRevision() }, 'ready')
  await stopped
}
