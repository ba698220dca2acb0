/** Checks of one tick travel together, each with its own deadline and its own error. Retries nothing. Floor 6. */
import type { Decision, Question } from '../client.ts'
import { CastellanError } from '../errors.ts'
import { REQUESTS_AT_ONCE_MAX_BY_PATIENCE } from '../limits.ts'
import type { ClientWire } from '../wires/wire.ts'
import { askTogether, BatchMeasure, errorOf, measured } from './batches.ts'
import type { CallTurn } from './call-turn.ts'

interface Waiting {
  readonly question: Question
  readonly turn: CallTurn
  readonly bytes: number
  readonly answered: (result: Decision | CastellanError) => void
}

interface Group {
  readonly minPosition: number | undefined
  readonly patience: number
  readonly questions: Set<Waiting>
}

export class MergedChecks {
  readonly #wire: ClientWire
  /** By minPosition, which a batch has one of, and by patience; in order of the first question. */
  readonly #waiting = new Map<string, Group>()
  #flush: NodeJS.Immediate | undefined
  /** Requests, by patience. */
  readonly #underWay = REQUESTS_AT_ONCE_MAX_BY_PATIENCE.map(() => 0)

  constructor(wire: ClientWire) {
    this.#wire = wire
  }

  /** One attempt. Rejects with a `CastellanError`; forgets the question when its turn ends. */
  ask(question: Question, minPosition: number | undefined, turn: CallTurn): Promise<Decision> {
    const bytes = measured(question)
    if (typeof bytes !== 'number') return Promise.reject(bytes)
    if (turn.ended !== undefined) return Promise.reject(turn.ended)
    const patience = REQUESTS_AT_ONCE_MAX_BY_PATIENCE.findIndex(({ untilMs }) => turn.remainingMs <= untilMs)
    const key = `${patience} ${minPosition}`
    return new Promise<Decision>((resolve, reject) => {
      const forget = turn.whenEnded(() => {
        const group = this.#waiting.get(key)
        if (group?.questions.delete(waiting) === true && group.questions.size === 0) this.#waiting.delete(key)
        reject(turn.ended)
      })
      const waiting: Waiting = {
        question,
        turn,
        bytes,
        answered(result) {
          forget()
          if (result instanceof CastellanError) reject(result)
          else resolve(result)
        },
      }
      const group = this.#waiting.get(key)
      if (group === undefined) this.#waiting.set(key, { minPosition, patience, questions: new Set([waiting]) })
      else group.questions.add(waiting)
      // After everything that this turn of the event loop brought: an application's requests arrive one by one.
      this.#flush ??= setImmediate(() => {
        this.#flush = undefined
        this.#send()
      })
    })
  }

  /** While the service is busy with as many requests as it should be, questions gather. */
  #send(): void {
    for (const [key, group] of this.#waiting) {
      while (group.questions.size > 0 && this.#hasPlace(group.patience)) this.#sendBatch(group, taken(group.questions))
      if (group.questions.size === 0) this.#waiting.delete(key)
    }
  }

  /** A request holds its place until its most patient question has ended: the more patient it is, the fewer places it may hold together with all that are no less. */
  #hasPlace(patience: number): boolean {
    let underWay = 0
    for (let one = this.#underWay.length - 1; one >= 0; one -= 1) {
      underWay += this.#underWay[one] ?? 0
      if (one <= patience && underWay >= (REQUESTS_AT_ONCE_MAX_BY_PATIENCE[one]?.requests ?? 0)) return false
    }
    return true
  }

  #sendBatch({ minPosition, patience }: Group, batch: readonly Waiting[]): void {
    this.#count(patience, 1)
    const controller = new AbortController()
    let left = batch.length
    const stops = batch.map(({ turn }) =>
      turn.whenEnded(() => {
        left -= 1
        if (left === 0) controller.abort(turn.ended)
      }),
    )
    const call = () => ({
      signal: controller.signal,
      remainingMs: Math.max(...batch.map(({ turn }) => (turn.ended === undefined ? turn.remainingMs : 0))),
      minPosition,
    })
    const ended = new Promise<never>((_, reject) => controller.signal.addEventListener('abort', () => reject(controller.signal.reason)))
    const questions = batch.map(({ question }) => question)
    // A wire that does not hear of the end must not keep its place.
    Promise.race([askTogether(this.#wire, questions, call), ended])
      .then(
        (results) => {
          for (const [index, { answered }] of batch.entries()) answered(results[index] ?? errorOf(undefined))
        },
        (fault) => {
          for (const { answered } of batch) answered(errorOf(fault))
        },
      )
      .finally(() => {
        for (const stop of stops) stop()
        this.#count(patience, -1)
        this.#send()
      })
  }

  #count(patience: number, change: 1 | -1): void {
    this.#underWay[patience] = (this.#underWay[patience] ?? 0) + change
  }
}

function taken(group: Set<Waiting>): readonly Waiting[] {
  const measure = new BatchMeasure()
  const batch: Waiting[] = []
  for (const waiting of group) {
    if (!measure.take(waiting.bytes)) break
    group.delete(waiting)
    batch.push(waiting)
  }
  return batch
}
