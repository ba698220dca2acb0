/** What a wire asks of tracing, where that is on: a span for each call. Knows no tracing library. Floor 4. */
import type { TraceRef } from '../model/decision-record.ts'

export interface CallSpan {
  /** What the records of the call carry. */
  readonly trace: TraceRef | undefined
  /** For the caller, as `traceresponse` (https://www.w3.org/TR/trace-context-2/); absent: the call is not recorded. */
  readonly response: string | undefined
  /** What is done in `work`, also later, belongs to the call. */
  run<T>(work: () => T): T
  /** @param code `ok` or an ErrorCode. @param failed by a fault of ours */
  ended(code: string, failed: boolean): void
}

export interface CallSpans {
  begin(wire: 'grpc' | 'http', method: string, incoming: TraceRef | undefined): CallSpan
}
