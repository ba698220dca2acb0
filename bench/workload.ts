/** What a workload is, and what it is given to run. Types only; the workloads are files of workloads/, the two usual kinds local.ts and wire.ts. */
import type { Contender } from './measure.ts'
import type { WorkloadResult } from './report.ts'
import type { Stage } from './stage.ts'

export interface Bench {
  readonly rounds: number
  /** Of each contender in each round. */
  readonly seconds: number
  /** For the person who waits, on standard error. */
  readonly say: (what: string) => void
  /** After each round; 0 is the one that does not count. */
  readonly onRound: (round: number) => void
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number
  /** Aborted when the run is ended from outside: by Ctrl-C, for instance. */
  readonly signal: AbortSignal
  /** Servers that workloads share; each starts when it is first asked for, all stop with the run. */
  readonly stage: Stage
}

export interface Workload {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  /** @throws MissingError when something is not here without which there is nothing to measure */
  run(bench: Bench): Promise<WorkloadResult>
}

/** What a workload needs is not here: it is left out with these words, and fails the run only when it was asked for by name. */
export class MissingError extends Error {}

/** Of a workload in this process: a table of questions, and those who answer it. */
export interface OpenWorkload {
  /** In the order of the report; the first is what the others are compared with. */
  readonly contenders: readonly Contender[]
  readonly questions: number
  /** For the report: how many of the questions are allowed, how many facts there are. */
  readonly facts: string
  /** Who is not among them, and why. */
  readonly notes?: readonly string[]
  /** The question in words, for a disagreement. */
  describe(question: number): string
  close(): Promise<void>
}
