/** How a command ends (interfaces, "Command line"). Floor 6. */
export const EXIT = { ok: 0, fault: 1, usage: 2, policyFault: 3, policyTestFailed: 4, gateRefused: 5 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * Ends a command with a code and a text for standard error, which may be empty; every other error ends it with `EXIT.fault`.
 * A code that is none of ours is that of a command which was run in our place.
 */
export class CommandError extends Error {
  readonly exitCode: number
  readonly hint: string | undefined
  constructor(exitCode: number, message: string, hint?: string) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
    this.hint = hint
  }
}
