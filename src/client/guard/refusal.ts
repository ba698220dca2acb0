/** What an application's own functions threw → an error that every framework takes for one. Floor 6. */
import { types } from 'node:util'

/**
 * Frameworks take some values for no error at all: Express goes on for 0, '' and 'route', and some answer with the status that an error
 * names, whichever it is. Those become the cause of an error that says nothing of the kind.
 */
export function refusalOf(fault: unknown): Error {
  try {
    if ((types.isNativeError(fault) || fault instanceof Error) && !looksAnswered(fault)) return fault
  } catch {
    // It cannot even be looked at.
  }
  return new Error('The application failed before anything was decided', { cause: fault })
}

/** A status that is no error's, as of an answer that was thrown on; words ("NOT_FOUND") mean something else, and no framework sends them. */
function looksAnswered(fault: Error): boolean {
  const { status, statusCode } = fault as { readonly status?: unknown; readonly statusCode?: unknown }
  return [status, statusCode].some((said) => /^\d+$/.test(String(said)) && !(Number(said) >= 400 && Number(said) <= 599))
}
