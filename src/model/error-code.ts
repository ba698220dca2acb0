/** Every code an error of ours can carry, and the errors that many floors throw. No wire, no npm. Floor 1. */
import { AppError, type ErrorDetails, type FieldViolation } from '../ground/errors.ts'

export type ErrorCode =
  | 'request_invalid'
  | 'unauthenticated'
  | 'permission_denied'
  | 'not_found'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'media_type_unsupported'
  | 'body_too_large'
  | 'policy_invalid'
  | 'constraint_violated'
  | 'conflict'
  | 'login_refused'
  | 'rate_limited'
  | 'overloaded'
  | 'position_not_reached'
  | 'store_unavailable'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'internal'

/** The request itself is wrong; names each field at fault. */
export class RequestError extends AppError<'request_invalid'> {
  constructor(violations: readonly FieldViolation[], hint?: string) {
    const text = violations.map((violation) => `${violation.field}: ${violation.message}`).join('; ')
    super('request_invalid', `Request refused: ${text}`, 'The request is invalid.', { violations, ...(hint === undefined ? {} : { hint }) })
  }
}

const CREDENTIALS = {
  'caller key': 'Send "Authorization: Bearer <key>"; an administrator makes keys with `castellan caller create`.',
  'access token': 'Send "Authorization: Bearer <access token>"; POST /oauth/token gives a new one, and a login the first.',
}

/** Nobody we know is calling. One text for every cause: a caller learns nothing about which keys exist. */
export class UnauthenticatedError extends AppError<'unauthenticated'> {
  /** @param needed what is to be presented there */
  constructor(cause: string, needed: keyof typeof CREDENTIALS = 'caller key') {
    super('unauthenticated', `Caller unknown: ${cause}`, `A valid ${needed} is required.`, { hint: CREDENTIALS[needed] })
  }
}

/** The caller is known and may not do this (a scope or a tenant is missing). */
export class CallerDeniedError extends AppError<'permission_denied'> {
  constructor(publicMessage: string, hint?: string) {
    super('permission_denied', publicMessage, publicMessage, hint === undefined ? {} : { hint })
  }
}

export class NotFoundError extends AppError<'not_found'> {
  constructor(publicMessage: string, hint?: string) {
    super('not_found', publicMessage, publicMessage, hint === undefined ? {} : { hint })
  }
}

/** A constraint of the policy forbids the assignment; names the constraint and what collides. */
export class ConstraintError extends AppError<'constraint_violated'> {
  readonly constraint: string
  constructor(constraint: string, publicMessage: string, hint?: string) {
    super('constraint_violated', publicMessage, publicMessage, hint === undefined ? {} : { hint })
    this.constraint = constraint
  }
}

/** The database could not be asked or did not answer in time: nothing was decided, nothing was changed. Safe to try again. */
export class StoreError extends AppError<'store_unavailable'> {
  /** @param hint only where the usual one would not be true */
  constructor(message: string, cause?: unknown, hint = 'Nothing was decided or changed; try again.') {
    super('store_unavailable', message, 'The decision store is unavailable.', {
      hint,
      retryAfterSeconds: 1,
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

/** Errors with no fields of their own. */
export class ServiceError extends AppError<ErrorCode> {
  constructor(code: ErrorCode, publicMessage: string, details: ErrorDetails = {}) {
    super(code, publicMessage, publicMessage, details)
  }
}
