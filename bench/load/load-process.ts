/** Runs a load generator to its end, which is bounded. Reads nothing of what it says. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onCore } from '../servers/place.ts'

/** On top of the time it loads for: to connect, and to take the answers that are on their way. */
const EXTRA_MS = 30_000
/** What it writes is some dozen lines. */
const OUTPUT_MAX = 1_048_576

export interface LoadRun {
  readonly core: number | undefined
  readonly seconds: number
  readonly signal: AbortSignal
}

/** @returns its standard output. @throws Error when it fails, takes too long or is ended */
export async function runLoad(command: string, args: readonly string[], { core, seconds, signal }: LoadRun): Promise<string> {
  const [word, words] = onCore(core, command, args)
  const child = spawn(word, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(seconds * 1_000 + EXTRA_MS)]),
    killSignal: 'SIGKILL',
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out = (out + text).slice(-OUTPUT_MAX)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-OUTPUT_MAX)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} failed (${code ?? 'killed'}): ${err.trim()}`)
  return out
}
