/** One attempt of a call, whichever wire carries it. Retries, deadlines and merging are above (asking/). Types only. Floor 6. */
import type { Decision, PermissionList, Question } from '../client.ts'
import type { CastellanError } from '../errors.ts'

export interface WireCall {
  /** Aborted when nobody waits any more: by its deadline or by who asked. */
  readonly signal: AbortSignal
  /** What is left of the time, for a wire that tells the service. */
  readonly remainingMs: number
  readonly minPosition: number | undefined
}

/** Every method rejects with a `CastellanError`. */
export interface ClientWire {
  check(question: Question, call: WireCall): Promise<Decision>
  /** At most 1,000; in order, one question's failure is that question's. */
  checkBatch(questions: readonly Question[], call: WireCall): Promise<readonly (Decision | CastellanError)[]>
  listPermissions(subject: { readonly user: string; readonly tenant: string }, call: WireCall): Promise<PermissionList>
  close(): Promise<void>
}
