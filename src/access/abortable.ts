/** Waiting no longer than a caller does. Floor 3. */
import { ServiceError } from '../model/error-code.ts'

/**
 * Waits for `work`, but no longer than the caller does. Work that goes on unwatched cannot raise an unhandled rejection.
 * @param signal absent: until the end of the work
 */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  if (signal.aborted) return Promise.race([work, Promise.reject(abortError(signal))])
  // By hand: it stands in each look-up, and a race of two promises takes twice the time.
  return new Promise((resolve, reject) => {
    const stop = () => reject(abortError(signal))
    signal.addEventListener('abort', stop)
    work.then(
      (value) => {
        signal.removeEventListener('abort', stop)
        resolve(value)
      },
      (fault: unknown) => {
        signal.removeEventListener('abort', stop)
        reject(fault)
      },
    )
  })
}

/** @throws the signal's error when the caller has gone or its time is over: no work is begun for nobody */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal)
}

function abortError(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  if (reason instanceof ServiceError) return reason
  return (reason as { readonly name?: unknown } | undefined)?.name === 'TimeoutError'
    ? new ServiceError('deadline_exceeded', 'The time for this request is over; nothing was decided.', { retryAfterSeconds: 1 })
    : new ServiceError('cancelled', 'The caller cancelled the request.')
}
