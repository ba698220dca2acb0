/** One check on its way: until it is answered, its deadline is over, whoever asked waits no more, or the client closes. Sends nothing. Floor 6. */
import type { Decision, Question } from '../client.ts'
import { CastellanError } from '../errors.ts'
import { deadlineError } from './call-turn.ts'
import { crowded } from './crowded.ts'
import type { Deadlines, Due } from './deadlines.ts'
import { cancelledError } from './open-client.ts'

/** Who carries it. */
export interface Carrier {
  readonly deadlines: Deadlines<AskedCheck>
  /** An attempt failed, and nobody has given the check up meanwhile. */
  failed(check: AskedCheck, error: CastellanError): void
}

/** Where it waits or travels. */
export interface Carriage {
  /** It ended there, unanswered. */
  left(check: AskedCheck, error: CastellanError): void
}

/**
 * Everything that one check needs, in one object: there are as many of them as checks, and what each allocates is most of what it costs.
 * It is its own listener of the signal.
 */
export class AskedCheck implements Due {
  readonly question: Question
  readonly bytes: number
  readonly minPosition: number | undefined
  readonly dueAtMs: number
  place = -1
  number = 0
  /** Neighbours where it waits. */
  before: AskedCheck | undefined
  after: AskedCheck | undefined
  /** Absent between two attempts. */
  carriage: Carriage | undefined
  retriesLeft: number
  /** Of the attempt before, told as the cause when the time is over. */
  lastFailure: CastellanError | undefined
  stopRetry: (() => void) | undefined
  isEnded = false
  readonly #deadlineMs: number
  readonly #signal: AbortSignal | undefined
  readonly #carrier: Carrier
  readonly #resolve: (decision: Decision) => void
  readonly #reject: (error: CastellanError) => void

  /** @param times `dueAtMs` on the monotonic clock: `deadlineMs` after it was asked */
  constructor(
    question: Question,
    bytes: number,
    minPosition: number | undefined,
    times: { readonly deadlineMs: number; readonly dueAtMs: number; readonly retries: number; readonly signal: AbortSignal | undefined },
    carrier: Carrier,
    resolve: (decision: Decision) => void,
    reject: (error: CastellanError) => void,
  ) {
    this.question = question
    this.bytes = bytes
    this.minPosition = minPosition
    this.dueAtMs = times.dueAtMs
    this.retriesLeft = times.retries
    this.#deadlineMs = times.deadlineMs
    this.#signal = times.signal
    this.#carrier = carrier
    this.#resolve = resolve
    this.#reject = reject
    carrier.deadlines.add(this)
    if (times.signal !== undefined) crowded(times.signal).addEventListener('abort', this, ONCE)
  }

  /** Of the attempt that is under way; nothing when it ended before. */
  answered(result: Decision | CastellanError): void {
    if (this.isEnded) return
    this.carriage = undefined
    if (result instanceof CastellanError) this.#carrier.failed(this, result)
    else {
      this.#over()
      this.#resolve(result)
    }
  }

  /** Nobody answers it any more. */
  end(error: CastellanError): void {
    if (this.isEnded) return
    this.#over()
    this.stopRetry?.()
    this.carriage?.left(this, error)
    this.carriage = undefined
    this.#reject(error)
  }

  overdue(): void {
    this.end(deadlineError(this.#deadlineMs, this.lastFailure))
  }

  /** Of the signal. */
  handleEvent(): void {
    if (this.#signal !== undefined) this.end(cancelledError(this.#signal))
  }

  #over(): void {
    this.isEnded = true
    this.#carrier.deadlines.remove(this)
    this.#signal?.removeEventListener('abort', this)
  }
}

const ONCE = { once: true }
