/** How long one call may go on: until its deadline, until who asked waits no more, until the client closes. Sends nothing. Floor 6. */
import type { Clock } from '../../ground/clock.ts'
import { type CastellanError, UnavailableError } from '../errors.ts'
import { crowded } from './crowded.ts'
import { cancelledError } from './open-client.ts'

export class CallTurn {
  readonly #clock: Clock
  readonly #deadlineAtMs: number
  readonly #stopTimer: () => void
  readonly #signal: AbortSignal | undefined
  readonly #listeners = new Set<() => void>()
  #ended: CastellanError | undefined
  /** Of the attempt before, told as the cause when the time is over. */
  lastFailure: CastellanError | undefined

  constructor(clock: Clock, deadlineMs: number, signal: AbortSignal | undefined) {
    this.#clock = clock
    this.#deadlineAtMs = clock.monotonicMs() + deadlineMs
    this.#stopTimer = clock.after(deadlineMs, () => this.end(deadlineError(deadlineMs, this.lastFailure)))
    this.#signal = signal
    if (signal !== undefined) crowded(signal).addEventListener('abort', this.#abort, { once: true })
  }

  /** Why it is over; undefined while it is not. */
  get ended(): CastellanError | undefined {
    return this.#ended
  }

  get remainingMs(): number {
    return Math.max(0, this.#deadlineAtMs - this.#clock.monotonicMs())
  }

  /** Calls `run` once when it ends, unless the answer is called before. */
  whenEnded(run: () => void): () => void {
    if (this.#ended !== undefined) {
      run()
      return () => undefined
    }
    this.#listeners.add(run)
    return () => void this.#listeners.delete(run)
  }

  /** Waits for `work` as long as the turn lasts. Work that goes on unwatched raises nothing. */
  waitFor<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const stop = this.whenEnded(() => reject(this.#ended))
      work.then(resolve, reject).finally(stop)
    })
  }

  /** An aborted signal when it ends, for who understands nothing else. */
  signal(): AbortSignal {
    const controller = new AbortController()
    this.whenEnded(() => controller.abort(this.#ended))
    return controller.signal
  }

  end(error: CastellanError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.done()
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }

  /** It is answered: nothing ends it any more. */
  done(): void {
    this.#stopTimer()
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => {
    if (this.#signal !== undefined) this.end(cancelledError(this.#signal))
  }
}

export function deadlineError(deadlineMs: number, cause: CastellanError | undefined): UnavailableError {
  return new UnavailableError(`No answer within ${deadlineMs} ms; nothing was decided.`, {
    code: 'deadline_exceeded',
    ...(cause === undefined ? {} : { cause }),
  })
}
