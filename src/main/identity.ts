/** `castellan identity`: login, tokens and sessions on PostgreSQL, one of any number of processes. Floor 6. */
import { systemClock } from '../ground/clock.ts'
import { openLog } from '../ground/log.ts'
import { openMetrics } from '../ground/metrics.ts'
import { systemRandom } from '../ground/random.ts'
import { printableSettings } from '../ground/settings.ts'
import { openStandardOutput } from '../ground/standard-output.ts'
import type { Terminal } from './command-line/terminal.ts'
import { identityPlanFrom } from './identity-plan.ts'
import { type IdentityProcessPlan, openIdentityService } from './open-identity-service.ts'
import { planFrom } from './service-plan.ts'
import { isLoopback } from './setting-forms.ts'
import { settingTable } from './setting-table.ts'
import { type IdentitySettings, readIdentitySettings } from './settings.ts'
import { exitOnEscapedFault, runUntilSignal } from './signals.ts'

/** Runs until a signal stops it. @throws SettingsError, StoreError, ListenError; AppError when the database is not at this build's schema */
export async function identity(terminal: Terminal): Promise<void> {
  terminal.serves?.()
  const settings = readIdentitySettings(terminal.environment)
  const log = openLog(settings.logLevel ?? 'info', openStandardOutput(process.stdout))
  exitOnEscapedFault(process, log)
  log.info({ settings: printableSettings(settingTable, settings) }, 'starts')
  if (settings.tlsCertFile === undefined && !isLoopback(settings.identityHost))
    log.warn('keys and tokens travel in the clear: set CASTELLAN_TLS_CERT_FILE and CASTELLAN_TLS_KEY_FILE, or put TLS before the service')
  const plan = processPlanFrom(settings, (text) => log.warn({ text }, 'database pool'))
  const service = await openIdentityService(plan, { clock: systemClock, random: systemRandom, log, metrics: openMetrics() })
  // Before anybody is told that it is ready: who reads it may send a signal at once.
  const stopped = runUntilSignal(process, {
    log,
    // It has no policy files: the feed tells it what is in force.
    reload: async () => undefined,
    settleMs: plan.settleMs,
    stop: () => service.stop(),
    exit: process.exit,
  })
  service.ready()
  log.info({ ports: service.ports, replica: service.replicaId, issuer: service.issuer }, 'ready')
  await stopped
}

/** @throws AppError when a file of TLS cannot be read or used */
export function processPlanFrom(settings: IdentitySettings, warn: (text: string) => void): IdentityProcessPlan {
  const shared = planFrom(settings)
  return {
    database: { kind: 'postgres', url: settings.databaseUrl, poolMax: settings.databasePoolMax, warn },
    schema: 'require',
    cacheBytes: shared.cacheBytes,
    redis: shared.redis,
    probes: shared.probes,
    settleMs: settings.stopSettleSeconds * 1_000,
    identity: {
      ...identityPlanFrom(settings),
      tls: shared.tls,
      issuer: settings.issuer,
      audience: settings.tokenAudience,
      secrets: settings.identitySecret,
      adminKey: settings.adminKey,
      mail: { url: settings.smtpUrl, from: settings.mailFrom },
    },
  }
}
