/** The registry of metrics of one process. No module-level registry: two services in one process do not mix. Floor 0. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type SetCount<L extends string> = (labels: Readonly<Record<L, string>>, count: number) => void

export interface Metrics {
  /** @param collect called when somebody asks: `set` says how far a count that is kept elsewhere has come */
  counter<L extends string>(name: string, help: string, labels: readonly L[], collect?: (set: SetCount<L>) => void): Counter<L>
  gauge<L extends string>(name: string, help: string, labels: readonly L[], collect?: (gauge: Gauge<L>) => void): Gauge<L>
  histogram<L extends string>(name: string, help: string, labels: readonly L[], buckets: readonly number[]): Histogram<L>
  /** Prometheus text exposition format. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>
}

export function openMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'castellan_' })
  const registers = [registry]
  return {
    counter: (name, help, labels, collect) =>
      new Counter({
        name,
        help,
        labelNames: [...labels],
        registers,
        ...(collect === undefined
          ? {}
          : {
              collect() {
                this.reset()
                collect((values, count) => this.inc(values, count))
              },
            }),
      }),
    gauge: (name, help, labels, collect) =>
      new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers,
        ...(collect === undefined
          ? {}
          : {
              collect() {
                collect(this)
              },
            }),
      }),
    histogram: (name, help, labels, buckets) => new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  }
}
