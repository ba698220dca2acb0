/** What was measured, as a table for people and as JSON for later. Pure; measures and writes nothing. */
import type { Measurement, Summary } from './measure.ts'

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
  readonly facts: string
  readonly measurements: readonly Measurement[]
  readonly summaries: readonly Summary[]
  readonly notes: readonly string[]
}

export interface BenchResult {
  readonly at: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly seconds: number
  readonly workloads: readonly WorkloadResult[]
}

export function machineLines({ machine, versions, rounds, seconds }: Omit<BenchResult, 'workloads'>): readonly string[] {
  const busy = machine.load > machine.cores / 2 ? ': busy, read the ratios and not the rates' : ''
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}; load ${machine.load.toFixed(1)}${busy}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `${rounds} interleaved rounds of ${seconds} s each`,
  ]
}

export function workloadLines({ title, facts, summaries, notes }: WorkloadResult): readonly string[] {
  const [first] = summaries
  const header = ['', 'checks/s', '± MAD', 'least', 'most', `× ${first?.name ?? ''}`]
  const rows = summaries.map(({ name, median, mad, least, most, ratio }) => [
    name,
    count(median),
    `${((100 * mad) / median).toFixed(1)} %`,
    count(least),
    count(most),
    ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(2),
  ])
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [`${title}: ${facts}`, line(header), ...rows.map(line), ...notes]
}

/** Whole, with separators that no language takes for a point. */
function count(rate: number): string {
  return Math.round(rate)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ')
}
