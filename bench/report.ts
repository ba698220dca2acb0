/** What was measured, as a table for people and as JSON for later. Pure; measures and writes nothing. */
import type { Judged } from './goals.ts'
import type { Measurement, Summary } from './measure.ts'
import { type StudyResult, studyLines } from './study.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly platform: string
  /** Of the last minute, at the start; above the number of cores something else was running, too. */
  readonly load: number
}

export interface WorkloadResult {
  readonly workload: string
  readonly title: string
  /** What is counted, such as `checks/s`. */
  readonly unit: string
  readonly facts: string
  readonly measurements: readonly Measurement[]
  readonly summaries: readonly Summary[]
  /** By contender, where they are servers: ours, a peer, or a floor that decides nothing. */
  readonly roles?: Readonly<Record<string, Role>>
  readonly notes: readonly string[]
  /** Of one that measures in a way of its own, in place of measurements. */
  readonly study?: StudyResult
}

export type Role = 'ours' | 'peer' | 'floor'

/** A workload that was not run, and why. */
export interface LeftOut {
  readonly workload: string
  readonly why: string
}

export interface BenchResult {
  readonly at: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly seconds: number
  readonly workloads: readonly WorkloadResult[]
  readonly leftOut: readonly LeftOut[]
  readonly goals: readonly Judged[]
}

export function machineLines({
  machine,
  versions,
  rounds,
  seconds,
}: Omit<BenchResult, 'workloads' | 'leftOut' | 'goals'>): readonly string[] {
  const busy = machine.load > machine.cores / 2 ? ': busy, read the ratios and not the rates' : ''
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}; load ${machine.load.toFixed(1)}${busy}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `${rounds} interleaved rounds of ${seconds} s each`,
  ]
}

export function workloadLines(result: WorkloadResult): readonly string[] {
  const { title, unit, facts, summaries, notes, study } = result
  if (study !== undefined) return studyLines(title, study)
  const [first] = summaries
  const apart = summaries.some(({ cpuMicros }) => cpuMicros !== undefined)
  const header = ['', unit, '± MAD', 'least', 'most', ...(apart ? ['CPU µs', 'of core'] : []), `× ${first?.name ?? ''}`]
  const rows = summaries.map(({ name, median, mad, least, most, ratio, cpuMicros, coreShare }) => [
    name,
    count(median),
    `${((100 * mad) / median).toFixed(1)} %`,
    count(least),
    count(most),
    ...(apart ? [cpuMicros === undefined ? '' : figure(cpuMicros), coreShare === undefined ? '' : `${Math.round(100 * coreShare)} %`] : []),
    figure(ratio),
  ])
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [`${title}: ${facts}`, line(header), ...rows.map(line), ...ratioLines(result), ...notes]
}

/** Of each of ours: how many times each peer, and which part of each floor. By processor time, too: a busy machine moves it less. */
function ratioLines({ summaries, roles = {} }: WorkloadResult): readonly string[] {
  const of = (role: Role) => summaries.filter(({ name }) => roles[name] === role)
  return of('ours').flatMap((ours) => {
    const words = [...of('peer'), ...of('floor')].map((other) => {
      const cpu = ours.cpuMicros === undefined || other.cpuMicros === undefined ? '' : ` (CPU ${figure(other.cpuMicros / ours.cpuMicros)})`
      return `${figure(ours.median / other.median)} × ${other.name}${cpu}`
    })
    return words.length === 0 ? [] : [`${ours.name} is ${words.join(', ')}`]
  })
}

/** Three digits of a small one, two places of others. */
function figure(value: number): string {
  return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2)
}

/** Whole, with separators that no language takes for a point. */
function count(rate: number): string {
  return Math.round(rate)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ')
}
