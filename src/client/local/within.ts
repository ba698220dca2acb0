/** Work that ends with its time, and with whoever waits for it. Floor 6. */
import type { Clock } from '../../ground/clock.ts'
import { crowded } from '../asking/crowded.ts'

/** @param closing ends it early @throws what `work` throws once its signal is aborted */
export async function within<T>(
  ms: number,
  clock: Pick<Clock, 'after'>,
  closing: AbortSignal,
  work: (signal: AbortSignal, remainingMs: number) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const end = () => ending.abort()
  const cancelTimer = clock.after(ms, end)
  if (closing.aborted) end()
  crowded(closing).addEventListener('abort', end, { once: true })
  try {
    return await work(ending.signal, ms)
  } finally {
    cancelTimer()
    closing.removeEventListener('abort', end)
  }
}
