/** How a command ends (interfaces, "Command line"). Floor 6. */
export const EXIT = { ok: 0, fault: 1, usage: 2, policyFault: 3, policyTestFailed: 4, gateRefused: 5 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends a command with a code and a text for standard error; every other error ends it with `EXIT.fault`. */
export class CommandError extends Error {
  readonly exitCode: ExitCode
  readonly hint: string | undefined
  constructor(exitCode: ExitCode, message: string, hint?: string) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
    this.hint = hint
  }
}
