/** Writes down what is asked and changed, with times of one monotonic clock. Judges nothing. */
import type { Acknowledgement, Check, Wire } from './history.ts'
import type { ChangeOutcome, Demand } from './operation.ts'
import type { ReplicaSlot } from './replica.ts'
import type { Question } from './streams.ts'

/** A change that was answered, however. */
export interface Told {
  readonly label: string
  readonly kind: Demand['operation']['kind']
  readonly wait: boolean
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: ChangeOutcome
}

/** The one clock of a run, in milliseconds. */
export function now(): number {
  return performance.now()
}

export class Recorder {
  readonly checks: Check[] = []
  readonly told: Told[] = []
  readonly acknowledgements: Acknowledgement[] = []
  /** When a change of this label was first sent. */
  readonly firstSent = new Map<string, number>()
  #pairs: readonly (readonly [tenant: string, user: string])[] = []
  #highest = 0

  /** The pairs changed last, newest first: where there is most to see. */
  get recentPairs(): readonly (readonly [tenant: string, user: string])[] {
    return this.#pairs
  }

  /** The highest position that was answered. */
  get highestPosition(): number {
    return this.#highest
  }

  async ask(slot: ReplicaSlot, wire: Wire, question: Question, key: string, caller?: string): Promise<Check> {
    const startedAt = now()
    const outcome = await slot.wires.ask(wire, question, key)
    const asked = caller === undefined ? question : { ...question, caller }
    const check: Check = { ...asked, startedAt, endedAt: now(), replica: slot.name, wire, outcome }
    this.checks.push(check)
    return check
  }

  async change(slot: ReplicaSlot, wire: 'grpc' | 'http', demand: Demand, key: string): Promise<ChangeOutcome> {
    const { label, operation, wait } = demand
    const startedAt = now()
    if (!this.firstSent.has(label)) this.firstSent.set(label, startedAt)
    const outcome = await slot.wires.change(wire, demand, key)
    const endedAt = now()
    this.told.push({ label, kind: operation.kind, wait, startedAt, endedAt, outcome })
    if (outcome.kind === 'made') {
      const { position, effective } = outcome
      this.acknowledgements.push({ at: endedAt, position, effective })
      this.#highest = Math.max(this.#highest, position)
    }
    return outcome
  }

  noteChanged(tenant: string, user: string): void {
    this.#pairs = [[tenant, user] as const, ...this.#pairs].slice(0, RECENT_PAIRS_MAX)
  }
}

const RECENT_PAIRS_MAX = 12
