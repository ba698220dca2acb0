/** One call under way, whichever wire it came by: its caller, its signal, its end. Floor 4. */
import type { Caller } from '../model/caller.ts'
import type { TraceRef } from '../model/decision-record.ts'
import { ServiceError } from '../model/error-code.ts'
import { REQUEST_TIMEOUT_MS } from '../model/limits.ts'

/** What a decision's record says of the question's way here. */
export interface Arrival {
  readonly caller: Caller
  readonly requestId: string
  /** Monotonic: when it arrived, before it was read. */
  readonly receivedMs: number
  /** Absent: it belongs to none. */
  readonly trace: TraceRef | undefined
}

export interface Call extends Arrival {
  readonly signal: AbortSignal
}

/** To the caller as a store that is away: it goes on elsewhere. To an operator no fault at all. */
export class StoppingError extends ServiceError {
  constructor() {
    super('store_unavailable', 'The service is stopping.', { retryAfterSeconds: 1 })
  }
}

/** Ends a call's waiting: by its caller's hanging up, by time, or because the service stops. The signal's reason says which. */
export class CallEnd {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  #done = false

  /** @param timeoutMs of calls that may take longer, or less long, than usual; `endless`: nothing but its reader or the service ends it */
  constructor(timeoutMs: number | 'endless' = REQUEST_TIMEOUT_MS) {
    if (timeoutMs === 'endless') return
    this.#timer = setTimeout(
      () =>
        this.#controller.abort(
          new ServiceError('deadline_exceeded', 'The request took too long.', { hint: 'Nothing is known of its outcome.' }),
        ),
      timeoutMs,
    )
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The caller does not wait any more. After `done` it means nothing. */
  cancel(): void {
    this.#abort(new ServiceError('cancelled', 'The caller hung up.'))
  }

  /** The service stops, and this call would go on for longer than that may take. After `done` it means nothing. */
  stop(): void {
    this.#abort(new StoppingError())
  }

  /** Its reader takes nothing of its answer. After `done` it means nothing. */
  giveUp(): void {
    this.#abort(new ServiceError('deadline_exceeded', 'The reader took nothing for too long.', { hint: 'Read faster, or ask for less.' }))
  }

  /** The call is answered; nothing aborts any more. */
  done(): void {
    this.#done = true
    clearTimeout(this.#timer)
  }

  #abort(reason: ServiceError): void {
    if (!this.#done) this.#controller.abort(reason)
  }
}
