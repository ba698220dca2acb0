/** The kind of workload that measures in a way of its own and tells figures by name, where rates side by side do not say it. Types and its table; the studies are files of workloads/. */
import { tableLines } from './table.ts'
import type { Bench, Workload } from './workload.ts'

/** A line of a chart. */
export interface Curve {
  readonly name: string
  /** x and y, x growing. */
  readonly points: readonly (readonly [number, number])[]
}

export interface StudyResult {
  readonly facts: string
  readonly columns: readonly string[]
  /** Of texts, for people. */
  readonly rows: readonly (readonly string[])[]
  /** By name, for goals and for later; units are in the names. */
  readonly figures: Readonly<Record<string, number>>
  readonly curves?: readonly Curve[]
  readonly notes: readonly string[]
}

export interface Study {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  /** @throws MissingError when something is not here without which there is nothing to measure */
  run(bench: Bench): Promise<StudyResult>
}

/** As one among the workloads of a run. */
export function studyWorkload({ name, title, run }: Study): Workload {
  return {
    name,
    title,
    async run(bench) {
      const study = await run(bench)
      const { facts, notes } = study
      return { workload: name, title, unit: '', facts, measurements: [], summaries: [], notes, study }
    },
  }
}

export function studyLines(title: string, { facts, columns, rows, notes }: StudyResult): readonly string[] {
  return [`${title}: ${facts}`, ...tableLines(columns, rows), ...notes]
}
