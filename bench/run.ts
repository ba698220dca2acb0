/** The bench: runs each workload, tells, and stops what it started however it ends. Further workloads are files of workloads/ and one line here. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chartSvg } from './chart.ts'
import { GOALS, goalLines, judgeGoals, type Measured } from './goals.ts'
import { generatorVersions } from './load/generators.ts'
import { HELP, type Options, parseOptions, UsageError } from './options.ts'
import { type BenchResult, type LeftOut, machineLines, type WorkloadResult, workloadLines } from './report.ts'
import { CERBOS_PACKAGE } from './servers/cerbos.ts'
import { openStage, type Stage } from './stage.ts'
import { studyWorkload } from './study.ts'
import { MissingError, type Workload } from './workload.ts'
import { client } from './workloads/client.ts'
import { cold } from './workloads/cold.ts'
import { growth } from './workloads/growth.ts'
import { localConditions, localRoles } from './workloads/local-checks.ts'
import { memory } from './workloads/memory.ts'
import { openLoop } from './workloads/open-loop.ts'
import { processes } from './workloads/processes.ts'
import { start } from './workloads/start.ts'
import { wireBatches, wirePermissions } from './workloads/wire-batches.ts'
import {
  wireCheckCondition,
  wireCheckGrpc,
  wireCheckGrpcFallback,
  wireCheckHttp,
  wireCheckStream,
  wireCheckToken,
  wireDecisionLog,
} from './workloads/wire-checks.ts'
import { zipf } from './workloads/zipf.ts'

const WORKLOADS: readonly Workload[] = [
  ...[wireCheckGrpc, wireCheckGrpcFallback, wireCheckStream, wireCheckHttp, wireCheckCondition, wireCheckToken, wireDecisionLog],
  ...wireBatches,
  ...wirePermissions,
  ...[zipf, processes, localRoles, localConditions],
  ...[cold, openLoop, client, memory, growth, start].map(studyWorkload),
]
const RESULTS = fileURLToPath(new URL('results', import.meta.url))
const CHART = fileURLToPath(new URL('chart.svg', import.meta.url))

/** The exit code of a command that a person ended, by custom of shells. */
const INTERRUPTED = 130

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(
      args,
      WORKLOADS.map(({ name }) => name),
    )
    if (options === 'help') print([HELP])
    else if (options === 'list') print(WORKLOADS.map(({ name, title }) => `${name.padEnd(28)}${title}`))
    else return await runUntilSignal(options)
    return 0
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault
    process.stderr.write(`${fault.message}\nTry: npm run bench -- --help\n`)
    return 2
  }
}

async function runUntilSignal(options: Options): Promise<number> {
  const ending = new AbortController()
  const stage = openStage()
  const interrupt = () => {
    if (!ending.signal.aborted) process.stderr.write('\nStopping what was started …\n')
    ending.abort()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
  try {
    return await run(options, stage, ending.signal)
  } catch (fault) {
    // Whatever broke after that, broke because everything is being ended.
    if (ending.signal.aborted) return INTERRUPTED
    throw fault
  } finally {
    await stage.close()
  }
}

async function run(options: Options, stage: Stage, signal: AbortSignal): Promise<number> {
  const head = { at: new Date().toISOString(), machine: machine(), versions: versions(), rounds: options.rounds, seconds: options.seconds }
  print([...machineLines(head), stage.place.note])
  const workloads: WorkloadResult[] = []
  const leftOut: LeftOut[] = []
  for (const workload of WORKLOADS.filter(({ name }) => options.only.includes(name))) {
    try {
      const result = await runWorkload(workload, options, stage, signal)
      workloads.push(result)
      print(['', ...workloadLines(result)])
    } catch (fault) {
      if (!(fault instanceof MissingError)) throw fault
      leftOut.push({ workload: workload.name, why: fault.message })
      print(['', `${workload.title}: left out. ${fault.message}`])
    }
  }
  const goals = judgeGoals(GOALS, workloads.map(measuredOf))
  const result: BenchResult = { ...head, workloads, leftOut, goals }
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, `${head.at.replaceAll(':', '-')}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  if (options.chart) writeFileSync(CHART, chartSvg(result))
  print(['', ...goalLines(goals), '', `All figures: ${file}`, ...(options.chart ? [`Chart: ${CHART}`] : [])])
  return options.named && leftOut.length > 0 ? 1 : 0
}

function measuredOf({ workload, summaries, study }: WorkloadResult): Measured {
  return { workload, summaries, ...(study === undefined ? {} : { figures: study.figures }) }
}

async function runWorkload(workload: Workload, { rounds, seconds }: Options, stage: Stage, signal: AbortSignal): Promise<WorkloadResult> {
  const result = await workload.run({
    ...{ rounds, seconds, stage, signal },
    nowMs: () => performance.now(),
    say: (what) => process.stderr.write(`${workload.name}: ${what}\n`),
    onRound: (round) => process.stderr.write(`${workload.name}: round ${round} of ${rounds}\r`),
  })
  process.stderr.write(`${' '.repeat(60)}\r`)
  return result
}

function machine(): BenchResult['machine'] {
  const cores = cpus()
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    load: loadavg()[0] ?? 0,
  }
}

/** Of who is compared, as installed. */
function versions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url)
  const read = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  const installed = (name: string) => {
    const folder = require.resolve.paths(name)?.find((path) => exists(join(path, name, 'package.json')))
    return folder === undefined ? 'unknown' : read(join(folder, name, 'package.json'))
  }
  return {
    castellan: read(fileURLToPath(new URL('../package.json', import.meta.url))),
    '@grpc/grpc-js': installed('@grpc/grpc-js'),
    '@casl/ability': installed('@casl/ability'),
    casbin: installed('casbin'),
    '@cedar-policy/cedar-wasm': installed('@cedar-policy/cedar-wasm'),
    cerbos: installed(CERBOS_PACKAGE),
    ...generatorVersions(),
  }
}

function exists(file: string): boolean {
  try {
    readFileSync(file)
    return true
  } catch {
    return false
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}
