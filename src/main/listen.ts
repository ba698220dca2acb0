/** Faults of listening, in words that name the setting to change. Floor 6. */
import { AppError } from '../ground/errors.ts'

/** A port or an address that cannot be had. */
export class ListenError extends AppError<'listen_failed'> {
  constructor(what: string, address: string, why: string, hint: string, cause: unknown) {
    const message = `${what} cannot listen on ${address}: ${why}.`
    super('listen_failed', message, message, { hint, cause })
  }
}

export interface ListenTarget {
  /** For a person: HTTP, gRPC, probes. */
  readonly what: string
  readonly host: string
  readonly port: number
  /** `CASTELLAN_HTTP`: `_HOST` and `_PORT` follow. */
  readonly settings: string
}

/** Runs `open`. @throws ListenError when the address cannot be had; every other fault as it is */
export async function listening<T>(target: ListenTarget, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (fault) {
    const { what, host, port, settings } = target
    const address = `${host}:${port}`
    // grpc-js wraps the system's error in its own, so the text is all there is.
    const text = fault instanceof Error ? `${'code' in fault ? String(fault.code) : ''} ${fault.message}` : String(fault)
    if (text.includes('EADDRINUSE') || text.includes('No address added'))
      throw new ListenError(
        what,
        address,
        'the port is taken',
        `Stop what listens there, or set ${settings}_PORT (0 takes a free one).`,
        fault,
      )
    if (text.includes('EACCES')) throw new ListenError(what, address, 'this user may not', `Set ${settings}_PORT to one above 1023.`, fault)
    if (text.includes('EADDRNOTAVAIL') || text.includes('ENOTFOUND'))
      throw new ListenError(what, address, 'this machine has no such address', `Set ${settings}_HOST to one that it has.`, fault)
    throw fault
  }
}
