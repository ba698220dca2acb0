/** The one table from error codes to statuses, for both wires. Knows no wire's library. Floor 4. */
import { AppError } from '../ground/errors.ts'
import type { ErrorCode } from '../model/error-code.ts'

/** Names of google.rpc.Code. */
export type GrpcStatusName =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'UNIMPLEMENTED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'INTERNAL'

export interface ErrorRow {
  readonly grpc: GrpcStatusName
  readonly http: number
  readonly title: string
}

/** A new code does not compile until it is mapped here. */
export const ERROR_TABLE = {
  request_invalid: { grpc: 'INVALID_ARGUMENT', http: 400, title: 'The request is invalid' },
  unauthenticated: { grpc: 'UNAUTHENTICATED', http: 401, title: 'The caller is unknown' },
  permission_denied: { grpc: 'PERMISSION_DENIED', http: 403, title: 'The caller may not do this' },
  not_found: { grpc: 'NOT_FOUND', http: 404, title: 'There is no such thing' },
  route_not_found: { grpc: 'UNIMPLEMENTED', http: 404, title: 'There is no such address' },
  method_not_allowed: { grpc: 'UNIMPLEMENTED', http: 405, title: 'The address does not know this method' },
  media_type_unsupported: { grpc: 'INVALID_ARGUMENT', http: 415, title: 'The body is of another type than JSON' },
  body_too_large: { grpc: 'RESOURCE_EXHAUSTED', http: 413, title: 'The request is too large' },
  policy_invalid: { grpc: 'INVALID_ARGUMENT', http: 400, title: 'The policy is refused' },
  constraint_violated: { grpc: 'FAILED_PRECONDITION', http: 409, title: 'A constraint of the policy forbids it' },
  conflict: { grpc: 'FAILED_PRECONDITION', http: 409, title: 'It collides with what is there' },
  login_refused: { grpc: 'UNAUTHENTICATED', http: 401, title: 'The link or code is not valid' },
  rate_limited: { grpc: 'RESOURCE_EXHAUSTED', http: 429, title: 'Too many attempts' },
  overloaded: { grpc: 'RESOURCE_EXHAUSTED', http: 429, title: 'Too many requests are under way' },
  position_not_reached: { grpc: 'UNAVAILABLE', http: 503, title: 'The state asked for is not known here yet' },
  store_unavailable: { grpc: 'UNAVAILABLE', http: 503, title: 'The decision store is unavailable' },
  deadline_exceeded: { grpc: 'DEADLINE_EXCEEDED', http: 504, title: 'The request took too long' },
  cancelled: { grpc: 'CANCELLED', http: 499, title: 'The caller hung up' },
  internal: { grpc: 'INTERNAL', http: 500, title: 'Something failed inside' },
} as const satisfies Record<ErrorCode, ErrorRow>

/** An error as a caller may see it. `unexpected`: its cause belongs in our log. */
export interface KnownError {
  readonly code: ErrorCode
  readonly row: ErrorRow
  readonly error: AppError<ErrorCode>
  readonly unexpected: boolean
}

/** Anything that is no error of ours is `internal`: its texts go to the log, never to a caller. */
export function knownError(fault: unknown): KnownError {
  if (fault instanceof AppError && Object.hasOwn(ERROR_TABLE, fault.code)) {
    const code = fault.code as ErrorCode
    return { code, row: ERROR_TABLE[code], error: fault as AppError<ErrorCode>, unexpected: code === 'internal' }
  }
  const error = new AppError<ErrorCode>('internal', 'Unexpected fault', 'Something failed inside; nothing was decided.', { cause: fault })
  return { code: 'internal', row: ERROR_TABLE.internal, error, unexpected: true }
}

/** The table for the documentation. */
export function errorTableMarkdown(): string {
  const rows = Object.entries(ERROR_TABLE).map(([code, row]) => `| \`${code}\` | ${row.http} | \`${row.grpc}\` | ${row.title} |`)
  return ['| code | HTTP | gRPC | meaning |', '|---|---|---|---|', ...rows, ''].join('\n')
}
