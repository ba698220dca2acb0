/** The registry of metrics of one process. No module-level registry: two services in one process do not mix. Floor 0. */
import { Counter, collectDefaultMetrics, Gauge, type Metric, type MetricObject, type OpenMetricsContentType, Registry } from 'prom-client'
import { BucketHistogram } from './histogram.ts'
import type { MetricFamily } from './metric-families.ts'

export type SetCount<L extends string> = (labels: Readonly<Record<L, string>>, count: number) => void

export interface Metrics {
  /** @param collect called when somebody asks: `set` says how far a count that is kept elsewhere has come */
  counter<L extends string>(name: string, help: string, labels: readonly L[], collect?: (set: SetCount<L>) => void): Counter<L>
  gauge<L extends string>(name: string, help: string, labels: readonly L[], collect?: (gauge: Gauge<L>) => void): Gauge<L>
  histogram<L extends string>(name: string, help: string, labels: readonly L[], buckets: readonly number[]): BucketHistogram<L>
  /** What is counted now, for who joins it with that of other processes. */
  families(): Promise<readonly MetricFamily[]>
  /** @param accept what a scraper asks for: OpenMetrics, which has exemplars, or else Prometheus' text format */
  text(accept?: string): Promise<{ readonly contentType: string; readonly body: string }>
}

/** Numbers of now under a name that promises a count: tools that check names refuse them, and each is there by kind, without the suffix. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `castellan_nodejs_active_${what}_total`)

export function openMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'castellan_' })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
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
    histogram: (name, help, labels, buckets) => {
      const histogram = new BucketHistogram(name, help, labels, buckets)
      // It has what the registry asks of a metric, though not the class.
      registry.registerMetric(histogram as unknown as Metric)
      return histogram
    },
    families: async () => (await registry.getMetricsAsJSON()) as unknown as readonly MetricFamily[],
    text: (accept) => textOf(registry, accept),
  }
}

/** @param families of several processes, joined; as one process would write them */
export function metricsText(families: readonly MetricFamily[], accept?: string): ReturnType<Metrics['text']> {
  const registry = new Registry()
  for (const family of families) {
    const { name, help, type } = family
    registry.registerMetric({ name, help, type, aggregator: 'sum', get: async () => family } as unknown as Metric)
  }
  return textOf(registry, accept)
}

async function textOf(registry: Registry, accept = ''): ReturnType<Metrics['text']> {
  const asked = wantsOpenMetrics(accept) ? openMetricsView(registry) : registry
  return { contentType: asked.contentType, body: await asked.metrics() }
}

/** Only who names it, and likes it no less than plain text. */
function wantsOpenMetrics(accept: string): boolean {
  const ranges = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const quality = Number(parameters.find((one) => one.startsWith('q='))?.slice(2) ?? 1)
    return { type, quality: Number.isNaN(quality) ? 0 : quality }
  })
  const best = (...types: readonly string[]) =>
    Math.max(0, ...ranges.filter(({ type }) => types.includes(type)).map(({ quality }) => quality))
  const openMetrics = best('application/openmetrics-text')
  return openMetrics > 0 && openMetrics >= best('text/plain')
}

/** A registry writes one format, and in this one it renames what it holds: so each scrape has a view of its own. */
function openMetricsView(registry: Registry): Registry<OpenMetricsContentType> {
  const view = new Registry<OpenMetricsContentType>()
  view.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  for (const metric of registry.getMetricsAsArray() as unknown as readonly (MetricObject & { get(): Promise<MetricObject> })[]) {
    const { name, help, type, aggregator } = metric
    const get = async () => {
      const found = await metric.get()
      // The suffix belongs to the samples of a counter here, and the registry puts it there.
      return String(found.type) === 'counter' ? { ...found, name: found.name.replace(/_total$/, '') } : found
    }
    view.registerMetric({ name, help, type, aggregator, get } as unknown as Metric)
  }
  return view
}
