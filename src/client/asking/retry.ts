/** Asks again what may succeed a moment later, at random moments and inside the deadline. Floor 6. */
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { CastellanError } from '../errors.ts'
import { RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN } from '../limits.ts'
import { isRetried } from '../wires/service-error.ts'
import type { CallTurn } from './call-turn.ts'

export interface RetryNeeds {
  /** Attempts after the first one. */
  readonly retries: number
  readonly clock: Clock
  readonly random: Random
}

/** @returns false when there is no time for another attempt */
export async function waitToRetry(turn: CallTurn, needs: RetryNeeds): Promise<boolean> {
  const delayMs = retryDelayMs(needs)
  if (delayMs >= turn.remainingMs) return false
  await turn.waitFor(new Promise<void>((resolve) => void needs.clock.after(delayMs, resolve)))
  return true
}

/** Milliseconds until the next attempt. */
export function retryDelayMs({ random }: Pick<RetryNeeds, 'random'>): number {
  return RETRY_DELAY_MS_MIN + (RETRY_DELAY_MS_MAX - RETRY_DELAY_MS_MIN) * fraction(random)
}

/** Rejects with the last attempt's error, or with the turn's when that is over. */
export async function retrying<T>(turn: CallTurn, needs: RetryNeeds, attempt: () => Promise<T>): Promise<T> {
  for (let left = needs.retries; ; left -= 1) {
    try {
      return await turn.waitFor(attempt())
    } catch (fault) {
      if (turn.ended !== undefined) throw turn.ended
      if (left <= 0 || !(fault instanceof CastellanError) || !isRetried(fault)) throw fault
      turn.lastFailure = fault
      if (!(await waitToRetry(turn, needs))) throw fault
    }
  }
}

function fraction(random: Random): number {
  const [high = 0, low = 0] = random.bytes(2)
  return (high * 256 + low) / 65_536
}
