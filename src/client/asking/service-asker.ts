/** Questions answered by the service over any wire: deadlines, retries, merging, and how much is under way. Decides nothing. Floor 6. */
import { type Clock, holdingClock } from '../../ground/clock.ts'
import { type Random, systemRandom } from '../../ground/random.ts'
import type { CallOptions, Question } from '../client.ts'
import { type CastellanError, UnavailableError } from '../errors.ts'
import { BATCHES_AT_ONCE_MAX, DEADLINE_MS_DEFAULT, QUESTIONS_UNDER_WAY_MAX, RETRIES_DEFAULT, RETRIES_MAX } from '../limits.ts'
import { isRetried, serviceError } from '../wires/service-error.ts'
import type { ClientWire } from '../wires/wire.ts'
import type { Asker } from './asker.ts'
import { askTogether, BatchMeasure, errorOf, measured, type Result } from './batches.ts'
import { CallTurn } from './call-turn.ts'
import { MergedChecks } from './merged-checks.ts'
import { closedError } from './open-client.ts'
import { DEADLINE_MESSAGE, isDeadline } from './parse-question.ts'
import { type RetryNeeds, retrying, waitToRetry } from './retry.ts'

export interface AskingOptions {
  /** Of a whole call with its retries, in milliseconds. Default 500. */
  readonly deadlineMs?: number
  /** Attempts after the first one, only where the service is unavailable. Default 1. */
  readonly retries?: number
}

export interface AskingNeeds {
  readonly clock: Clock
  readonly random: Random
}

/** A program that asks and has nothing else to do must hear the answer, or that there is none. */
export const systemNeeds: AskingNeeds = { clock: holdingClock, random: systemRandom }

/** @throws TypeError that names the option at fault */
export function openServiceAsker(wire: ClientWire, options: AskingOptions, needs: AskingNeeds): Asker {
  return new ServiceAsker(wire, checkedOptions(options), needs)
}

/** @throws TypeError */
export function checkedOptions({ deadlineMs = DEADLINE_MS_DEFAULT, retries = RETRIES_DEFAULT }: AskingOptions): Required<AskingOptions> {
  if (!isDeadline(deadlineMs)) throw new TypeError(`deadlineMs ${DEADLINE_MESSAGE}`)
  if (!Number.isInteger(retries) || retries < 0 || retries > RETRIES_MAX)
    throw new TypeError(`retries must be a whole number from 0 to ${RETRIES_MAX}`)
  return { deadlineMs, retries }
}

class ServiceAsker implements Asker {
  readonly #wire: ClientWire
  readonly #deadlineMs: number
  readonly #clock: Clock
  readonly #retry: RetryNeeds
  readonly #merged: MergedChecks
  readonly #turns = new Set<CallTurn>()
  /** Of lists; checks are counted where they are merged. */
  #questions = 0
  #closed = false

  constructor(wire: ClientWire, { deadlineMs, retries }: Required<AskingOptions>, { clock, random }: AskingNeeds) {
    this.#wire = wire
    this.#deadlineMs = deadlineMs
    this.#clock = clock
    this.#retry = { retries, clock, random }
    this.#merged = new MergedChecks(wire, this.#retry)
  }

  check(question: Question, options?: CallOptions) {
    const fault = this.#refusal(1)
    return fault === undefined ? this.#merged.ask(question, options?.deadlineMs ?? this.#deadlineMs, options) : Promise.reject(fault)
  }

  async checkAll(questions: readonly Question[], options?: CallOptions) {
    return await this.#taking(questions.length, options, async (turn) => {
      const results: Result[] = questions.map((question) => {
        const bytes = measured(question)
        return typeof bytes === 'number' ? UNDECIDED : bytes
      })
      let left = results.flatMap((result, index) => (result === UNDECIDED ? [index] : []))
      for (let retries = this.#retry.retries; left.length > 0; retries -= 1) {
        await this.#askBatches(questions, left, results, options, turn)
        left = left.filter((index) => isRetried(results[index] as Result))
        if (left.length === 0 || retries <= 0 || !(await waitToRetry(turn, this.#retry))) break
      }
      return results
    })
  }

  listPermissions(subject: { readonly user: string; readonly tenant: string }, options?: CallOptions) {
    const minPosition = options?.minPosition
    return this.#taking(1, options, (turn) =>
      retrying(turn, this.#retry, async () => {
        const call = { signal: turn.signal(), remainingMs: turn.remainingMs, minPosition }
        const list = await this.#wire.listPermissions(subject, call).catch((fault) => Promise.reject(errorOf(fault)))
        // The service lists as of now; what it says of now can be told.
        if (minPosition !== undefined && list.position < minPosition) throw serviceError({ code: 'position_not_reached' })
        return list
      }),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#merged.endAll(closedError)
    for (const turn of this.#turns) turn.end(closedError())
    await this.#wire.close()
  }

  async #askBatches(
    questions: readonly Question[],
    indexes: readonly number[],
    results: Result[],
    options: CallOptions | undefined,
    turn: CallTurn,
  ): Promise<void> {
    const batches = inBatches(questions, indexes)
    let next = 0
    const work = async () => {
      for (let batch = batches[next++]; batch !== undefined && turn.ended === undefined; batch = batches[next++]) {
        const asked = batch.map((index) => questions[index] as Question)
        const signal = turn.signal()
        const call = () => ({ signal, remainingMs: turn.remainingMs, minPosition: options?.minPosition })
        const answers = await askTogether(this.#wire, asked, call)
        batch.forEach((index, at) => {
          results[index] = answers[at] ?? errorOf(undefined)
        })
      }
    }
    await turn.waitFor(Promise.all(Array.from({ length: Math.min(BATCHES_AT_ONCE_MAX, batches.length) }, work)))
  }

  /** Why so many questions more are not even asked. */
  #refusal(places: number): UnavailableError | undefined {
    if (this.#closed) return closedError()
    if (this.#questions + this.#merged.questions + places <= QUESTIONS_UNDER_WAY_MAX) return undefined
    return new UnavailableError('This client has too many questions under way; nothing was decided.', {
      code: 'overloaded',
      hint: `At most ${QUESTIONS_UNDER_WAY_MAX} of one client at once.`,
    })
  }

  /** @throws UnavailableError at once when too much is under way */
  async #taking<T>(questions: number, options: CallOptions | undefined, ask: (turn: CallTurn) => Promise<T>): Promise<T> {
    // However long a list is, only so much of it is under way.
    const places = Math.min(questions, QUESTIONS_UNDER_WAY_MAX / 2)
    const fault = this.#refusal(places)
    if (fault !== undefined) throw fault
    const turn = new CallTurn(this.#clock, options?.deadlineMs ?? this.#deadlineMs, options?.signal)
    this.#questions += places
    this.#turns.add(turn)
    try {
      return await ask(turn)
    } finally {
      turn.done()
      this.#turns.delete(turn)
      this.#questions -= places
    }
  }
}

/** What stands where no answer has come yet. */
const UNDECIDED: CastellanError = new UnavailableError('Nothing was decided.', { code: 'unavailable' })

function inBatches(questions: readonly Question[], indexes: readonly number[]): readonly (readonly number[])[] {
  const batches: number[][] = []
  let measure = new BatchMeasure()
  for (const index of indexes) {
    const bytes = measured(questions[index] as Question) as number
    if (batches.length === 0 || !measure.take(bytes)) {
      measure = new BatchMeasure()
      measure.take(bytes)
      batches.push([])
    }
    batches.at(-1)?.push(index)
  }
  return batches
}
