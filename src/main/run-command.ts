/** Runs somebody's command in our place: its input and output are ours, signals go to it, and it ends as we do. Floor 6. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
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
  let interrupted = false
  const pass = (signal: NodeJS.Signals) => {
    // A terminal has sent it to the command too, and a second one means something else to many programs. Who sends it again was not heard.
    const sentToAll = signal === 'SIGINT' && process.stdin.isTTY === true && !interrupted
    if (signal === 'SIGINT') interrupted = true
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
    const failed = (fault: unknown) => reject(notStarted(command, args, fault as NodeJS.ErrnoException))
    try {
      const child = spawn(command, args, { stdio: 'inherit', env: { ...environment } })
      signals.follow(child)
      child.once('error', failed)
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? EXIT.fault) : codeOfSignal(signal)))
    } catch (fault) {
      // Node.js throws what it does not expect of a command: a file that stands where a folder was named, links in a circle, a NUL.
      failed(fault)
    }
  })
}

function notStarted(command: string, args: readonly string[], fault: NodeJS.ErrnoException): CommandError {
  const name = plain(command)
  if (fault.code === 'ENOTDIR') return new CommandError(NOT_FOUND, `There is no command ${name}.`, 'A part of that path is no folder.')
  if (fault.code !== 'ENOENT')
    return new CommandError(NOT_EXECUTABLE, `${name} cannot be run: ${fault.code ?? 'unknown error'}`, 'May this user execute that file?')
  return new CommandError(NOT_FOUND, `There is no command ${name}.`, hintOf(command, [name, ...args.map(plain)].join(' ')))
}

function hintOf(command: string, line: string): string {
  // Commands are looked for in the PATH alone, as by a shell.
  const here = command.includes('/') || !existsSync(command) ? undefined : statSync(command)
  if (here?.isDirectory() === true) return `${plain(command)} is a folder here; name a program in it.`
  if (here !== undefined) return `There is a file of that name here: castellan run -- ./${line}`
  if (/\s/.test(command))
    return `It is one word here. Without the quotes, or in a shell: castellan run -- sh -c ${JSON.stringify(plain(command))}`
  return `Is it installed, and in the PATH? What npm installs runs as: castellan run -- npx ${line}`
}
