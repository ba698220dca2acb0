/** Runs somebody's command in our place: its input and output are ours, signals go to it, and it ends as we do. Floor 6. */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CommandError, EXIT } from './command-line/exit.ts'
import { plain } from './command-line/terminal.ts'

/** As shells say it. */
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127
const SIGNALLED = 128
const PASSED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Holds what comes from the operating system for a command that may not run yet. */
export interface SignalPass {
  /** The one that came before there was a command. */
  readonly early: NodeJS.Signals | undefined
  /** Ends the command, in case we have to go without it. */
  follow(child: ChildProcess): void
  end(): void
}

/** From now on signals end nothing of ours: they are the command's to answer. */
export function passSignals(process: NodeJS.Process): SignalPass {
  let child: ChildProcess | undefined
  let early: NodeJS.Signals | undefined
  const pass = (signal: NodeJS.Signals) => {
    // A terminal has sent it to the command too; a second one means something else to many programs.
    const sentToAll = signal === 'SIGINT' && process.stdin.isTTY === true
    if (child === undefined) early ??= signal
    else if (!sentToAll) child.kill(signal)
  }
  const leave = () => void child?.kill('SIGTERM')
  for (const signal of PASSED) process.on(signal, pass)
  process.on('exit', leave)
  return {
    get early() {
      return early
    },
    follow: (started) => {
      child = started
    },
    end: () => {
      for (const signal of PASSED) process.off(signal, pass)
      process.off('exit', leave)
    },
  }
}

export function codeOfSignal(signal: NodeJS.Signals): number {
  return SIGNALLED + (constants.signals[signal] ?? 0)
}

/**
 * Resolves with the exit code that ours is to be: 128 + n when a signal ended it.
 * @throws CommandError (126, 127) when it cannot be started
 */
export function runCommand(
  [command = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  signals: SignalPass,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...environment } })
    signals.follow(child)
    child.once('error', (fault: NodeJS.ErrnoException) => reject(notStarted(command, args, fault)))
    child.once('exit', (code, signal) => resolve(signal === null ? (code ?? EXIT.fault) : codeOfSignal(signal)))
  })
}

function notStarted(command: string, args: readonly string[], fault: NodeJS.ErrnoException): CommandError {
  const name = plain(command)
  if (fault.code !== 'ENOENT')
    return new CommandError(NOT_EXECUTABLE, `${name} cannot be run: ${fault.code ?? 'unknown error'}`, 'May this user execute that file?')
  const hint = /\s/.test(command)
    ? `It is one word here. Without the quotes, or in a shell: castellan run -- sh -c ${JSON.stringify(name)}`
    : `Is it installed, and in the PATH? What npm installs runs as: castellan run -- npx ${[name, ...args.map(plain)].join(' ')}`
  return new CommandError(NOT_FOUND, `There is no command ${name}.`, hint)
}
