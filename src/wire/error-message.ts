/** An error as an answer carries it. Knows no wire's library. Floor 4. */
import { knownError } from './error-table.ts'

/** A message of either wire, with the proto3 JSON names. */
export type Message = Record<string, unknown>

/** An error inside an answer: only words meant for callers. */
export function errorMessage(fault: unknown): Message {
  const { code, error } = knownError(fault)
  const message: Message = { code, detail: error.publicMessage }
  if (error.hint !== undefined) message['hint'] = error.hint
  if (error.violations.length > 0) message['violations'] = error.violations.map(({ field, message }) => ({ field, message }))
  return message
}
