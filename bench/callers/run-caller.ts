/** A caller in a process of its own, which asks when it is told to. Measures nothing itself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Asked } from '../facts.ts'
import { onCore } from '../servers/place.ts'

export interface CallerPlan {
  readonly kind: 'castellan' | 'grpc-js' | 'node:http'
  readonly grpcPort: number
  readonly httpPort: number
  readonly key: string
  /** Questions under way at once. */
  readonly atOnce: number
  /** Asked in turn, each with the answer that it has to have. */
  readonly questions: readonly { readonly question: Asked; readonly allowed: boolean }[]
}

export interface CallerTold {
  /** Of this process, for one check. */
  readonly cpuMicros: number
  readonly perSecond: number
}

export interface RunningCaller {
  readonly kind: CallerPlan['kind']
  askFor(seconds: number): Promise<CallerTold>
  close(): Promise<void>
}

const LOADER = new URL('../../test/chaos/typescript.mjs', import.meta.url).href
const PROCESS = fileURLToPath(new URL('./caller-process.ts', import.meta.url))

/** @throws Error when it ends before it is ready: it was answered otherwise than it has to be */
export async function openCaller(plan: CallerPlan, core: number | undefined, signal: AbortSignal): Promise<RunningCaller> {
  const [command, args] = onCore(core, process.execPath, ['--no-warnings', '--import', LOADER, PROCESS, JSON.stringify(plan)])
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], signal, killSignal: 'SIGKILL' })
  const ended = once(child, 'close').catch(() => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`The caller by ${plan.kind} ended; what it said is above`)
    return value
  }
  if ((await line()) !== 'ready') throw new Error(`The caller by ${plan.kind} says what is not understood`)
  return {
    kind: plan.kind,
    async askFor(seconds) {
      child.stdin.write(`${seconds}\n`)
      return JSON.parse(await line()) as CallerTold
    },
    async close() {
      child.stdin.end()
      await ended
    },
  }
}
