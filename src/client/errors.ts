/** What can go wrong for who asks. A deny is a `DeniedError` only where the application said that it must be allowed. Floor 6. */
import type { Decision, Question } from './client.ts'

export interface FieldViolation {
  readonly field: string
  readonly message: string
}

export interface ErrorFacts {
  /** Of the service (docs/errors.md), or `cancelled`, `deadline_exceeded`, `closed`, `unreachable` of the client itself. */
  readonly code: string
  /** What to do about it. */
  readonly hint?: string
  readonly requestId?: string
  readonly cause?: unknown
}

/** Any failure of this client. Texts of a server or a driver stay in `cause`, never in `message`. */
export class CastellanError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly requestId: string | undefined

  constructor(message: string, { code, hint, requestId, cause }: ErrorFacts) {
    super(message, cause === undefined ? undefined : { cause })
    // Of the class that was made, also in a bundle that renames classes.
    this.name = 'CastellanError'
    this.code = code
    this.hint = hint
    this.requestId = requestId
  }
}

/** Decided: no. Carries the decision, whose reason and id may be told. */
export class DeniedError extends CastellanError {
  readonly decision: Decision
  readonly permission: string

  constructor(question: Pick<Question, 'permission'>, decision: Decision) {
    super(`Denied: ${question.permission} (${decision.reason})`, {
      code: 'denied',
      ...(decision.hint === undefined ? {} : { hint: decision.hint }),
    })
    this.name = 'DeniedError'
    this.decision = decision
    this.permission = question.permission
  }
}

/** Nobody that is known: the application's own key at the service, or, thrown by a guard, whoever calls the application. */
export class UnauthenticatedError extends CastellanError {
  constructor(message: string, facts: ErrorFacts) {
    super(message, facts)
    this.name = 'UnauthenticatedError'
  }
}

/** The application's key is known and may not ask this: a scope or a tenant is missing. No deny of the user. */
export class CallerDeniedError extends CastellanError {
  constructor(message: string, facts: ErrorFacts) {
    super(message, facts)
    this.name = 'CallerDeniedError'
  }
}

/** Nothing was decided, and the same call may well succeed later. */
export class UnavailableError extends CastellanError {
  readonly retryAfterSeconds: number | undefined

  constructor(message: string, facts: ErrorFacts & { readonly retryAfterSeconds?: number }) {
    super(message, facts)
    this.name = 'UnavailableError'
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

/** The question itself is wrong; the same one will never be answered. */
export class InvalidRequestError extends CastellanError {
  readonly violations: readonly FieldViolation[]

  constructor(message: string, facts: ErrorFacts & { readonly violations?: readonly FieldViolation[] }) {
    super(message, facts)
    this.name = 'InvalidRequestError'
    this.violations = facts.violations ?? []
  }
}
