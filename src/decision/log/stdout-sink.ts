/** Records as lines of JSON on a stream that somebody else reads: standard output. Waits for as long as nobody reads. Floor 5. */
import type { StandardOutput } from '../../ground/standard-output.ts'
import { STDOUT_WRITE_BYTES_MAX } from '../../model/observation-limits.ts'
import type { LogEntry } from './entry.ts'
import { PackedLine } from './packed-lines.ts'
import type { DecisionSink } from './sink.ts'

export function openStdoutSink(output: Pick<StandardOutput, 'take'>): DecisionSink {
  return {
    name: 'stdout',
    async write(batch) {
      for (let written = 0; written < batch.length; ) {
        const end = writeEnd(batch, written)
        try {
          await output.take(linesOf(batch, written, end))
        } catch (fault) {
          // Its reader went away: who has gone is not waited for.
          if (fault instanceof Error && 'code' in fault && fault.code === 'EPIPE') return batch.length - written
          throw fault
        }
        written = end
      }
      return 0
    },
    close: async () => undefined,
  }
}

/** Behind the last record of the write that begins with this one: whole lines, for what else this process writes there comes to stand between two of them. */
function writeEnd(batch: readonly LogEntry[], start: number): number {
  let bytes = 0
  let end = start
  for (; end < batch.length; end++) {
    bytes += (batch[end] as LogEntry).bytes + 1
    if (end > start && bytes > STDOUT_WRITE_BYTES_MAX) return end
  }
  return end
}

function linesOf(batch: readonly LogEntry[], start: number, end: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (let index = start; index < end; ) {
    const first = batch[index] as LogEntry
    if (!(first instanceof PackedLine)) {
      parts.push(Buffer.from(`${first.line}\n`))
      index++
      continue
    }
    let until = first.end
    // What was packed behind one another is written as it stands.
    for (index++; index < end; index++) {
      const next = batch[index]
      if (!(next instanceof PackedLine) || next.chunk !== first.chunk || next.start !== until) break
      until = next.end
    }
    parts.push(first.chunk.subarray(first.start, until))
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
}
