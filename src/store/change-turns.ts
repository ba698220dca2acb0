/** Lets only some changes hold a connection at once: changes queue on the feed's head anyway, and checks need the rest of the pool. Floor 2. */
import { ServiceError, StoreError } from '../model/error-code.ts'

export class ChangeTurns {
  readonly #waiting: (() => void)[] = []
  readonly #waitMsMax: number
  #free: number
  /** Turns that ended so far: a queue that does not move is the database's fault, not that of too many changes. */
  #ended = 0

  constructor(atOnceMax: number, waitMsMax: number) {
    this.#free = atOnceMax
    this.#waitMsMax = waitMsMax
  }

  /** In order of asking. @throws ServiceError `overloaded`, or StoreError where nothing moves, after waiting too long; `work` was not begun then */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await this.#wait()
    try {
      return await work()
    } finally {
      this.#ended += 1
      const next = this.#waiting.shift()
      // The place is handed on, so that nobody who asks later comes between.
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  #wait(): Promise<void> {
    const endedBefore = this.#ended
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1)
        if (this.#ended === endedBefore) {
          reject(new StoreError('No change ended while this one waited for its turn'))
          return
        }
        const hint = 'Nothing was changed; send fewer changes at once.'
        reject(new ServiceError('overloaded', 'Too many changes are waiting.', { hint, retryAfterSeconds: 1 }))
      }, this.#waitMsMax)
      this.#waiting.push(begin)
    })
  }
}
