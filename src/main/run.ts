/** `castellan run`: somebody's test command beside a service of its own, which is gone when the command is. For development only. Floor 6. */
import { CommandError } from './command-line/exit.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'
import { readFacts } from './facts-file.ts'
import { codeOfSignal, passSignals, runCommand } from './run-command.ts'
import { openThrowawayService } from './throwaway-service.ts'

export interface RunOptions {
  /** Absent: as `castellan dev` chooses. */
  readonly policies?: string
  /** A file in place of the samples. */
  readonly facts?: string
}

/**
 * @throws CommandError with the command's own exit code, and no words, when it is not 0
 * @throws SettingsError, PolicyFolderError, AppError when the service does not come up: the command is not run then
 */
export async function runBesideService(terminal: Terminal, command: readonly string[], options: RunOptions): Promise<void> {
  // Nobody has to read what it writes, and it ends at once when the command has.
  terminal.serves?.()
  const signals = passSignals(process)
  try {
    const facts = options.facts === undefined ? undefined : await readFacts(options.facts, terminal.nowMs())
    const service = await openThrowawayService(terminal, { policies: options.policies, facts })
    try {
      if (signals.early !== undefined) throw new CommandError(codeOfSignal(signals.early), '')
      const { CASTELLAN_URL, CASTELLAN_GRPC_TARGET } = service.environment
      const where = `HTTP ${CASTELLAN_URL}, gRPC ${CASTELLAN_GRPC_TARGET}, policies ${plain(service.policies)}`
      terminal.err(`${paint(terminal, 'dim', `castellan: a service for this run: ${where}`)}\n`)
      const code = await runCommand(command, environmentOf(terminal, service.environment), signals)
      if (code !== 0) throw new CommandError(code, '')
    } finally {
      await service.stop()
    }
  } finally {
    signals.end()
  }
}

/** A file that holds the key of another service must not stand beside this one's. */
function environmentOf(terminal: Terminal, added: Readonly<Record<string, string>>): Readonly<Record<string, string | undefined>> {
  const replaced = Object.keys(added).map((name) => `${name}_FILE`)
  const inherited = Object.entries(terminal.environment).filter(([name]) => !replaced.includes(name))
  return { ...Object.fromEntries(inherited), ...added }
}
