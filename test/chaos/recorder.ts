/** Writes down what is asked and changed, with times of one monotonic clock. Judges nothing. */
import type { Acknowledgement, Check } from './history.ts'
import type { LocalClient, LocalQuestion } from './local-clients.ts'
import type { ChangeOutcome, Demand, IdentityOperation, Operation } from './operation.ts'
import type { ReplicaSlot } from './replica.ts'
import type { Question } from './streams.ts'
import type { ReplicaWire } from './wires.ts'

/** A change that was answered, however. */
export interface Told {
  readonly label: string
  readonly kind: (Operation | IdentityOperation)['kind']
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

  async ask(slot: ReplicaSlot, wire: ReplicaWire, question: Question, key: string, caller?: string): Promise<Check> {
    const startedAt = now()
    const outcome = await slot.wires.ask(wire, question, key)
    const { token, ...named } = question
    const asked = { ...named, ...(caller === undefined ? {} : { caller }), ...(token === undefined ? {} : { token: token.roots }) }
    const check: Check = { ...asked, startedAt, endedAt: now(), replica: slot.name, wire, outcome }
    this.checks.push(check)
    return check
  }

  /** All of them at once. */
  async askLocally(client: LocalClient, questions: readonly LocalQuestion[], minPosition?: number): Promise<void> {
    const startedAt = now()
    const answers = await client.ask(questions, minPosition)
    const asked = {
      startedAt,
      endedAt: now(),
      replica: client.name,
      wire: 'local',
      ...(minPosition === undefined ? {} : { minPosition }),
    } as const
    for (const [index, answered] of answers.entries()) this.checks.push({ ...(questions[index] as LocalQuestion), ...asked, ...answered })
  }

  change(slot: ReplicaSlot, wire: 'grpc' | 'http', demand: Demand, key: string): Promise<ChangeOutcome> {
    return this.tell(demand.operation.kind, demand, () => slot.wires.change(wire, demand, key))
  }

  /** A change, however it is made. */
  async tell(
    kind: Told['kind'],
    { label, wait }: Pick<Demand, 'label' | 'wait'>,
    make: () => Promise<ChangeOutcome>,
  ): Promise<ChangeOutcome> {
    const startedAt = now()
    this.noteSent(label)
    const outcome = await make()
    const endedAt = now()
    this.told.push({ label, kind, wait, startedAt, endedAt, outcome })
    if (outcome.kind === 'made') {
      const { position, effective } = outcome
      this.acknowledgements.push({ at: endedAt, position, effective })
      this.#highest = Math.max(this.#highest, position)
    }
    return outcome
  }

  noteSent(label: string): void {
    if (!this.firstSent.has(label)) this.firstSent.set(label, now())
  }

  noteChanged(tenant: string, user: string): void {
    this.#pairs = [[tenant, user] as const, ...this.#pairs].slice(0, RECENT_PAIRS_MAX)
  }
}

const RECENT_PAIRS_MAX = 12
