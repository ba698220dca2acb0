/** What the operating system asks of a running process: to stop, to re-read its policies; and what to do when a fault escapes. Floor 6. */
import type { Log } from '../ground/log.ts'

/** Beyond it, after settling, a stop is not graceful any more, milliseconds: with the settling below the 30 s that Kubernetes and our compose file wait. */
export const STOP_TIMEOUT_MS = 20_000

export interface SignalNeeds {
  readonly log: Log
  /** Re-reads what can be re-read while running. */
  reload(): Promise<void>
  /** How long `stop` answers on before it begins. */
  readonly settleMs: number
  /** Stops everything in order. */
  stop(): Promise<void>
  /** The process's own; an argument for tests. */
  readonly exit: (code: number) => void
}

/**
 * Waits for SIGTERM or SIGINT, then stops gracefully; a second one exits at once. SIGHUP reloads.
 * Resolves when everything is stopped.
 */
export function runUntilSignal(process: NodeJS.Process, needs: SignalNeeds): Promise<void> {
  const { log } = needs
  return new Promise((resolve) => {
    let stopping = false
    const stop = (signal: string) => {
      if (stopping) {
        log.warn({ signal }, 'second signal: exits at once')
        needs.exit(1)
        return
      }
      stopping = true
      log.info({ signal }, 'stops')
      const bound = setTimeout(() => {
        log.error('did not stop in time')
        needs.exit(1)
      }, needs.settleMs + STOP_TIMEOUT_MS)
      needs
        .stop()
        .catch((fault: unknown) => log.error({ err: fault }, 'stopped with a fault'))
        .finally(() => {
          clearTimeout(bound)
          resolve()
        })
    }
    process.on('SIGTERM', () => stop('SIGTERM'))
    process.on('SIGINT', () => stop('SIGINT'))
    process.on('SIGHUP', () => {
      log.info({ signal: 'SIGHUP' }, 'is asked to re-read the policies')
      needs.reload().catch((fault: unknown) => log.error({ err: fault }, 'could not re-read the policies'))
    })
  })
}

/** A fault that nobody caught leaves unknown state behind: say it and end, the supervisor starts anew. */
export function exitOnEscapedFault(process: NodeJS.Process, log: Log): void {
  process.on('uncaughtException', (fault, origin) => {
    log.fatal({ err: fault, origin }, 'fault escaped, exits')
    process.exit(1)
  })
}
