/** Waits for an answer of Redis no longer than its deadline, and counts how that went. Sends nothing itself. Floor 2. */
import type { Clock } from '../ground/clock.ts'
import { REDIS_DEADLINE_MS } from '../model/limits.ts'
import type { Attempt } from './breaker.ts'
import type { RedisConnection } from './redis-client.ts'
import type { RedisLink } from './redis-link.ts'

export interface Awaiting {
  readonly clock: Clock
  readonly link: RedisLink
  readonly connection: RedisConnection
  readonly attempt: Attempt
  /** The attempt failed, or its answer was too late. */
  readonly failed: (fault: unknown) => void
}

/** The answer; `undefined` when it failed or did not come within REDIS_DEADLINE_MS. Never throws. */
export function answerWithin<T>({ clock, link, connection, attempt, failed }: Awaiting, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    let ended = false
    const end = (value: T | undefined, fault?: unknown) => {
      if (ended) return
      ended = true
      cancel()
      if (fault === undefined) attempt.succeeded()
      else {
        failed(fault)
        attempt.failed()
      }
      resolve(value)
    }
    const late = () => {
      if (ended) return
      link.suspect(connection, answer)
      end(undefined, new Error('late'))
    }
    // After one more look at the sockets: when this process itself stood still, the answer is there already.
    const cancel = clock.after(REDIS_DEADLINE_MS, () => void setImmediate(late))
    answer.then(
      (value) => end(value),
      (fault: unknown) => end(undefined, fault ?? new Error('unknown')),
    )
  })
}
