/** Time as an argument. Never compares clocks of different machines. Floor 0. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  nowMs(): number
  /** Monotonic, milliseconds from an arbitrary origin: for durations only. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
