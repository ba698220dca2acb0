/** A service of the bench's own, in a process of its own, with the bench's facts: `castellan run` around a command that only tells where it is. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Facts, OFFICE } from './facts.ts'

export interface BenchService {
  readonly grpcTarget: string
  readonly url: string
  readonly key: string
  close(): Promise<void>
}

const CASTELLAN = fileURLToPath(new URL('../dist/src/main/cli.js', import.meta.url))
/** Tells by the pipe, which nobody else reads, and stays until it is closed. */
const HOLD = `const { CASTELLAN_URL: url, CASTELLAN_GRPC_TARGET: grpcTarget, CASTELLAN_KEY: key } = process.env
process.stdout.write(JSON.stringify({ url, grpcTarget, key }) + '\\n')
process.stdin.resume()`

/** Milliseconds until it has told where it is: some seconds, and many times that on a machine that does other things. */
const START_MS_MAX = 120_000

/** @param temporary where a file lies while it starts. @throws Error when it does not come up */
export async function openBenchService(facts: Facts, temporary = tmpdir()): Promise<BenchService> {
  const folder = mkdtempSync(join(temporary, 'castellan-bench-'))
  const file = join(folder, 'facts.json')
  writeFileSync(file, JSON.stringify(factsFile(facts)))
  const args = [CASTELLAN, 'run', '--policies', OFFICE, '--facts', file, '--', process.execPath, '-e', HOLD]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, CASTELLAN_LOG_LEVEL: 'error' } })
  const ended = once(child, 'close')
  try {
    const first = once(child.stdout.setEncoding('utf8'), 'data', { signal: AbortSignal.timeout(START_MS_MAX) })
    const told = await Promise.race([first, ended.then(() => [undefined])])
    if (typeof told[0] !== 'string') throw new Error('The service of the bench did not come up; what it said is above')
    const { url, grpcTarget, key } = JSON.parse(told[0]) as Omit<BenchService, 'close'>
    return { url, grpcTarget, key, close }
  } catch (fault) {
    child.kill('SIGKILL')
    await close()
    throw fault instanceof Error && fault.name === 'AbortError'
      ? new Error(`The service of the bench did not come up within ${START_MS_MAX / 1_000} s`, { cause: fault })
      : fault
  } finally {
    // It has read them by now; whoever interrupts what follows leaves nothing behind.
    rmSync(folder, { recursive: true, force: true })
  }

  async function close(): Promise<void> {
    child.stdin.end()
    await ended
  }
}

function factsFile({ people, tenants }: Facts): unknown {
  return {
    tenants: tenants.map((tenant) => ({ tenant })),
    users: people.map(({ user, attributes }) => ({ user, attributes })),
    grants: people.flatMap(({ user, roles }) => tenants.flatMap((tenant) => (roles[tenant] ?? []).map((role) => ({ user, tenant, role })))),
  }
}
