/** What [user, tenant] may be decided from: read in one statement. The caches of the freshness design stand here. Never decides. Floor 3. */
import type { AccessState } from '../model/access-state.ts'
import { ServiceError } from '../model/error-code.ts'
import type { AccessReader } from '../store/ports.ts'

export interface AccessResolver {
  /**
   * @param minPosition the state must be at least this fresh (freshness, F3)
   * @throws ServiceError `position_not_reached`, and what the store throws; `cancelled` or `deadline_exceeded` when the signal says so
   */
  resolve(tenant: string, user: string, minPosition: number | undefined, signal: AbortSignal): Promise<AccessState>
}

export function openAccessResolver(needs: { readonly access: AccessReader }): AccessResolver {
  return {
    // Loads are not shared between callers: one that began before a change was acknowledged would answer a check that began after it.
    async resolve(tenant, user, minPosition, signal) {
      const state = await abortable(needs.access.resolve(tenant, user), signal)
      requirePosition(state.position, minPosition)
      return state
    },
  }
}

export function requirePosition(position: number, minPosition: number | undefined): void {
  if (minPosition === undefined || position >= minPosition) return
  throw new ServiceError('position_not_reached', `The feed is at position ${position}, before the ${minPosition} that was asked for.`, {
    hint: 'Use a position that an answer of this service gave; try again if it was given moments ago.',
    retryAfterSeconds: 1,
  })
}

/** Waits for `work`, but no longer than the caller does. Work that goes on unwatched cannot raise an unhandled rejection. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(signal))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop)
  }
}

/** @throws the signal's error when the caller has gone or its time is over: no work is begun for nobody */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal)
}

function abortError(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  if (reason instanceof ServiceError) return reason
  return (reason as { readonly name?: unknown } | undefined)?.name === 'TimeoutError'
    ? new ServiceError('deadline_exceeded', 'The time for this request is over; nothing was decided.', { retryAfterSeconds: 1 })
    : new ServiceError('cancelled', 'The caller cancelled the request.')
}
