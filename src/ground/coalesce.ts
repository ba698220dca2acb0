/** One run at a time, shared by all who asked before it began. Floor 0. */

/**
 * Who asks while a run is under way gets the next one: an answer never comes from a run that began before the question.
 * A run that fails fails for all who wait for it.
 */
export class Coalesced<T> {
  readonly #work: () => Promise<T>
  #running: Promise<T> | undefined
  #next: Promise<T> | undefined

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  /** The result of the run that is under way, or of a new one. */
  join(): Promise<T> {
    return this.#running ?? this.#begin()
  }

  get idle(): boolean {
    return this.#running === undefined
  }

  /** The result of a run that begins after this call. */
  run(): Promise<T> {
    if (this.#running === undefined) return this.#begin()
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  #begin(): Promise<T> {
    this.#next = undefined
    const run = this.#work()
    const ended = () => {
      if (this.#running === run) this.#running = undefined
    }
    this.#running = run
    run.then(ended, ended)
    return run
  }
}
