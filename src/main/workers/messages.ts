/** What the first process of a service and its workers tell each other. Both are of one build, so shapes are trusted. Floor 6. */
import type { MetricFamily } from '../../ground/metric-families.ts'
import type { ReadinessReport } from '../../wire/readiness.ts'

/** Names a worker to itself. Not with the prefix of settings: it is none, and nobody sets it. */
export const WORKER_VARIABLE = 'INTERNAL_CASTELLAN_WORKER'
/** The first process, where lines and metrics name a worker. */
export const PRIMARY = 'primary'

export type Question = 'readiness' | 'metrics'

export type ToWorker =
  | { readonly kind: 'stop' }
  | { readonly kind: 'reload' }
  /** Whether it lives, and nothing else: what is ready may wait for a database. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'question'; readonly number: number; readonly about: Question }

export interface WorkerReady {
  readonly kind: 'ready'
  readonly ports: { readonly http: number; readonly grpc: number }
  readonly replica: string
  readonly pid: number
}

export type FromWorker =
  | WorkerReady
  | { readonly kind: 'pong' }
  | { readonly kind: 'answer'; readonly number: number; readonly text: string }

export interface Answers {
  readonly readiness: ReadinessReport
  readonly metrics: readonly MetricFamily[]
}

/** JSON that keeps numbers which are none: metrics have them. */
export function writeAnswer<About extends Question>(answer: Answers[About]): string {
  return JSON.stringify(answer, (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))
}

export function readAnswer<About extends Question>(text: string): Answers[About] {
  return JSON.parse(text, (key, value) => (key === 'value' && typeof value === 'string' ? Number(value) : value)) as Answers[About]
}
