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

export interface Stopping {
  /** Stops gracefully; a second time exits at once. @param signal why, for the log */
  stop(signal: string): void
  readonly isStopping: boolean
  reload(signal: string): void
  /** Resolves when everything is stopped. */
  readonly stopped: Promise<void>
}

export function openStopping(needs: SignalNeeds): Stopping {
  const { log } = needs
  let stopping = false
  let end: (() => void) | undefined
  const stopped = new Promise<void>((resolve) => {
    end = resolve
  })
  return {
    stopped,
    get isStopping() {
      return stopping
    },
    stop(signal) {
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
          end?.()
        })
    },
    reload(signal) {
      log.info({ signal }, 'is asked to re-read the policies')
      needs.reload().catch((fault: unknown) => log.error({ err: fault }, 'could not re-read the policies'))
    },
  }
}

/**
 * Waits for SIGTERM or SIGINT, then stops gracefully; a second one exits at once. SIGHUP reloads.
 * Resolves when everything is stopped.
 */
export function runUntilSignal(process: NodeJS.Process, needs: SignalNeeds): Promise<void> {
  const stopping = openStopping(needs)
  process.on('SIGTERM', () => stopping.stop('SIGTERM'))
  process.on('SIGINT', () => stopping.stop('SIGINT'))
  process.on('SIGHUP', () => stopping.reload('SIGHUP'))
  return stopping.stopped
}

/** A fault that nobody caught leaves unknown state behind: say it and end, the supervisor starts anew. */
export function exitOnEscapedFault(process: NodeJS.Process, log: Log): void {
  process.on('uncaughtException', (fault, origin) => {
    log.fatal({ err: fault, origin }, 'fault escaped, exits')
    process.exit(1)
  })
}
