/** A moment on both clocks of this machine, and how long ago it is. Compares no clocks of different machines. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { SUSPENSION_MS_MAX } from '../model/limits.ts'

export interface Moment {
  readonly monotonicMs: number
  readonly wallMs: number
}

/** Longer ago than anything. */
export const BEFORE_ALL: Moment = { monotonicMs: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY }

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }
}

/**
 * Milliseconds since then; infinite when the machine was suspended meanwhile: the monotonic clock of Linux stands still then, and the wall
 * clock does not.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  const elapsed = clock.monotonicMs() - since.monotonicMs
  return clock.nowMs() - since.wallMs - elapsed > SUSPENSION_MS_MAX ? Number.POSITIVE_INFINITY : elapsed
}
