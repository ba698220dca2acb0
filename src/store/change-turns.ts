/** Lets only some changes hold a connection at once: changes queue on the feed's head anyway, and checks need the rest of the pool. Floor 2. */
import { ServiceError } from '../model/error-code.ts'

export class ChangeTurns {
  readonly #waiting: (() => void)[] = []
  readonly #waitMsMax: number
  #free: number

  constructor(atOnceMax: number, waitMsMax: number) {
    this.#free = atOnceMax
    this.#waitMsMax = waitMsMax
  }

  /** In order of asking. @throws ServiceError `overloaded` after waiting too long; `work` was not begun then */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await this.#wait()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // The place is handed on, so that nobody who asks later comes between.
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1)
        const hint = 'Nothing was changed; send fewer changes at once.'
        reject(new ServiceError('overloaded', 'Too many changes are waiting.', { hint, retryAfterSeconds: 1 }))
      }, this.#waitMsMax)
      this.#waiting.push(begin)
    })
  }
}
