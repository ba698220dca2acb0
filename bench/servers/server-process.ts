/** A server in a process of its own, which does not outlive the bench however that ends. Knows no server in particular. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onCore } from './place.ts'

export interface ServerPlan {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly core: number | undefined
  /** Core of the process that reads its standard output and throws it away, as a collector of logs would read it. */
  readonly readerCore: number | undefined
  /** A folder of its own, which goes with it. */
  readonly folder: string
}

export interface ServerProcess {
  readonly pid: number
  /** Goes with it, also when the bench is killed. */
  readonly folder: string
  /** @throws Error with its last words when it has ended */
  assertRunning(): void
  /** Asks until the answer is yes. @throws Error when it ends before, or takes longer than two minutes */
  ready(asks: () => Promise<boolean>): Promise<void>
  close(): Promise<void>
}

/** A start of a service with a database takes seconds, and many times that on a machine that does other things. */
const START_MS_MAX = 120_000
/** After SIGTERM; a service that does not end by then is ended. */
const STOP_MS_MAX = 15_000
/** Between two looks whether it is up. */
const LOOK_MS = 50
/** Of what it wrote on standard error, for whoever has to find out why it did not start. */
const LAST_WORDS_MAX = 4_000

/**
 * Waits for the end of what it reads, which comes with the death of the bench by whatever signal, and takes the server, its children and its
 * folder along.
 * Its own group, so that Ctrl-C does not end it before.
 */
const GUARD = 'cat > /dev/null; kill -s KILL -- "-$0" 2> /dev/null; rm -rf "$1"'

export function openFolder(): string {
  return mkdtempSync(join(tmpdir(), 'castellan-bench-'))
}

export function startServer(plan: ServerPlan): ServerProcess {
  const [command, args] = onCore(plan.core, plan.command, plan.args)
  const settings: SpawnOptions = { env: { ...plan.environment }, detached: true, ...(plan.cwd === undefined ? {} : { cwd: plan.cwd }) }
  const child = spawn(command, args, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] })
  const { pid, stdout, stderr } = child
  if (pid === undefined || stdout === null || stderr === null) throw new Error(`${plan.name}: ${plan.command} cannot be started`)
  const guard = spawn('sh', ['-c', GUARD, String(pid), plan.folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const [reader, readerArgs] = onCore(plan.readerCore, 'cat', [])
  // It reads the pipe itself: nothing of it passes through this process. It ends with the server.
  const drain = spawn(reader, readerArgs, { detached: true, stdio: [stdout, 'ignore', 'ignore'] })
  stdout.destroy()
  let words = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS_MAX)
  })
  const ended = [child, guard, drain].map(whenEnded)

  const assertRunning = () => {
    if (child.exitCode === null && child.signalCode === null) return
    throw new Error(`${plan.name} ended (${child.exitCode ?? child.signalCode})${words === '' ? '' : `:\n${words.trimEnd()}`}`)
  }
  return {
    pid,
    folder: plan.folder,
    assertRunning,
    async ready(asks) {
      const signal = AbortSignal.timeout(START_MS_MAX)
      while (!(await asks().catch(() => false))) {
        assertRunning()
        if (signal.aborted) throw new Error(`${plan.name} did not come up within ${START_MS_MAX / 1_000} s:\n${words.trimEnd()}`)
        await sleep(LOOK_MS)
      }
    },
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
      await ended[0]
      clearTimeout(late)
      guard.kill('SIGKILL')
      await Promise.all(ended)
      rmSync(plan.folder, { recursive: true, force: true })
    },
  }
}

async function whenEnded(child: ChildProcess): Promise<void> {
  // A command that is not there ends with an error and never closes.
  await Promise.race([once(child, 'close'), new Promise((resolve) => child.once('error', resolve))]).catch(() => undefined)
}

/** Free a moment ago: for servers that cannot tell which port they took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}
