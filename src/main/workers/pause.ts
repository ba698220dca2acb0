/** How long a worker that ended waits before it is started again. Floor 6. */
import { WORKER_PAUSE_MS_MAX, WORKER_PAUSE_MS_MIN, WORKER_STEADY_MS } from '../../model/process-limits.ts'

/**
 * @param formerMs pause before the start of the one that ended; 0 of the first
 * @param readyMs how long it was ready, milliseconds; 0: never
 */
export function pauseBeforeRestart(formerMs: number, readyMs: number): number {
  if (formerMs === 0 || readyMs >= WORKER_STEADY_MS) return WORKER_PAUSE_MS_MIN
  return Math.min(formerMs * 2, WORKER_PAUSE_MS_MAX)
}
