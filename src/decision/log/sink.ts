/** What writes records somewhere: the port of every sink. Buffers, retries and counting are done around it (see sink-queue.ts). Floor 5. */
import type { LogEntry } from './entry.ts'

export const SINK_NAMES = ['stdout', 'file', 'postgres', 'redis', 'otlp', 'opa'] as const
export type SinkName = (typeof SINK_NAMES)[number]

export interface DecisionSink {
  readonly name: SinkName
  /**
   * All of the batch, in order, or an error: then it is given again, whole or in halves, so that a record may be written twice, never lost in silence.
   * @param signal the attempt is given up; what is not answered by then counts as not written
   * @returns how many the receiver took note of and refused
   * @throws RefusedError when the same batch would be refused again; anything else is tried again
   */
  write(batch: readonly LogEntry[], signal: AbortSignal): Promise<number>
  /** Records that were lost to this sink since it was told last; called after a write that succeeded. */
  tellLost?(count: number, signal: AbortSignal): Promise<void>
  /** Nothing is written after it. */
  close(): Promise<void>
}

/** The receiver will not take this batch, however often it is sent. */
export class RefusedError extends Error {}

export interface SinkPace {
  readonly recordsMax: number
  readonly bytesMax: number
  /** For which the first record of a batch waits for others. */
  readonly lingerMs: number
  /** After a batch, before the next one. */
  readonly pauseMs: number
}

export type LossReason = 'full' | 'failed' | 'closed' | 'unbuilt'
export const LOSS_REASONS: readonly LossReason[] = ['full', 'failed', 'closed', 'unbuilt']

/** Every record that was kept is in exactly one of them. */
export interface SinkCounts {
  readonly written: number
  readonly lost: Readonly<Record<LossReason, number>>
  readonly buffered: number
  readonly errors: number
}
