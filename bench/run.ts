/** The bench: opens each workload, sees that all answer alike, measures, tells. Further workloads are files of workloads/ and one line here. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findDisagreement, measure, summarize } from './measure.ts'
import { HELP, type Options, parseOptions, UsageError } from './options.ts'
import { type BenchResult, machineLines, type WorkloadResult, workloadLines } from './report.ts'
import type { Workload } from './workload.ts'
import { localConditions, localRoles } from './workloads/local-checks.ts'

const WORKLOADS: readonly Workload[] = [localRoles, localConditions]
const RESULTS = fileURLToPath(new URL('results', import.meta.url))

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(
      args,
      WORKLOADS.map(({ name }) => name),
    )
    if (options === undefined) print([HELP])
    else await run(options)
    return 0
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault
    process.stderr.write(`${fault.message}\nTry: npm run bench -- --help\n`)
    return 2
  }
}

async function run(options: Options): Promise<void> {
  const head = { at: new Date().toISOString(), machine: machine(), versions: versions(), rounds: options.rounds, seconds: options.seconds }
  print(machineLines(head))
  const workloads: WorkloadResult[] = []
  for (const workload of WORKLOADS.filter(({ name }) => options.only.includes(name))) {
    const result = await runWorkload(workload, options)
    workloads.push(result)
    print(['', ...workloadLines(result)])
  }
  const result: BenchResult = { ...head, workloads }
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, `${head.at.replaceAll(':', '-')}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  print(['', `All figures: ${file}`])
}

async function runWorkload(workload: Workload, { rounds, seconds }: Options): Promise<WorkloadResult> {
  const say = (what: string) => process.stderr.write(`${workload.name}: ${what}\n`)
  say('starting the service, and everybody with the same facts')
  const { contenders, questions, facts, describe, close } = await workload.open()
  try {
    say(`comparing all answers, questions ${questions}`)
    const disagreement = await findDisagreement(contenders, questions, describe)
    if (disagreement !== undefined) throw new Error(`Not the same question to all: ${disagreement}`)
    say(`warming up, then ${rounds} rounds`)
    const tell = (round: number) => process.stderr.write(`${workload.name}: round ${round} of ${rounds}\r`)
    const measurements = await measure(contenders, { rounds, seconds, questions, nowMs: () => performance.now(), onRound: tell })
    process.stderr.write(`${' '.repeat(60)}\r`)
    const notes = contenders.flatMap(({ name, note }) => (note === undefined ? [] : [`${name}: ${note()}`]))
    return { workload: workload.name, title: workload.title, facts, measurements, summaries: summarize(measurements), notes }
  } finally {
    await close()
  }
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
    '@casl/ability': installed('@casl/ability'),
    casbin: installed('casbin'),
    '@cedar-policy/cedar-wasm': installed('@cedar-policy/cedar-wasm'),
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
