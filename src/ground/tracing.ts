/** Spans of what a process does, for who asks for them by OpenTelemetry's variables. Loads nothing of OpenTelemetry (tracing-sdk.ts does). Floor 0. */

/** Identity of a span, as W3C Trace Context has it. */
export interface SpanRef {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly sampled: boolean
  /** `tracestate` as it came. */
  readonly state?: string
}

/** Names, outcomes and positions; never who is asked about. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

/** One request of others to us. */
export interface EnteredSpan {
  /** Absent: it is not recorded. */
  readonly ref: SpanRef | undefined
  /** What is done in `work`, also later, is below this span. */
  run<T>(work: () => T): T
  end(attributes: SpanAttributes, failed: boolean): void
}

export interface Tracing {
  enter(name: string, attributes: SpanAttributes, parent: SpanRef | undefined): EnteredSpan
  /** A step below whatever is under way. @param told more of it, once it succeeded */
  within<T>(name: string, work: () => Promise<T>, told: (result: T) => SpanAttributes): Promise<T>
  /** Says more of the span that is under way; nothing where none is. */
  tell(attributes: SpanAttributes): void
  /** Sends what is left; for a few seconds at most. */
  close(): Promise<void>
}

export interface TracingPlan {
  /** Where OTLP over HTTP takes traces. */
  readonly url: string
  readonly sampler: { readonly kind: 'always_on' | 'always_off' | 'traceidratio'; readonly ratio: number; readonly parentBased: boolean }
  /** Of this process: `service.name` and others. */
  readonly resource: Readonly<Record<string, string>>
}

export interface TracingObserver {
  /** So many spans were taken by the collector, or not. */
  exported(spans: number, taken: boolean): void
}
