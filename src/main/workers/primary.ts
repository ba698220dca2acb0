/** The first process of a service that is several: starts the workers, answers probes for all, and stops with them. Decides and stores nothing. Floor 6. */
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import { openMetrics } from '../../ground/metrics.ts'
import { openStandardOutput, type StandardOutput } from '../../ground/standard-output.ts'
import { WORKER_LAST_LINES_MS } from '../../model/process-limits.ts'
import { openProbeServer } from '../../wire/probes.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import { listening } from '../listen.ts'
import type { Settings } from '../setting-table.ts'
import { runUntilSignal } from '../signals.ts'
import { forkWorker, prepareCluster } from './cluster-process.ts'
import { openGatheredMetrics } from './gathered-metrics.ts'
import { gatheredReadiness } from './gathered-readiness.ts'
import { type WorkerEnd, WorkerPool } from './worker-pool.ts'

/** Beyond the time in which a worker gives up by itself, milliseconds: what it says of that is still passed on. */
const WORKER_END_MS = 1_000

/** Runs until a signal stops it. @throws ListenError of the probe port; CommandError with the exit code of a worker that cannot start, which has told why */
export async function runPrimary(count: number, needs: { settings: Settings; log: Log; output: StandardOutput }): Promise<void> {
  const { settings, log, output } = needs
  const passing = new Set<Promise<void>>()
  const outputs = {
    output,
    errors: openStandardOutput(process.stderr),
    passed: (ended: Promise<void>) => void passing.add(ended.finally(() => passing.delete(ended))),
  }
  const exit = (code: number) => {
    pool.kill()
    process.exit(code)
  }
  prepareCluster()
  const pool: WorkerPool = new WorkerPool({
    names: Array.from({ length: count }, (_, index) => String(index + 1)),
    fork: (name) => forkWorker(name, outputs),
    clock: systemClock,
    log,
    ended: (name) => metrics.ended(name),
    astray: () => {
      log.fatal('a worker took other ports than those that were told, exits')
      exit(EXIT.fault)
    },
  })
  const metrics = openGatheredMetrics(openMetrics(), () => pool.ask('metrics'))
  const readiness = gatheredReadiness(
    () => pool.ask('readiness'),
    () => pool.started,
  )
  const address = { host: settings.metricsHost, port: settings.metricsPort }
  const probes = await listening({ what: 'The probe port', ...address, settings: 'CASTELLAN_METRICS' }, () =>
    openProbeServer({ ...address, readiness, metrics }),
  )
  // What workers said last is not lost with us.
  const lastLines = () => Promise.race([Promise.all(passing), delay(WORKER_LAST_LINES_MS, undefined, { ref: false })])
  const begun = await pool.start()
  if ('code' in begun) {
    await Promise.all([probes.close(), lastLines()])
    throw new CommandError(begun.code || EXIT.fault, wordsOf(begun))
  }
  let isClean = true
  // Before anybody is told that it is ready: who reads it may send a signal at once.
  const stopped = runUntilSignal(process, {
    log,
    reload: async () => pool.reload(),
    settleMs: settings.stopSettleSeconds * 1_000 + WORKER_END_MS,
    stop: async () => {
      isClean = await pool.stop()
      await Promise.all([probes.close(), lastLines()])
    },
    exit,
  })
  log.info({ ports: { ...begun, probes: probes.port }, workers: pool.replicas }, 'ready')
  await stopped
  if (!isClean) throw new CommandError(EXIT.fault, '')
}

/** What a worker cannot tell itself of why the service does not start. */
function wordsOf({ signal, fault }: WorkerEnd): string {
  if (fault !== undefined) return `A worker could not be started: ${fault}`
  return signal === null ? '' : `A worker was ended by ${signal} before it was ready.`
}
