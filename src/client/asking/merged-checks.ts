/** Checks of one tick travel together, each with its own deadline, its own retries and its own error. Floor 6. */
import type { CallOptions, Decision, Question } from '../client.ts'
import type { CastellanError } from '../errors.ts'
import { REQUESTS_AT_ONCE_MAX_BY_PATIENCE } from '../limits.ts'
import { isRetried } from '../wires/service-error.ts'
import type { ClientWire } from '../wires/wire.ts'
import { AskedCheck, type Carriage, type Carrier } from './asked-check.ts'
import { askTogether, errorOf, measured } from './batches.ts'
import { Deadlines } from './deadlines.ts'
import { cancelledError } from './open-client.ts'
import { type RetryNeeds, retryDelayMs } from './retry.ts'
import { WaitingChecks } from './waiting-checks.ts'

export class MergedChecks implements Carrier {
  readonly #wire: ClientWire
  readonly #retry: RetryNeeds
  readonly deadlines: Deadlines<AskedCheck>
  /** By minPosition, which a batch has one of, and by patience; in order of the first question. */
  readonly #waiting = new Map<string, WaitingChecks>()
  /** Where the last check was put: most go where the one before went. */
  #latest: WaitingChecks | undefined
  #flush: NodeJS.Immediate | undefined
  /** Requests, by patience. */
  readonly #underWay = REQUESTS_AT_ONCE_MAX_BY_PATIENCE.map(() => 0)

  constructor(wire: ClientWire, retry: RetryNeeds) {
    this.#wire = wire
    this.#retry = retry
    this.deadlines = new Deadlines(retry.clock)
  }

  /** Questions that wait for an answer. */
  get questions(): number {
    return this.deadlines.size
  }

  /** Rejects with a `CastellanError`. */
  ask(question: Question, deadlineMs: number, options: CallOptions | undefined): Promise<Decision> {
    const bytes = measured(question)
    if (typeof bytes !== 'number') return Promise.reject(bytes)
    const signal = options?.signal
    if (signal?.aborted === true) return Promise.reject(cancelledError(signal))
    const { clock, retries } = this.#retry
    const times = { deadlineMs, dueAtMs: clock.monotonicMs() + deadlineMs, retries, signal }
    return new Promise<Decision>((resolve, reject) =>
      this.#wait(new AskedCheck(question, bytes, options?.minPosition, times, this, resolve, reject), deadlineMs),
    )
  }

  /** Asks again what may succeed a moment later, at random moments and inside the deadline. */
  failed(check: AskedCheck, error: CastellanError): void {
    const { clock } = this.#retry
    const delayMs = check.retriesLeft > 0 && isRetried(error) ? retryDelayMs(this.#retry) : Number.POSITIVE_INFINITY
    check.lastFailure = error
    if (delayMs >= check.dueAtMs - clock.monotonicMs()) {
      check.end(error)
      return
    }
    check.retriesLeft -= 1
    check.stopRetry = clock.after(delayMs, () => {
      check.stopRetry = undefined
      this.#wait(check, Math.max(0, check.dueAtMs - clock.monotonicMs()))
    })
  }

  /** @param error one for each */
  endAll(error: () => CastellanError): void {
    for (const check of this.deadlines.all()) check.end(error())
  }

  #wait(check: AskedCheck, remainingMs: number): void {
    this.#group(check.minPosition, patienceOf(remainingMs)).add(check)
    // After everything that this turn of the event loop brought: an application's requests arrive one by one.
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined
      this.#send()
    })
  }

  #group(minPosition: number | undefined, patience: number): WaitingChecks {
    const latest = this.#latest
    if (latest !== undefined && latest.patience === patience && latest.minPosition === minPosition && !latest.isEmpty) return latest
    const key = keyOf({ minPosition, patience })
    let group = this.#waiting.get(key)
    if (group === undefined) {
      group = new WaitingChecks(minPosition, patience, (emptied) => this.#waiting.delete(keyOf(emptied)))
      this.#waiting.set(key, group)
    }
    this.#latest = group
    return group
  }

  /** While the service is busy with as many requests as it should be, questions gather. */
  #send(): void {
    for (const [key, group] of this.#waiting) {
      while (!group.isEmpty && this.#hasPlace(group.patience)) void this.#carry(group)
      if (group.isEmpty) this.#waiting.delete(key)
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

  /** One request of the first of them. Never rejects. */
  async #carry(group: WaitingChecks): Promise<void> {
    const { minPosition, patience } = group
    const checks = group.take()
    const batch = new Batch(checks)
    const { signal } = batch
    const call = () => ({ signal, remainingMs: batch.remainingMs(this.#retry.clock.monotonicMs()), minPosition })
    this.#count(patience, 1)
    try {
      const questions = checks.map(({ question }) => question)
      // A wire that does not hear of the end must not keep its place.
      const results = await Promise.race([askTogether(this.#wire, questions, call), batch.abandoned])
      for (let index = 0; index < checks.length; index += 1) checks[index]?.answered(results[index] ?? errorOf(undefined))
    } catch (fault) {
      for (const check of checks) check.answered(errorOf(fault))
    }
    batch.over()
    this.#count(patience, -1)
    this.#send()
  }

  #count(patience: number, change: 1 | -1): void {
    this.#underWay[patience] = (this.#underWay[patience] ?? 0) + change
  }
}

/** Checks that travel in one request, which goes on while one of them waits. */
class Batch implements Carriage {
  readonly #checks: readonly AskedCheck[]
  readonly #controller = new AbortController()
  /** Rejects when nobody waits any more. */
  readonly abandoned: Promise<never>
  readonly #abandon: () => void
  #left: number

  constructor(checks: readonly AskedCheck[]) {
    this.#checks = checks
    this.#left = checks.length
    let abandon: (error: unknown) => void = () => undefined
    this.abandoned = new Promise((_, reject) => {
      abandon = reject
    })
    const { signal } = this.#controller
    this.#abandon = () => abandon(signal.reason)
    signal.addEventListener('abort', this.#abandon)
    for (const check of checks) check.carriage = this
  }

  /** The library keeps the signal for longer than the call, and would keep the answers with it. */
  over(): void {
    this.#controller.signal.removeEventListener('abort', this.#abandon)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Of the most patient one that still waits. */
  remainingMs(nowMs: number): number {
    let lastMs = nowMs
    for (const { isEnded, dueAtMs } of this.#checks) if (!isEnded && dueAtMs > lastMs) lastMs = dueAtMs
    return lastMs - nowMs
  }

  left(_check: AskedCheck, error: CastellanError): void {
    this.#left -= 1
    if (this.#left === 0) this.#controller.abort(error)
  }
}

function patienceOf(remainingMs: number): number {
  let patience = 0
  while (remainingMs > (REQUESTS_AT_ONCE_MAX_BY_PATIENCE[patience]?.untilMs ?? Number.POSITIVE_INFINITY)) patience += 1
  return patience
}

function keyOf({ minPosition, patience }: Pick<WaitingChecks, 'minPosition' | 'patience'>): string {
  return `${patience} ${minPosition}`
}
