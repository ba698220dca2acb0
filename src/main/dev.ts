/** `castellan dev`: everything in one process, on a database of its own, with samples. For development only. Floor 6. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from '../ground/clock.ts'
import { openLog } from '../ground/log.ts'
import { openMetrics } from '../ground/metrics.ts'
import { systemRandom } from '../ground/random.ts'
import { printableSettings } from '../ground/settings.ts'
import { layOutDatabase, readPreparedDatabase } from '../store/prepared-database.ts'
import { banner } from './banner.ts'
import { choosePolicies } from './choose-policies.ts'
import { paint, type Terminal } from './command-line/terminal.ts'
import { inDataDirectory, inDataDirectorySync } from './data-directory.ts'
import { decisionLogPlanFrom } from './decision-log-plan.ts'
import { openDevelopmentAuditKey } from './development-audit-key.ts'
import { developmentKeyPath, openDevelopmentKey } from './development-key.ts'
import { openDevelopmentSecret } from './development-secret.ts'
import { lockDirectory } from './directory-lock.ts'
import { identityPlanFrom } from './identity-plan.ts'
import type { ServiceNeeds } from './open-foundation.ts'
import { openService, type Service } from './open-service.ts'
import { seedSamples } from './seed.ts'
import { seedDemoClient } from './seed-identity.ts'
import { addressOf, planFrom, policiesFrom } from './service-plan.ts'
import { type Settings, settingTable } from './setting-table.ts'
import { readDevSettings } from './settings.ts'
import { exitOnEscapedFault, runUntilSignal } from './signals.ts'
import { tracingPlanFrom } from './tracing-settings.ts'
import { readVersion } from './version.ts'

/** Runs until a signal stops it. @throws SettingsError, DirectoryLockedError, DataDirectoryError, PolicyFolderError, ListenError */
export async function dev(terminal: Terminal): Promise<void> {
  terminal.serves?.()
  const settings = readDevSettings(terminal.environment)
  // Standard output is for the banner, which scripts may read.
  const log = openLog(settings.logLevel ?? 'warn', { write: (line) => terminal.err(line) })
  exitOnEscapedFault(process, log)
  log.info({ settings: printableSettings(settingTable, settings) }, 'starts in development mode')
  const holder = { pid: process.pid, sinceIso: new Date(terminal.nowMs()).toISOString() }
  const lock = await lockDirectory(settings.dataDir, holder, Math.random)
  try {
    const database = resolve(settings.dataDir, 'database')
    if (!existsSync(database)) {
      terminal.err(`${paint(terminal, 'dim', `Makes a database in ${settings.dataDir} (once, takes some seconds) …`)}\n`)
      const image = await readPreparedDatabase()
      if (image !== undefined) await inDataDirectory(settings.dataDir, () => layOutDatabase(image, database))
    }
    await runService(terminal, settings, { clock: systemClock, random: systemRandom, log, metrics: openMetrics() })
  } finally {
    await lock.release()
  }
}

/** `aud` of what a development service issues. */
const DEVELOPMENT_AUDIENCE = 'castellan'

async function runService(terminal: Terminal, settings: Settings, needs: ServiceNeeds): Promise<void> {
  const policies = choosePolicies(settings.policies)
  const developmentKey = inDataDirectorySync(settings.dataDir, () => openDevelopmentKey(settings.dataDir, needs.random))
  const plan = planFrom(settings)
  const auditKey = settings.auditKey ?? inDataDirectorySync(settings.dataDir, () => openDevelopmentAuditKey(settings.dataDir))
  const source = policiesFrom({ ...settings, policies }, { source: 'directory', directory: policies })
  const adminKey = settings.adminKey ?? developmentKey
  const service = await openService(
    {
      ...plan,
      tracing: tracingPlanFrom(terminal.environment),
      decisionLog: decisionLogPlanFrom(settings, terminal.environment, 'postgres'),
      database: { kind: 'pglite', dataDirectory: resolve(settings.dataDir, 'database') },
      schema: 'migrate',
      checkpoints: { intervalMs: settings.auditCheckpointMinutes * 60_000, key: auditKey },
      policies: source,
      adminKey,
      settleMs: 0,
    },
    needs,
    {
      ...identityPlanFrom(settings),
      tls: plan.tls,
      issuer: undefined,
      audience: DEVELOPMENT_AUDIENCE,
      secrets: [inDataDirectorySync(settings.dataDir, () => openDevelopmentSecret(settings.dataDir, needs.random))],
      adminKey,
      mail: 'mailbox',
    },
  )
  try {
    if (service.identity !== undefined) await seedDemoClient(service.identity.administration, service.identity.issuer)
    const samples = await seedSamples(service.administration, service.policy(), terminal.nowMs())
    // Before anybody is told that it is ready: who reads it may send a signal at once.
    const stopped = runUntilSignal(process, {
      log: needs.log,
      reload: () => service.reloadPolicies(),
      settleMs: 0,
      stop: () => service.stop(),
      exit: process.exit,
    })
    service.ready()
    terminal.out(
      banner(terminal, {
        version: readVersion(),
        dataDirectory: settings.dataDir,
        policies: source.source === 'directory' ? policies : 'published revisions',
        revision: service.policy().revision,
        samples,
        scheme: settings.tlsCertFile === undefined ? 'http' : 'https',
        addresses: addresses(settings, service),
        issuer: service.identity?.issuer,
        // A key that somebody chose is theirs to know; only the one made here is shown.
        key: settings.adminKey === undefined ? developmentKey : undefined,
        keyPath: developmentKeyPath(settings.dataDir),
      }),
    )
    await stopped
  } finally {
    await service.stop()
  }
}

function addresses(settings: Settings, { ports }: Service): { readonly http: string; readonly grpc: string; readonly probes: string } {
  return {
    http: addressOf(settings.httpHost, ports.http),
    grpc: addressOf(settings.grpcHost, ports.grpc),
    probes: addressOf(settings.metricsHost, ports.probes),
  }
}
