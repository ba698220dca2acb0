/** A signal that many calls listen to at once, as those of one request do. Floor 6. */
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events'
import { QUESTIONS_UNDER_WAY_MAX } from '../limits.ts'

/** Node takes more than ten listeners for a leak and says so on standard error. Ours leave with their call; a bound of somebody else's stays. */
export function crowded(signal: AbortSignal): AbortSignal {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(QUESTIONS_UNDER_WAY_MAX, signal)
  return signal
}
