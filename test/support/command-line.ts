/** Runs one command in this process, with what it wrote and how it ended. */
import { runCommandLine } from '../../src/main/command-line/run.ts'

export interface CommandRun {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  nowMs = Date.parse('2026-11-22T09:00:00Z'),
): Promise<CommandRun> {
  const written = { out: '', err: '' }
  const code = await runCommandLine(args, {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    environment,
    colours: false,
    nowMs: () => nowMs,
  })
  return { code, ...written }
}
