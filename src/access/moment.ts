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
export function elapsedMs(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>, since: Moment): number {
  return betweenMs(since, clock.monotonicMs(), clock.nowMs())
}

/** As `elapsedMs`, up to another moment, of which both clocks were read already. */
export function betweenMs(since: Moment, monotonicMs: number, wallMs: number): number {
  const elapsed = monotonicMs - since.monotonicMs
  return wallMs - since.wallMs - elapsed > SUSPENSION_MS_MAX ? Number.POSITIVE_INFINITY : elapsed
}
