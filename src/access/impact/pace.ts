/** Counts the work of one plan, so that it never keeps others waiting for long. Knows no clock: steps are counted, not time. Floor 3. */
import { setImmediate } from 'node:timers/promises'
import { PLAN_STEPS_AT_ONCE_MAX } from '../../model/policy-limits.ts'
import { throwIfAborted } from '../abortable.ts'

export class Pace {
  readonly #signal: AbortSignal
  #steps = 0

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Asked often and awaited seldom: `if (pace.took(1)) await pace.rest()`. @returns whether others are owed a turn */
  took(steps: number): boolean {
    this.#steps += steps
    return this.#steps >= PLAN_STEPS_AT_ONCE_MAX
  }

  /** Lets others run. @throws what `throwIfAborted` makes of the signal */
  async rest(): Promise<void> {
    this.#steps = 0
    await setImmediate()
    throwIfAborted(this.#signal)
  }
}
