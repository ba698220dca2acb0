/** Opens the decision log of a process: its sinks on concrete parts, and what they count. Decides nothing of records. Floor 6. */
import { RedisStream } from '../cache/redis-stream.ts'
import { type DecisionLog, openDecisionLog } from '../decision/log/decision-log.ts'
import { openFileSink } from '../decision/log/file-sink.ts'
import { openOpaSink } from '../decision/log/opa-sink.ts'
import { openOtlpSink } from '../decision/log/otlp-sink.ts'
import { openPostgresSink } from '../decision/log/postgres-sink.ts'
import { openRedisSink } from '../decision/log/redis-sink.ts'
import { type DecisionSink, LOSS_REASONS, type SinkPace } from '../decision/log/sink.ts'
import { openStdoutSink } from '../decision/log/stdout-sink.ts'
import type { Clock } from '../ground/clock.ts'
import { type Log, type LogLevel, openLog } from '../ground/log.ts'
import type { Metrics } from '../ground/metrics.ts'
import type { Random } from '../ground/random.ts'
import { openStandardOutput, type StandardOutput } from '../ground/standard-output.ts'
import {
  SINK_BATCH_BYTES_MAX,
  SINK_BATCH_RECORDS_MAX,
  SINK_EMBEDDED_BATCH_RECORDS_MAX,
  SINK_EMBEDDED_PAUSE_MS,
  SINK_LINGER_MS,
} from '../model/observation-limits.ts'
import type { DecisionLogWriter } from '../store/decision-log-ports.ts'
import type { DecisionLogPlan, SinkPlan } from './decision-log-plan.ts'
import type { AccessPlan } from './open-access.ts'
import { readVersion } from './version.ts'

export interface DecisionLogParts {
  readonly replicaId: string
  readonly writer: DecisionLogWriter
  /** The database is inside of this process. */
  readonly embedded: boolean
  readonly redis: AccessPlan['redis']
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** Absent: nothing else of ours is written to standard output. */
  readonly output: StandardOutput | undefined
}

const PACE: SinkPace = { recordsMax: SINK_BATCH_RECORDS_MAX, bytesMax: SINK_BATCH_BYTES_MAX, lingerMs: SINK_LINGER_MS, pauseMs: 0 }
/** Its one connection is for checks too: small batches, and long enough between them. */
const EMBEDDED_PACE: SinkPace = {
  ...PACE,
  recordsMax: SINK_EMBEDDED_BATCH_RECORDS_MAX,
  lingerMs: SINK_EMBEDDED_PAUSE_MS,
  pauseMs: SINK_EMBEDDED_PAUSE_MS,
}

export function openProcessDecisionLog({ sample, mask, sinks }: DecisionLogPlan, parts: DecisionLogParts): DecisionLog {
  const { replicaId: replica, clock, random, log } = parts
  const decisionLog = openDecisionLog({
    ...{ replica, sample, mask, clock, random, log },
    sinks: sinks.map((plan) => ({
      sink: openSink(plan, { sample, masked: mask?.paths ?? [] }, parts),
      pace: plan.kind === 'postgres' && parts.embedded ? EMBEDDED_PACE : PACE,
      // What standard output loses is not said there.
      ...(plan.kind === 'stdout' ? { log: openLog(log.level as LogLevel, { write: (line) => void process.stderr.write(line) }) } : {}),
    })),
  })
  addMetrics(parts.metrics, decisionLog)
  return decisionLog
}

interface Kept {
  readonly sample: number
  readonly masked: readonly string[]
}

function openSink(plan: SinkPlan, { sample, masked }: Kept, parts: DecisionLogParts): DecisionSink {
  const { replicaId: replica, clock, random, log } = parts
  switch (plan.kind) {
    case 'stdout':
      return openStdoutSink(parts.output ?? openStandardOutput(process.stdout))
    case 'file':
      return openFileSink(plan)
    case 'postgres':
      return openPostgresSink({ writer: parts.writer, replica, days: plan.days, sample, clock, log })
    case 'redis': {
      // A rule of the settings.
      if (parts.redis === undefined) throw new Error('A stream without an address of Redis')
      const { stream, lengthMax } = plan
      return openRedisSink(new RedisStream({ ...parts.redis, clock, random, log, observe: UNOBSERVED, stream, lengthMax }))
    }
    case 'otlp':
      return openOtlpSink({ ...plan, replica, version: readVersion() })
    case 'opa':
      return openOpaSink({ ...plan, replica, version: readVersion(), masked })
  }
}

/** The log counts its own failures. */
const UNOBSERVED = { failed: () => undefined, connected: () => undefined, breaker: () => undefined }

/** Kept by the sinks, read when somebody asks: a record costs no metric. */
function addMetrics(metrics: Metrics, log: DecisionLog): void {
  metrics.counter('castellan_decision_log_written_total', 'Decision records that a sink took.', ['sink'], (set) => {
    for (const { sink, written } of log.counts()) set({ sink }, written)
  })
  metrics.counter('castellan_decision_log_lost_total', 'Decision records that a sink will never have.', ['sink', 'reason'], (set) => {
    for (const { sink, lost } of log.counts()) for (const reason of LOSS_REASONS) set({ sink, reason }, lost[reason])
  })
  metrics.counter('castellan_decision_log_errors_total', 'Attempts to write to a sink that failed.', ['sink'], (set) => {
    for (const { sink, errors } of log.counts()) set({ sink }, errors)
  })
  metrics.gauge('castellan_decision_log_buffered', 'Decision records that wait for a sink.', ['sink'], (gauge) => {
    for (const { sink, buffered } of log.counts()) gauge.set({ sink }, buffered)
  })
}
