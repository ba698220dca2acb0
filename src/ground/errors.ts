/** The base of every error of ours: a literal code, a message for us and a message for the caller. Knows no wire. Floor 0. */

/** One bad field of a request; `field` is a path as the caller wrote it, such as `items[3].permission`. */
export interface FieldViolation {
  readonly field: string
  readonly message: string
}

export interface ErrorDetails {
  /** What the caller may do about it, in one sentence. */
  readonly hint?: string
  readonly violations?: readonly FieldViolation[]
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number
  /** For a log, never for a caller: driver texts may carry statements and addresses. */
  readonly cause?: unknown
}

/**
 * `message` is for our logs; `publicMessage` is the only text a caller sees.
 * Wires map `code` to a status in one table (`decision/error-table.ts`).
 */
export class AppError<Code extends string = string> extends Error {
  readonly code: Code
  readonly publicMessage: string
  readonly hint: string | undefined
  readonly violations: readonly FieldViolation[]
  readonly retryAfterSeconds: number | undefined

  constructor(code: Code, message: string, publicMessage: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = code
    this.publicMessage = publicMessage
    this.hint = details.hint
    this.violations = details.violations ?? []
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}
