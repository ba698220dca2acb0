/** Brings the policy that the feed names into force here; one that cannot be had is tried again ever more seldom. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import { POLICY_ADOPT_AGAIN_MS_MAX, POLICY_ADOPT_AGAIN_MS_MIN } from '../model/limits.ts'
import type { PolicyInForce } from '../policy/in-force.ts'

export class PolicyAdoption {
  readonly #policy: Pick<PolicyInForce, 'position' | 'adopt'>
  readonly #clock: Clock
  #failed: { readonly position: number; readonly fault: unknown; readonly againAtMs: number; readonly pauseMs: number } | undefined

  constructor(policy: Pick<PolicyInForce, 'position' | 'adopt'>, clock: Clock) {
    this.#policy = policy
    this.#clock = clock
  }

  /** @throws StoreError when the revision cannot be had; for a while without asking again, because each attempt loads all of it */
  async adopt(revision: string, position: number): Promise<void> {
    if (position === this.#policy.position) return
    const before = this.#failed?.position === position ? this.#failed : undefined
    if (before !== undefined && this.#clock.monotonicMs() < before.againAtMs) throw before.fault
    try {
      await this.#policy.adopt(revision, position)
      this.#failed = undefined
    } catch (fault) {
      const pauseMs = before === undefined ? POLICY_ADOPT_AGAIN_MS_MIN : Math.min(2 * before.pauseMs, POLICY_ADOPT_AGAIN_MS_MAX)
      this.#failed = { position, fault, pauseMs, againAtMs: this.#clock.monotonicMs() + pauseMs }
      throw fault
    }
  }
}
