/** A moment on both clocks of this machine, and how long ago it is. Compares no clocks of different machines but by their rates. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { FRESHNESS_BOUND_MS, FRESHNESS_MARGIN_MS, SUSPENSION_MS_MAX } from '../model/limits.ts'

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

/** Another machine told `atMs`, in whole milliseconds rounded down, at most so long ago here: its time is before this. Its clock may be the faster one. */
export function latestMs(atMs: number, elapsed: number): number {
  return atMs + 1 + elapsed * (1 + FRESHNESS_MARGIN_MS / FRESHNESS_BOUND_MS)
}
