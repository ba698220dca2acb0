/** `castellan serve`: the decision service on PostgreSQL, one of any number of replicas, or several of them on the same ports. Floor 6. */
import { availableParallelism } from 'node:os'
import { openLog } from '../ground/log.ts'
import { printableSettings } from '../ground/settings.ts'
import { openStandardOutput } from '../ground/standard-output.ts'
import type { Terminal } from './command-line/terminal.ts'
import { decisionLogPlanFrom } from './decision-log-plan.ts'
import { isLoopback } from './setting-forms.ts'
import { settingTable } from './setting-table.ts'
import { readServeSettings } from './settings.ts'
import { exitOnEscapedFault } from './signals.ts'
import { tracingPlanFrom } from './tracing-settings.ts'
import { PRIMARY, WORKER_VARIABLE } from './workers/messages.ts'

/** Runs until a signal stops it. @throws SettingsError, StoreError, ListenError; AppError when the database is not at this build's schema */
export async function serve(terminal: Terminal): Promise<void> {
  terminal.serves?.()
  const settings = readServeSettings(terminal.environment)
  const tracing = tracingPlanFrom(terminal.environment)
  const decisionLog = decisionLogPlanFrom(settings, terminal.environment, 'stdout')
  const name = terminal.environment[WORKER_VARIABLE]
  const count = settings.workers === 'auto' ? availableParallelism() : (settings.workers ?? 1)
  const worker = name ?? (count > 1 ? PRIMARY : undefined)
  const output = openStandardOutput(process.stdout)
  const log = openLog(settings.logLevel ?? 'info', output, worker === undefined ? {} : { worker })
  exitOnEscapedFault(process, log)
  if (name !== undefined) {
    const { decisionLogOfWorker, openWorkerRole } = await import('./workers/worker.ts')
    const role = openWorkerRole(process)
    const { serveProcess } = await import('./serve-process.ts')
    await serveProcess({ settings, tracing, decisionLog: decisionLogOfWorker(decisionLog, name), log, output, worker: role })
    return
  }
  log.info({ settings: printableSettings(settingTable, settings) }, 'starts')
  if (settings.tlsCertFile === undefined && !(isLoopback(settings.httpHost) && isLoopback(settings.grpcHost)))
    log.warn('caller keys travel in the clear: set CASTELLAN_TLS_CERT_FILE and CASTELLAN_TLS_KEY_FILE, or put TLS before the service')
  // Either needs little of the other, and each is loaded only where it runs.
  if (worker === PRIMARY) {
    const { runPrimary } = await import('./workers/primary.ts')
    await runPrimary(count, { settings, log, output })
    return
  }
  const { serveProcess } = await import('./serve-process.ts')
  await serveProcess({ settings, tracing, decisionLog, log, output })
}
