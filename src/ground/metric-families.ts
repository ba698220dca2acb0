/** Metrics of several processes as one: what was counted adds up, what is measured now stands beside each other. Writes no text. Floor 0. */

export interface MetricSample {
  /** Of a histogram's bucket, sum or count; absent: the family's. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly exemplar?: { readonly timestamp?: number } | null
}

export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly MetricSample[]
}

export interface MetricPart {
  /** Which process it is; absent: one that has ended, or does not answer, so that nothing is known of its present. */
  readonly worker?: string
  readonly families: readonly MetricFamily[]
}

/** Only these mean something when they are added up. */
const COUNTED = ['counter', 'histogram']

/** Every sample of now has the label `worker`; one that has it already keeps its own. */
export function joinMetrics(parts: readonly MetricPart[]): readonly MetricFamily[] {
  const joined = new Map<string, { readonly family: MetricFamily; readonly samples: Map<string, MetricSample> }>()
  for (const { worker, families } of parts)
    for (const family of families) {
      const isCounted = COUNTED.includes(family.type)
      if (!isCounted && worker === undefined) continue
      const found = joined.get(family.name) ?? { family, samples: new Map<string, MetricSample>() }
      joined.set(family.name, found)
      for (const sample of family.values) {
        const labels = isCounted || worker === undefined ? sample.labels : { worker, ...sample.labels }
        const key = keyOf(sample.metricName ?? family.name, labels)
        found.samples.set(key, added(found.samples.get(key), { ...sample, labels }))
      }
    }
  return [...joined.values()].map(({ family: { name, help, type }, samples }) => ({ name, help, type, values: [...samples.values()] }))
}

/** Of two processes; the newer example stands for both. */
function added(before: MetricSample | undefined, sample: MetricSample): MetricSample {
  if (before === undefined) return sample
  const newer = (before.exemplar?.timestamp ?? 0) > (sample.exemplar?.timestamp ?? 0) ? before : sample
  return { ...newer, value: before.value + sample.value }
}

function keyOf(name: string, labels: MetricSample['labels']): string {
  return JSON.stringify([
    name,
    ...Object.keys(labels)
      .sort()
      .map((label) => [label, String(labels[label])]),
  ])
}
