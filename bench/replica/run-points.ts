/** Has a replica in a process of its own measured, point after point; on the core of the servers. Measures nothing itself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onCore } from '../servers/place.ts'
import type { PointAsked, PointTold } from './points.ts'

const LOADER = new URL('../../test/chaos/typescript.mjs', import.meta.url).href
const PROCESS = fileURLToPath(new URL('./replica-process.ts', import.meta.url))
/** For a million people as objects of their own, should it come to that. */
const HEAP_MEBIBYTES = 4_096

/** @throws Error when the process fails; its own words are on standard error */
export async function runPoints(
  points: readonly PointAsked[],
  core: number | undefined,
  signal: AbortSignal,
): Promise<readonly PointTold[]> {
  const flags = ['--no-warnings', '--expose-gc', `--max-old-space-size=${HEAP_MEBIBYTES}`, '--import', LOADER]
  const [command, args] = onCore(core, process.execPath, [...flags, PROCESS])
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], signal, killSignal: 'SIGKILL' })
  child.stdin.end(JSON.stringify(points))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const told = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PointTold)
  if (code !== 0 || told.length !== points.length) throw new Error(`The replica that is measured by itself failed (${code ?? 'killed'})`)
  return told
}
