/** Checks that wait for a place and may travel together, in the order they came. Sends nothing. Floor 6. */
import type { CastellanError } from '../errors.ts'
import type { AskedCheck, Carriage } from './asked-check.ts'
import { BatchMeasure } from './batches.ts'

/** Linked through the checks themselves: whichever ends goes at once, and nothing is made for it. */
export class WaitingChecks implements Carriage {
  readonly minPosition: number | undefined
  readonly patience: number
  readonly #emptied: (checks: WaitingChecks) => void
  #first: AskedCheck | undefined
  #last: AskedCheck | undefined

  /** @param emptied called when the last one has left by itself */
  constructor(minPosition: number | undefined, patience: number, emptied: (checks: WaitingChecks) => void) {
    this.minPosition = minPosition
    this.patience = patience
    this.#emptied = emptied
  }

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  add(check: AskedCheck): void {
    check.carriage = this
    check.before = this.#last
    if (this.#last === undefined) this.#first = check
    else this.#last.after = check
    this.#last = check
  }

  left(check: AskedCheck, _error: CastellanError): void {
    this.#unlink(check)
    if (this.#first === undefined) this.#emptied(this)
  }

  /** The first ones, as many as one batch takes. */
  take(): readonly AskedCheck[] {
    const measure = new BatchMeasure()
    const batch: AskedCheck[] = []
    for (let check = this.#first; check !== undefined && measure.take(check.bytes); check = this.#first) {
      this.#unlink(check)
      batch.push(check)
    }
    return batch
  }

  #unlink(check: AskedCheck): void {
    const { before, after } = check
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    check.before = undefined
    check.after = undefined
  }
}
