/** Work that costs this process so much that only one caller at a time has it done. Knows nothing of what it is. Floor 3. */
import { ServiceError } from '../model/error-code.ts'

export class OneAtATime {
  readonly #what: string
  readonly #retryAfterSeconds: number
  #holder: symbol | undefined

  /** @param what a sentence about the other one, such as "Another plan is being made here." */
  constructor(what: string, retryAfterSeconds: number) {
    this.#what = what
    this.#retryAfterSeconds = retryAfterSeconds
  }

  /** @throws ServiceError `overloaded` while another one is at work */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = this.#enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }

  /**
   * What `make` yields, for as long as somebody takes it: whoever does not take the next one within `waitMsMax` loses the turn, and what they
   * were given ends with `deadline_exceeded`.
   * @throws ServiceError `overloaded` while another one is at work
   */
  async *stream<T>(
    make: (signal: AbortSignal) => AsyncIterable<T>,
    signal: AbortSignal,
    waitMsMax: number,
  ): AsyncGenerator<T, void, undefined> {
    const leave = this.#enter()
    const idle = new AbortController()
    const giveUp = () => {
      leave()
      idle.abort(new ServiceError('deadline_exceeded', 'Nobody read on, and others wait for their turn.'))
    }
    try {
      for await (const item of make(AbortSignal.any([signal, idle.signal]))) {
        const timer = setTimeout(giveUp, waitMsMax)
        try {
          yield item
        } finally {
          clearTimeout(timer)
        }
        idle.signal.throwIfAborted()
      }
    } finally {
      leave()
    }
  }

  #enter(): () => void {
    if (this.#holder !== undefined)
      throw new ServiceError('overloaded', this.#what, { hint: 'Try again when it is done.', retryAfterSeconds: this.#retryAfterSeconds })
    const holder = Symbol()
    this.#holder = holder
    return () => {
      if (this.#holder === holder) this.#holder = undefined
    }
  }
}
