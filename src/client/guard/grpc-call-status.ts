/** Errors of a guard → the status of a gRPC call, for whoever called the application. Floor 6. */
import { Metadata, status } from '@grpc/grpc-js'
import { CastellanError } from '../errors.ts'
import { isOurFault, problemOf } from './problem.ts'

export interface CallStatus {
  readonly code: status
  readonly details: string
  readonly metadata: Metadata
  /** For the application's log. */
  readonly heard?: CastellanError
}

const CODES: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  503: status.UNAVAILABLE,
}

/** What is no error of ours is INTERNAL, and its texts stay here. */
export function statusOf(fault: unknown, options: { readonly tellHints?: boolean | undefined }): CallStatus {
  const problem = problemOf(fault, options)
  const metadata = new Metadata()
  if (problem === undefined) {
    const heard = new CastellanError('The application failed before anything was decided', { code: 'application_failed', cause: fault })
    return { code: status.INTERNAL, details: 'Something failed inside; nothing was decided.', metadata, heard }
  }
  const { reason, decisionId, hint, code, detail } = problem.body
  metadata.set('castellan-code', code)
  if (reason !== undefined) metadata.set('castellan-reason', reason)
  if (decisionId !== undefined) metadata.set('castellan-decision-id', decisionId)
  const retryAfter = problem.headers['retry-after']
  if (retryAfter !== undefined) metadata.set('castellan-retry-after', retryAfter)
  const details = hint === undefined ? detail : `${detail} ${hint}`
  const told = { code: CODES[problem.body.status] ?? status.INTERNAL, details, metadata }
  return isOurFault(problem, fault) ? { ...told, heard: fault as CastellanError } : told
}
