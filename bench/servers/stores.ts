/** A real PostgreSQL and a real Redis of the bench's own, in a process that stops both when the bench is gone. Knows nothing of what is in them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Stores {
  readonly postgresUrl: string
  readonly redisUrl: string
  readonly versions: Readonly<Record<string, string>>
  close(): Promise<void>
}

const LOADER = new URL('../../test/chaos/typescript.mjs', import.meta.url).href
const PROCESS = fileURLToPath(new URL('./stores-process.ts', import.meta.url))
const START_MS_MAX = 120_000

export async function openStores(): Promise<Stores> {
  // Its own group: Ctrl-C is for the bench, which closes them in order.
  const child = spawn(process.execPath, ['--no-warnings', '--import', LOADER, PROCESS], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = once(child, 'close')
  const close = async () => {
    child.stdin.end()
    await ended
  }
  try {
    const first = once(child.stdout.setEncoding('utf8'), 'data', { signal: AbortSignal.timeout(START_MS_MAX) })
    const [line] = await Promise.race([first, ended.then(() => [undefined])])
    if (typeof line !== 'string') throw new Error('PostgreSQL and Redis of the bench did not come up; what they said is above')
    return { ...(JSON.parse(line) as Omit<Stores, 'close'>), close }
  } catch (fault) {
    await close()
    throw fault
  }
}
