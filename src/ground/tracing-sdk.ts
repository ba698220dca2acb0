/** Tracing by OpenTelemetry's SDK: samples, keeps what is under way, sends by OTLP over HTTP. Registers nothing globally. Floor 0. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { EnteredSpan, SpanAttributes, SpanRef, Tracing, TracingObserver, TracingPlan } from './tracing.ts'

/** Milliseconds for what is left when the process stops: a collector that is away must not hold it. */
const CLOSE_MS = 3_000
/** Spans that wait for the collector: some seconds of checks. What comes beyond is lost, and counted. */
const SPANS_WAITING_MAX = 2_048

export class SdkTracing implements Tracing {
  readonly #provider: TracerProvider
  readonly #tracer: Tracer
  readonly #contexts = new AsyncLocalStorageContextManager().enable()

  constructor({ url, sampler, resource }: TracingPlan, observe: TracingObserver) {
    // Headers, time limit and compression it reads itself, from the variables of OpenTelemetry.
    this.#provider = new TracerProvider({
      sampler: samplerOf(sampler),
      resource: resourceFromAttributes(resource),
      spanProcessors: [countedBatches(new OTLPTraceExporter({ url }), observe)],
    })
    this.#tracer = this.#provider.getTracer('castellan')
  }

  enter(name: string, attributes: SpanAttributes, parent: SpanRef | undefined): EnteredSpan {
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent === undefined ? ROOT_CONTEXT : remote(parent))
    const context = trace.setSpan(ROOT_CONTEXT, span)
    return {
      ref: span.isRecording() ? refOf(span) : undefined,
      run: (work) => this.#contexts.with(context, work),
      end: (more, failed) => {
        span.setAttributes(more)
        if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      },
    }
  }

  async within<T>(name: string, work: () => Promise<T>, told: (result: T) => SpanAttributes): Promise<T> {
    const above = this.#contexts.active()
    // What nobody asked for (tidying, the feed) would be a trace of its own, many a second.
    if (trace.getSpan(above) === undefined) return await work()
    const span = this.#tracer.startSpan(name, {}, above)
    try {
      const result = await this.#contexts.with(trace.setSpan(above, span), work)
      if (span.isRecording()) span.setAttributes(told(result))
      return result
    } catch (fault) {
      // Texts of faults may hold anything; their place is our log.
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw fault
    } finally {
      span.end()
    }
  }

  tell(attributes: SpanAttributes): void {
    trace.getSpan(this.#contexts.active())?.setAttributes(attributes)
  }

  async close(): Promise<void> {
    const limit = new AbortController()
    // A collector that does not take the last ones was told already, and holds up nothing.
    const shutdown = this.#provider
      .shutdown()
      .catch(() => undefined)
      .finally(() => limit.abort())
    await Promise.race([shutdown, delay(CLOSE_MS, undefined, { signal: limit.signal }).catch(() => undefined)])
    this.#contexts.disable()
  }
}

function refOf(span: Span): SpanRef {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 }
}

function remote({ traceId, spanId, sampled, state }: SpanRef): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state === undefined ? {} : { traceState: createTraceState(state) }),
  })
}

function samplerOf({ kind, ratio, parentBased }: TracingPlan['sampler']): Sampler {
  const root =
    kind === 'always_on' ? new AlwaysOnSampler() : kind === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
  return parentBased ? new ParentBasedSampler({ root }) : root
}

/** The SDK says only in its own log, which nobody reads, that spans were lost: so the room for them is held here, and every one is accounted for. */
function countedBatches(exporter: SpanExporter, observe: TracingObserver): SpanProcessor {
  let waiting = 0
  const batches = new BatchSpanProcessor({
    maxQueueSize: SPANS_WAITING_MAX,
    exporter: {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          waiting -= spans.length
          observe.exported(spans.length, result.code === 0)
          done(result)
        }),
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => await exporter.forceFlush?.(),
    },
  })
  return {
    onStart: (span, context) => batches.onStart(span, context),
    onEnd: (span) => {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
      if (waiting >= SPANS_WAITING_MAX) observe.exported(1, false)
      else {
        waiting++
        batches.onEnd(span)
      }
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () =>
      batches.shutdown().finally(() => {
        // The first batch that is refused ends the last sending.
        if (waiting > 0) observe.exported(waiting, false)
        waiting = 0
      }),
  }
}
