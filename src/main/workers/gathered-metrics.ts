/** Metrics of a service that is several processes: one page, on which no count ever goes back because a worker ended or is silent. Floor 6. */
import { joinMetrics, type MetricFamily } from '../../ground/metric-families.ts'
import { type Metrics, metricsText } from '../../ground/metrics.ts'
import { PRIMARY } from './messages.ts'
import type { Told } from './worker-pool.ts'

export interface GatheredMetrics extends Pick<Metrics, 'text'> {
  /** What it had counted when it was asked last stays counted. */
  ended(worker: string): void
}

/** @param own of the first process; tells how workers fare too */
export function openGatheredMetrics(own: Metrics, ask: () => Promise<readonly Told<'metrics'>[]>): GatheredMetrics {
  /** Of each worker that runs, when it answered last. */
  const last = new Map<string, readonly MetricFamily[]>()
  const answering = new Map<string, boolean>()
  let departed: readonly MetricFamily[] = []
  own.gauge('castellan_worker_up', 'Whether a worker answered when this page was asked for (1)', ['worker'], (gauge) => {
    for (const [worker, answers] of answering) gauge.set({ worker }, answers ? 1 : 0)
  })
  const gather = async (): Promise<readonly MetricFamily[]> => {
    const told = await ask()
    for (const { worker, answer } of told) {
      answering.set(worker, answer !== undefined)
      if (answer !== undefined) last.set(worker, answer)
    }
    return joinMetrics([
      { worker: PRIMARY, families: await own.families() },
      { families: departed },
      // The counts of one that is silent are those it told last, and nothing is said of its present.
      ...told.map(({ worker, answer }) => (answer === undefined ? { families: last.get(worker) ?? [] } : { worker, families: answer })),
    ])
  }
  let underWay: Promise<readonly MetricFamily[]> | undefined
  return {
    ended: (worker) => {
      departed = joinMetrics([{ families: departed }, { families: last.get(worker) ?? [] }])
      last.delete(worker)
    },
    text: async (accept) => {
      // Asking needs no key, so it must not multiply work.
      underWay ??= gather().finally(() => {
        underWay = undefined
      })
      return metricsText(await underWay, accept)
    },
  }
}
