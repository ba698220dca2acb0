/** Records as logs of OpenTelemetry, by OTLP over HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/). Starts no SDK. Floor 5. */
import type { DecisionRecord } from '../../model/decision-record.ts'
import { type LogEntry, recordIn } from './entry.ts'
import { type PostNeeds, post } from './post.ts'
import type { DecisionSink } from './sink.ts'

export interface OtlpSinkNeeds extends PostNeeds {
  /** Of the resource: this process. */
  readonly replica: string
  readonly version: string
}

export function openOtlpSink({ url, headers, replica, version }: OtlpSinkNeeds): DecisionSink {
  const sent = { ...headers, 'content-type': 'application/json' }
  const scope = { name: 'castellan.decision', version }
  const resource = {
    attributes: [text('service.name', 'castellan'), text('service.version', version), text('service.instance.id', replica)],
  }
  return {
    name: 'otlp',
    async write(batch, signal) {
      const body = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: batch.map(logRecord) }] }] })
      return rejectedOf(await post({ url, headers: sent }, body, signal), batch.length)
    },
    close: async () => undefined,
  }
}

function logRecord(entry: LogEntry): object {
  const record = recordIn(entry)
  const timeUnixNano = `${Date.parse(record.at)}000000`
  return {
    timeUnixNano,
    observedTimeUnixNano: timeUnixNano,
    // INFO: a deny is an answer, not a fault.
    severityNumber: 9,
    severityText: 'INFO',
    eventName: 'castellan.decision',
    body: { stringValue: entry.line },
    attributes: attributesOf(record),
    ...(record.trace === undefined ? {} : { traceId: record.trace, spanId: record.span }),
  }
}

/** What people search by; all of the record is in the body. */
function attributesOf(record: DecisionRecord): readonly object[] {
  const attributes: object[] = [
    text('castellan.decision.id', record.id),
    { key: 'castellan.allowed', value: { boolValue: record.allowed } },
    text('castellan.method', record.method),
    text('castellan.wire', record.wire),
    text('castellan.caller', record.caller.id),
    text('castellan.policy.revision', record.policyRevision),
  ]
  if (record.reason !== undefined) attributes.push(text('castellan.reason', record.reason))
  if (record.permission !== undefined) attributes.push(text('castellan.permission', record.permission))
  if (record.tenant !== undefined) attributes.push(text('castellan.tenant', record.tenant))
  if (record.user !== undefined) attributes.push(text('castellan.user', record.user))
  return attributes
}

function text(key: string, value: string): object {
  return { key, value: { stringValue: value } }
}

/** Partial success: what was rejected is not to be sent again. An answer that says nothing took all. */
function rejectedOf(answer: string, sent: number): number {
  let plain: unknown
  try {
    plain = JSON.parse(answer)
  } catch {
    return 0
  }
  if (typeof plain !== 'object' || plain === null || !('partialSuccess' in plain)) return 0
  const partial = plain.partialSuccess
  if (typeof partial !== 'object' || partial === null || !('rejectedLogRecords' in partial)) return 0
  // 64-bit whole numbers are text in the JSON of Protocol Buffers.
  const rejected = Number(partial.rejectedLogRecords)
  return Number.isSafeInteger(rejected) && rejected > 0 ? Math.min(rejected, sent) : 0
}
