/**
 * How long processes take to begin: the first and the second start of `castellan dev`, `castellan run`, `castellan serve`, `--help` and a command that asks; prints figures, asserts none.
 * `npm run build && node --import ./test/chaos/typescript.mjs test/scale/start.ts [--rounds 3] [--only second]`
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type RunningService, runCastellan, startDev, startServe } from '../support/castellan-process.ts'
import { openTestPostgres } from '../support/postgres.ts'

const KEY = 'start-key-'.padEnd(48, 'k')
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } } })
const rounds = Number(values.rounds)

/** The same in each start, as those of a user are: the demo application is registered anew where its address is another one. */
async function freePorts(): Promise<Readonly<Record<string, string>>> {
  const taken = await Promise.all(
    ['HTTP', 'GRPC', 'IDENTITY', 'METRICS'].map(
      (name) =>
        new Promise<readonly [string, string]>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => {
            const address = server.address()
            const port = typeof address === 'object' ? String(address?.port) : ''
            server.close(() => resolve([`CASTELLAN_${name}_PORT`, port]))
          })
        }),
    ),
  )
  return Object.fromEntries(taken)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await work()
  return performance.now() - begin
}

async function timedStart(start: () => Promise<RunningService>): Promise<number> {
  let service: RunningService | undefined
  const ms = await timed(async () => {
    service = await start()
  })
  service?.process.kill('SIGTERM')
  await service?.process.ended
  return ms
}

const folder = mkdtempSync(join(tmpdir(), 'castellan-start-'))
const environment = await freePorts()
const postgres = await openTestPostgres()
const serving = { CASTELLAN_DATABASE_URL: postgres.url, CASTELLAN_POLICIES: join(import.meta.dirname, '../../policies') }
const ended = async (args: readonly string[], code: number) => {
  const end = await runCastellan(args, { cwd: folder, environment })
  if (end.code !== code) throw new Error(`castellan ${args.join(' ')} ended with ${end.code}: ${end.err}`)
}
const removeData = () => rmSync(join(folder, '.castellan'), { recursive: true, force: true })

const ways: readonly { readonly name: string; readonly before?: () => void; readonly measure: () => Promise<number> }[] = [
  { name: 'first start of dev', before: removeData, measure: () => timedStart(() => startDev({ cwd: folder, environment })) },
  { name: 'second start of dev', measure: () => timedStart(() => startDev({ cwd: folder, environment })) },
  { name: 'run -- true', measure: () => timed(() => ended(['run', '--', 'true'], 0)) },
  { name: 'serve', measure: () => timedStart(() => startServe(KEY, { cwd: folder, environment: { ...environment, ...serving } })) },
  { name: '--help', measure: () => timed(() => ended(['--help'], 0)) },
  // Nobody listens there: what it takes to find that out is the command's own.
  {
    name: 'check, no service',
    measure: () => timed(() => ended(['check', 'ann', 'acme', 'sales.quote.create', '--url', 'http://127.0.0.1:1'], 1)),
  },
].filter(({ name }) => name.includes(values.only))

try {
  const migrated = await runCastellan(['migrate'], { cwd: folder, environment: serving })
  if (migrated.code !== 0) throw new Error(`castellan migrate: ${migrated.err}`)
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, commit ${commit()}; milliseconds to ready`,
  )
  for (const { name, before, measure } of ways) {
    const each: number[] = []
    for (let round = 0; round < rounds; round++) {
      before?.()
      each.push(await measure())
    }
    each.sort((one, other) => one - other)
    const shown = each.map((ms) => ms.toFixed(0)).join(', ')
    process.stdout.write(`${name.padEnd(22)} ${(each[Math.floor(each.length / 2)] ?? 0).toFixed(0).padStart(6)}   (${shown})\n`)
  }
} finally {
  await postgres.close()
  rmSync(folder, { recursive: true, force: true })
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}
