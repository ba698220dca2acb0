/** A record as sinks hold it while it waits: its line, and not the objects that it was made from. Pure. Floor 5. */
import type { DecisionRecord } from '../../model/decision-record.ts'
import { SINK_ENTRY_BYTES } from '../../model/observation-limits.ts'

/** Masked; the same one for all sinks. */
export interface LogEntry {
  /** JSON of the record, without a line break. */
  readonly line: string
  /** Of the line: UTF-8. */
  readonly bytes: number
  /** That it takes in memory, at most. */
  readonly heldBytes: number
  /** On which it was decided, `YYYY-MM-DD` of UTC. */
  readonly day: string
  /** An allow without high risk: it goes first where there is no room for all. */
  readonly mattersLess: boolean
  /** It waits on while others beside it go: what they took in memory is not to wait with it. */
  standAlone?(): void
}

export function entryOf(record: DecisionRecord, mattersLess: boolean): LogEntry {
  const line = JSON.stringify(record)
  const bytes = Buffer.byteLength(line)
  // One character that is not ASCII may make all of them two bytes wide.
  const heldBytes = (bytes === line.length ? bytes : 2 * line.length) + SINK_ENTRY_BYTES
  return { line, bytes, heldBytes, day: record.at.slice(0, 10), mattersLess }
}

/** For sinks that write parts of it. Made anew for each attempt: a record takes several times the memory of its line. */
export function recordIn({ line }: LogEntry): DecisionRecord {
  return JSON.parse(line) as DecisionRecord
}
