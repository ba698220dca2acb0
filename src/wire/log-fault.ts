/** Faults of requests, as the log tells them. Floor 4. */
import type { Log } from '../ground/log.ts'
import { StoppingError } from './call.ts'
import type { KnownError } from './error-table.ts'

/** Logs what an operator has to know: faults of ours with their cause, a store that fails; never a caller's mistakes, nor that we stop. */
export function logFault(
  log: Log,
  known: KnownError,
  where: { readonly wire: string; readonly method: string; readonly requestId: string },
): void {
  if (known.unexpected) log.error({ ...where, err: known.error.cause ?? known.error }, 'unexpected fault')
  else if (known.code === 'store_unavailable' && !(known.error instanceof StoppingError))
    log.warn({ ...where, err: known.error, cause: String(known.error.cause ?? '') }, 'store unavailable')
}
