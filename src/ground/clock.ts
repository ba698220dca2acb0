/** Time as an argument. Never compares clocks of different machines. Floor 0. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  nowMs(): number
  /** Monotonic, milliseconds from an arbitrary origin: for durations only. Goes on while the process is stopped. */
  monotonicMs(): number
  /** Calls `run` once, after `ms`, unless the answer is called before. Does not keep the process alive. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** As the system's, but the process lives until what it will run has run: for the end of what somebody waits for. */
export const holdingClock: Clock = {
  ...systemClock,
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}
