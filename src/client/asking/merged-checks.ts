/** Checks of one tick travel together, each with its own deadline and its own error. Retries nothing. Floor 6. */
import type { Decision, Question } from '../client.ts'
import { CastellanError } from '../errors.ts'
import { REQUESTS_AT_ONCE_MAX } from '../limits.ts'
import type { ClientWire } from '../wires/wire.ts'
import { askTogether, BatchMeasure, errorOf, measured } from './batches.ts'
import type { CallTurn } from './call-turn.ts'

interface Waiting {
  readonly question: Question
  readonly turn: CallTurn
  readonly bytes: number
  readonly minPosition: number | undefined
  readonly answered: (result: Decision | CastellanError) => void
}

export class MergedChecks {
  readonly #wire: ClientWire
  /** By minPosition, which a batch has one of; in order of the first question. */
  readonly #waiting = new Map<number | undefined, Set<Waiting>>()
  #flush: NodeJS.Immediate | undefined
  #underWay = 0

  constructor(wire: ClientWire) {
    this.#wire = wire
  }

  /** One attempt. Rejects with a `CastellanError`; forgets the question when its turn ends. */
  ask(question: Question, minPosition: number | undefined, turn: CallTurn): Promise<Decision> {
    const bytes = measured(question)
    if (typeof bytes !== 'number') return Promise.reject(bytes)
    if (turn.ended !== undefined) return Promise.reject(turn.ended)
    return new Promise<Decision>((resolve, reject) => {
      const leave = () => {
        const group = this.#waiting.get(minPosition)
        if (group?.delete(waiting) === true && group.size === 0) this.#waiting.delete(minPosition)
      }
      const forget = turn.whenEnded(() => {
        leave()
        reject(turn.ended)
      })
      const waiting: Waiting = {
        question,
        turn,
        bytes,
        minPosition,
        answered(result) {
          forget()
          if (result instanceof CastellanError) reject(result)
          else resolve(result)
        },
      }
      const group = this.#waiting.get(minPosition)
      if (group === undefined) this.#waiting.set(minPosition, new Set([waiting]))
      else group.add(waiting)
      // After everything that this turn of the event loop brought: an application's requests arrive one by one.
      this.#flush ??= setImmediate(() => {
        this.#flush = undefined
        this.#send()
      })
    })
  }

  /** While the service is busy with as many requests as it should be, questions gather. */
  #send(): void {
    for (const [minPosition, group] of this.#waiting) {
      while (group.size > 0 && this.#underWay < REQUESTS_AT_ONCE_MAX) this.#sendBatch(minPosition, taken(group))
      if (group.size === 0) this.#waiting.delete(minPosition)
    }
  }

  #sendBatch(minPosition: number | undefined, batch: readonly Waiting[]): void {
    this.#underWay += 1
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
        this.#underWay -= 1
        this.#send()
      })
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
