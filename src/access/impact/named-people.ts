/** Collects who is touched into events of bounded size. Counts nothing (plan-counts.ts does). Pure. Floor 3. */
import { PLAN_EVENT_EFFECTS_MAX, PLAN_EVENT_ITEMS_MAX } from '../../model/policy-limits.ts'
import type { PlanEvent, SubjectBreach, SubjectEffects } from '../../model/policy-plan.ts'

export class NamedPeople {
  #touched: SubjectEffects[] = []
  #effects = 0
  #breaches: SubjectBreach[] = []

  /** @returns events that are full by this */
  add(touched: SubjectEffects, breaches: readonly SubjectBreach[]): readonly PlanEvent[] {
    const full: PlanEvent[] = []
    if (touched.effects.length > 0) {
      this.#touched.push(touched)
      this.#effects += touched.effects.length
      if (this.#touched.length >= PLAN_EVENT_ITEMS_MAX || this.#effects >= PLAN_EVENT_EFFECTS_MAX) full.push(...this.#takeTouched())
    }
    for (const breach of breaches) {
      this.#breaches.push(breach)
      if (this.#breaches.length >= PLAN_EVENT_ITEMS_MAX) full.push(...this.#takeBreaches())
    }
    return full
  }

  /** All that is left. */
  take(): readonly PlanEvent[] {
    return [...this.#takeTouched(), ...this.#takeBreaches()]
  }

  #takeTouched(): readonly PlanEvent[] {
    const items = this.#touched
    this.#touched = []
    this.#effects = 0
    return items.length === 0 ? [] : [{ event: 'effects', items }]
  }

  #takeBreaches(): readonly PlanEvent[] {
    const items = this.#breaches
    this.#breaches = []
    return items.length === 0 ? [] : [{ event: 'breaches', items }]
  }
}
