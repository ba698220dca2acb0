/** Runs one command and says how it ended. Every error becomes words on standard error and an exit code. Floor 6. */
import { CommanderError } from 'commander'
import { AppError } from '../../ground/errors.ts'
import { SettingsError } from '../../ground/settings.ts'
import { StoreError } from '../../model/error-code.ts'
import { isAddressFault } from '../../store/fault.ts'
import { CommandError, EXIT } from './exit.ts'
import { buildProgram } from './program.ts'
import { paint, type Terminal } from './terminal.ts'

const DATABASE_HINT = 'Check CASTELLAN_DATABASE_URL: host, port, user, password and database; and that PostgreSQL runs there.'

/** @param args without node and script */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await buildProgram(terminal).parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (fault) {
    // commander has written its words already; help that was asked for is no fault.
    if (fault instanceof CommanderError) return fault.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (fault instanceof CommandError) return report(terminal, fault.message, fault.hint, fault.exitCode)
    if (fault instanceof SettingsError)
      return report(terminal, fault.message, 'castellan --help names the commands; docs/settings.md the settings.', EXIT.usage)
    if (fault instanceof StoreError && isAddressFault(fault)) return report(terminal, causes(fault), DATABASE_HINT, EXIT.fault)
    if (fault instanceof AppError) return report(terminal, causes(fault), fault.hint, EXIT.fault)
    return report(terminal, fault instanceof Error ? causes(fault) : String(fault), undefined, EXIT.fault)
  }
}

function report(terminal: Terminal, message: string, hint: string | undefined, exitCode: number): number {
  if (message !== '') terminal.err(`${paint(terminal, 'red', 'castellan:')} ${message}\n`)
  if (hint !== undefined) terminal.err(`${hint}\n`)
  return exitCode
}

/** The message and those of its causes: an operator at the terminal may read a driver's words, a caller of the service never does. */
function causes(fault: Error): string {
  const words = [fault.message]
  for (let cause = fault.cause; cause instanceof Error && words.length < 5; cause = cause.cause) words.push(cause.message)
  return words.join('\n  caused by: ')
}
