/** Turns what a driver or the pool throws into StoreError, whose public text says nothing of them. Decides nothing else. Floor 2. */
import { AppError } from '../ground/errors.ts'
import { StoreError } from '../model/error-code.ts'

/** The five-character SQLSTATE of a server's error, looked for in the error and in what it was made from. */
export function sqlState(fault: unknown): string | undefined {
  for (let at = fault; at instanceof Object; at = (at as { cause?: unknown }).cause) {
    const code: unknown = (at as { code?: unknown }).code
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  }
  return undefined
}

/** Errors of ours (a bad page token, a constraint) pass as they are; everything else is the store's. */
export function storeFault(fault: unknown): Error {
  if (fault instanceof AppError) return fault
  return new StoreError(`The database did not do it: ${sqlState(fault) ?? nameOf(fault)}`, fault)
}

/** Runs a piece of work on the database; whatever it throws is an error of ours. */
export async function asStoreWork<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    throw storeFault(fault)
  }
}

/** Refused or not found under the address, user or database that was set; trying again would not help before somebody acts. */
const ADDRESS_FAULTS = new Set(['28P01', '28000', '3D000', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

export function isAddressFault(fault: unknown): boolean {
  for (let at = fault; at instanceof Object; at = (at as { cause?: unknown }).cause)
    if (ADDRESS_FAULTS.has(String((at as { code?: unknown }).code))) return true
  return false
}

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'

/** PostgreSQL rolled the transaction back in favour of another one: the same work may well succeed now. */
export function isRetryable(fault: unknown): boolean {
  const state = sqlState(fault)
  return state === SERIALIZATION_FAILURE || state === DEADLOCK_DETECTED
}

/** No answer of the server: it may or may not have done what was asked last. Classes 08 and 57P are its own ways to hang up. */
export function isConnectionLost(fault: unknown): boolean {
  const state = sqlState(fault)
  return state === undefined || state.startsWith('08') || state.startsWith('57P')
}

function nameOf(fault: unknown): string {
  if (!(fault instanceof Object)) return 'unknown fault'
  const { code, name } = fault as { code?: unknown; name?: unknown }
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown fault'
}
