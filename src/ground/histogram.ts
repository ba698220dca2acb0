/** Counts values in buckets, each for the price of an array slot: on the way of a check a library's histogram costs half a microsecond. Writes no text. Floor 0. */

/** The trace of one value that was counted, for who wants to see an example. */
export interface Exemplar {
  /** As W3C Trace Context writes it. */
  readonly traceId: string
}

/** The values of one set of labels. */
export class Buckets {
  readonly #bounds: readonly number[]
  /** One more than bounds: what is above the last. */
  readonly #counts: Float64Array
  readonly #exemplars: (Seen | undefined)[] = []
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** @param atMs wall clock, of the exemplar */
  observe(value: number, exemplar?: Exemplar, atMs?: number): void {
    const bounds = this.#bounds
    let at = 0
    // Few bounds, and most values are among the first: quicker than halving.
    while (at < bounds.length && value > (bounds[at] as number)) at++
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#sum += value
    if (exemplar !== undefined && atMs !== undefined) this.#exemplars[at] = { traceId: exemplar.traceId, value, atMs }
  }

  /** As the registry writes them: counts that add up from bucket to bucket. */
  values(name: string, labels: Readonly<Record<string, string>>): readonly HistogramValue[] {
    const values: HistogramValue[] = []
    let total = 0
    for (let at = 0; at < this.#counts.length; at++) {
      total += this.#counts[at] as number
      const bucket = { labels: { le: this.#bounds[at] ?? '+Inf', ...labels }, value: total, metricName: `${name}_bucket` }
      const seen = this.#exemplars[at]
      values.push(seen === undefined ? bucket : { ...bucket, exemplar: exemplarOf(seen) })
    }
    values.push({ labels, value: this.#sum, metricName: `${name}_sum` }, { labels, value: total, metricName: `${name}_count` })
    return values
  }
}

interface Seen extends Exemplar {
  readonly value: number
  readonly atMs: number
}

export interface HistogramValue {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName: string
  readonly exemplar?: { readonly labelSet: Readonly<Record<string, string>>; readonly value: number; readonly timestamp: number }
}

function exemplarOf({ traceId, value, atMs }: Seen): NonNullable<HistogramValue['exemplar']> {
  return { labelSet: { trace_id: traceId }, value, timestamp: atMs / 1_000 }
}

/** One family. Whoever counts often keeps what `labels` gives. */
export class BucketHistogram<L extends string> {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { readonly labels: Readonly<Record<L, string>>; readonly buckets: Buckets }>()

  /** @param labelNames none: the one series is there from the start */
  constructor(name: string, help: string, labelNames: readonly L[], bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.#bounds = bounds
    if (labelNames.length === 0) this.labels({} as Readonly<Record<L, string>>)
  }

  labels(labels: Readonly<Record<L, string>>): Buckets {
    const key = JSON.stringify(labels)
    const found = this.#series.get(key)
    if (found !== undefined) return found.buckets
    const buckets = new Buckets(this.#bounds)
    this.#series.set(key, { labels, buckets })
    return buckets
  }

  /** What a registry asks of a family. */
  get(): {
    readonly name: string
    readonly help: string
    readonly type: 'histogram'
    readonly aggregator: 'sum'
    readonly values: readonly HistogramValue[]
  } {
    const values = [...this.#series.values()].flatMap(({ labels, buckets }) => buckets.values(this.name, labels))
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }
}
