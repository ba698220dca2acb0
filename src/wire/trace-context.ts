/** The trace that a request belongs to, read from its `traceparent` (W3C Trace Context). Starts no span. Floor 4. */
import type { TraceRef } from '../model/decision-record.ts'

/** Version 00 and what later versions must keep at the front; version ff and identifiers of zeros are none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/
const TRACEPARENT_CHARACTERS_MAX = 256
/** What every vendor must pass on (§3.3.1.5); what is longer is left out. */
const TRACESTATE_CHARACTERS_MAX = 512

/**
 * Absent when there is none, or none that can be read: a broken header begins no trace and breaks no request.
 * @param tracestate read only beside a `traceparent` that counts
 */
export function traceOf(traceparent: string | undefined, tracestate: () => string | undefined): TraceRef | undefined {
  if (traceparent === undefined || traceparent.length > TRACEPARENT_CHARACTERS_MAX) return undefined
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  const state = tracestate()
  if (state === undefined || state === '' || state.length > TRACESTATE_CHARACTERS_MAX) return { traceId, spanId, sampled }
  return { traceId, spanId, sampled, state }
}
