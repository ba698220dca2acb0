/** Metrics of a service that is several processes: one page, on which no count ever goes back because a worker ended or is silent. Floor 6. */
import { joinMetrics, type MetricFamily } from '../../ground/metric-families.ts'
import { type Metrics, metricsText } from '../../ground/metrics.ts'
import { PRIMARY } from './messages.ts'
import type { Told } from './worker-pool.ts'

export interface GatheredMetrics extends Pick<Metrics, 'text'> {
  /** What it had counted when it was asked last stays counted. */
  ended(worker: string): void
}

/** @param own of the first process */
export function openGatheredMetrics(own: Metrics, ask: () => Promise<readonly Told<'metrics'>[]>): GatheredMetrics {
  /** Of each worker that runs, when it answered last. */
  const last = new Map<string, readonly MetricFamily[]>()
  /** How often each has ended. */
  const ends = new Map<string, number>()
  let departed: readonly MetricFamily[] = []
  const gather = async (): Promise<readonly MetricFamily[]> => {
    const endsBefore = new Map(ends)
    const [mine, answers] = await Promise.all([own.families(), ask()])
    // Nothing is waited for from here on. Who ended after its answer is counted among the departed already.
    const told = answers.map((one): Told<'metrics'> => {
      const { worker } = one
      return ends.get(worker) === endsBefore.get(worker) ? one : { worker, state: 'starting' }
    })
    for (const { worker, answer } of told) if (answer !== undefined) last.set(worker, answer)
    return joinMetrics([
      { worker: PRIMARY, families: [...mine, workersUp(told)] },
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
      ends.set(worker, (ends.get(worker) ?? 0) + 1)
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

function workersUp(told: readonly Told<'metrics'>[]): MetricFamily {
  const values = told.map(({ worker, answer }) => ({ labels: { worker }, value: answer === undefined ? 0 : 1 }))
  return { name: 'castellan_worker_up', help: 'Whether a worker answered when this page was asked for (1)', type: 'gauge', values }
}
