/** How faulty policy files are told: lines for people, one document for programs, one sentence at the end. Reads no file. Floor 6. */
import { formatFault, isError, type PolicyFault } from '../policy/faults.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'

/** @param label what was refused, as its author named it */
export function policyRefusal(faults: readonly PolicyFault[], label: string): CommandError {
  return new CommandError(EXIT.policyFault, `Policy files refused in ${plain(label)}, errors: ${faults.filter(isError).length}.`)
}

export function paintFault(terminal: Terminal, fault: PolicyFault): string {
  return paint(terminal, isError(fault) ? 'red' : 'yellow', plain(formatFault(fault)))
}

/** One line each, to standard error. */
export function writeFaults(terminal: Terminal, faults: readonly PolicyFault[]): void {
  for (const fault of faults) terminal.err(`${paintFault(terminal, fault)}\n`)
}

/** The document that a program gets in place of its answer. */
export function faultsJson(faults: readonly PolicyFault[]): string {
  return `${JSON.stringify({ valid: false, faults }, undefined, 2)}\n`
}
