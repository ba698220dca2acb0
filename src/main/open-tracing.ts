/** Opens tracing for a process, where it was asked for, and tells when spans are lost. Wraps nothing (traced-parts.ts does). Floor 6. */
import type { Lifecycle } from '../ground/lifecycle.ts'
import type { Log } from '../ground/log.ts'
import type { Metrics } from '../ground/metrics.ts'
import type { Tracing, TracingPlan } from '../ground/tracing.ts'

/** Opened first, so that it is closed last: what closes before may still be traced. */
export async function openProcessTracing(
  plan: TracingPlan | undefined,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
  lifecycle: Lifecycle,
): Promise<Tracing | undefined> {
  if (plan === undefined) return undefined
  const counts = { taken: 0, lost: 0 }
  let losing = false
  metrics.counter('castellan_trace_spans_total', 'Spans that were sent to the collector, by result', ['result'], (set) => {
    set({ result: 'taken' }, counts.taken)
    set({ result: 'lost' }, counts.lost)
  })
  // The only way to the SDK: a process that does not trace never loads it.
  const { SdkTracing } = await import('../ground/tracing-sdk.ts')
  const tracing = new SdkTracing(plan, {
    exported(spans, taken) {
      counts[taken ? 'taken' : 'lost'] += spans
      if (!taken && !losing) log.warn({ spans }, 'the collector of traces does not take them: spans are lost')
      if (taken && losing) log.info('the collector of traces takes them again')
      losing = !taken
    },
  })
  lifecycle.add('traces', () => tracing.close())
  return tracing
}
