/**
 * What the decision log costs a check: real services, one for each way to log, warm checks by gRPC at full load, in turns; prints figures, asserts none.
 * `npm run build && node --import ./test/chaos/typescript.mjs test/scale/decision-log.ts [--rounds 8] [--seconds 3] [--parallel 32]`
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Client, credentials } from '@grpc/grpc-js'
import { bearer, loadServices } from '../chaos/grpc-services.ts'
import { ask, type RunningService, runCastellan, startServe } from '../support/castellan-process.ts'
import { openTestPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'

const KEY = 'scale-key-'.padEnd(48, 'k')
const QUESTION = { user: 'ann', tenant: 'acme', permission: 'sales.quote.create', resource: { id: 'quote-1' } }
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '3' },
    parallel: { type: 'string', default: '32' },
  },
})
const [rounds, seconds, parallel] = [Number(values.rounds), Number(values.seconds), Number(values.parallel)]

interface CheckClient extends Client {
  Check(question: object, metadata: ReturnType<typeof bearer>, answered: (fault: Error | null) => void): unknown
}

interface Round {
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
  readonly cpuMicros: number
}

interface Way {
  readonly name: string
  readonly service: RunningService
  readonly client: CheckClient
  readonly rounds: Round[]
  checks: number
  rssMiB: number
}

/** As many at once as asked for, for as long as asked for. */
async function load({ client }: Way, ms: number): Promise<number[]> {
  const [tookMs, untilMs, metadata] = [[] as number[], performance.now() + ms, bearer(KEY)]
  const one = () => new Promise<void>((resolve, reject) => client.Check(QUESTION, metadata, (fault) => (fault ? reject(fault) : resolve())))
  const worker = async () => {
    for (let atMs = performance.now(); atMs < untilMs; ) {
      await one()
      const nowMs = performance.now()
      tookMs.push(nowMs - atMs)
      atMs = nowMs
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return tookMs.sort((a, b) => a - b)
}

async function metricsOf({ service }: Pick<Way, 'service'>): Promise<(pattern: RegExp) => number> {
  const text = await (await fetch(`${service.probes}/metrics`)).text()
  return (pattern) => [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0)
}

async function round(way: Way): Promise<void> {
  const cpu = /^castellan_process_cpu_seconds_total ([\d.e+-]+)/gm
  const before = (await metricsOf(way))(cpu)
  const tookMs = await load(way, seconds * 1_000)
  const after = await metricsOf(way)
  const at = (share: number) => tookMs[Math.floor((tookMs.length - 1) * share)] ?? Number.NaN
  way.checks += tookMs.length
  way.rssMiB = Math.max(way.rssMiB, after(/^castellan_process_resident_memory_bytes ([\d.e+-]+)/gm) / 1_048_576)
  way.rounds.push({
    ...{ p50: at(0.5), p99: at(0.99), perSecond: tookMs.length / seconds },
    cpuMicros: ((after(cpu) - before) / tookMs.length) * 1e6,
  })
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
const rounded = (value: number) => Number(value.toPrecision(3))

const folder = mkdtempSync(join(tmpdir(), 'castellan-scale-'))
const postgres = await openTestPostgres()
const redis = await startRedis()
const full = join(folder, 'full')
mkdirSync(full)
/** A real disk that is full, where this may be made; else a file that never takes anything. */
const mounted = (() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', full], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const ways: Way[] = []
const { decision } = loadServices()
try {
  const environment = {
    CASTELLAN_DATABASE_URL: postgres.url,
    CASTELLAN_POLICY_SOURCE: 'directory',
    CASTELLAN_POLICIES: fileURLToPath(new URL('../../policies', import.meta.url)),
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
    CASTELLAN_LOG_LEVEL: 'error',
  }
  await runCastellan(['migrate'], { cwd: folder, environment })
  const open = async (name: string, more: Readonly<Record<string, string>>) => {
    // Its ports are in its log.
    const service = await startServe(KEY, { cwd: folder, environment: { ...environment, CASTELLAN_LOG_LEVEL: 'info', ...more } })
    ways.push({
      name,
      service,
      client: new decision(service.grpc, credentials.createInsecure()) as unknown as CheckClient,
      rounds: [],
      checks: 0,
      rssMiB: 0,
    })
  }
  const file = (path: string) => ({ CASTELLAN_DECISION_LOG: 'file', CASTELLAN_DECISION_LOG_FILE: path })
  await open('off', { CASTELLAN_DECISION_LOG: 'none' })
  // How far two that are the same differ: what is within it is noise.
  await open('off again', { CASTELLAN_DECISION_LOG: 'none' })
  await open('file', file(join(folder, 'decisions.ndjson')))
  await open('sink killed', { CASTELLAN_DECISION_LOG: 'redis', CASTELLAN_REDIS_URL: redis.url })
  await open('disk full', file(mounted ? join(full, 'decisions.ndjson') : '/dev/full'))
  await open('postgres', { CASTELLAN_DECISION_LOG: 'postgres' })
  const [first] = ways
  if (first === undefined) throw new Error('nothing to measure')
  await ask(first.service, 'POST', '/v1/tenants/acme/users/ann/assignments', { role: 'salesperson', reason: 'scale' })
  await redis.kill()
  // Compiled, and every cache filled.
  for (const way of ways) way.checks += (await load(way, 2_000)).length
  // In turns, each time in another order: what else the machine does meets all of them.
  for (let number = 0; number < rounds; number += 1)
    for (let index = 0; index < ways.length; index += 1) await round(ways[(index + number) % ways.length] as Way)
  for (const way of ways) {
    const of = await metricsOf(way)
    const figure = (key: keyof Round) => rounded(median(way.rounds.map((one) => one[key])))
    const ratio = (key: keyof Round) =>
      rounded(median(way.rounds.map((one, index) => one[key] / (first.rounds[index]?.[key] ?? Number.NaN))))
    const [written, lost, buffered] = ['written_total', 'lost_total', 'buffered'].map((name) =>
      of(new RegExp(`^castellan_decision_log_${name}\\{[^}]*\\} (\\d+)`, 'gm')),
    )
    process.stdout.write(
      `${JSON.stringify({
        way: way.name,
        ...{ p50Ms: figure('p50'), p99Ms: figure('p99'), perSecond: figure('perSecond'), cpuMicros: figure('cpuMicros') },
        ratios: { p50: ratio('p50'), p99: ratio('p99'), perSecond: ratio('perSecond'), cpuMicros: ratio('cpuMicros') },
        ...{ rssMiB: Math.round(way.rssMiB), checks: way.checks, written, lost, buffered },
        accounted: way.name.startsWith('off') || (written ?? 0) + (lost ?? 0) + (buffered ?? 0) === way.checks,
      })}\n`,
    )
  }
} finally {
  for (const { service, client } of ways) {
    client.close()
    service.process.kill('SIGKILL')
    await service.process.ended
  }
  if (mounted) execFileSync('umount', [full])
  await redis.stop()
  await postgres.close()
  rmSync(folder, { recursive: true, force: true })
}
