/** What a workload is: a table of questions, and those who answer it. Types only; the workloads are files of workloads/. */
import type { Contender } from './measure.ts'

export interface OpenWorkload {
  /** In the order of the report; the first is what the others are compared with. */
  readonly contenders: readonly Contender[]
  readonly questions: number
  /** For the report: how many of the questions are allowed, how many facts there are. */
  readonly facts: string
  /** The question in words, for a disagreement. */
  describe(question: number): string
  close(): Promise<void>
}

export interface Workload {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  open(): Promise<OpenWorkload>
}
