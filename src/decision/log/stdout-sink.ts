/** Records as lines of JSON on a stream that somebody else reads: standard output. Waits for as long as nobody reads. Floor 5. */
import type { StandardOutput } from '../../ground/standard-output.ts'
import { STDOUT_WRITE_BYTES_MAX } from '../../model/observation-limits.ts'
import type { LogEntry } from './entry.ts'
import type { DecisionSink } from './sink.ts'

export function openStdoutSink(output: Pick<StandardOutput, 'take'>): DecisionSink {
  return {
    name: 'stdout',
    async write(batch) {
      let written = 0
      for (const { text, records } of chunksOf(batch)) {
        try {
          await output.take(text)
        } catch (fault) {
          // Its reader went away: who has gone is not waited for.
          if (fault instanceof Error && 'code' in fault && fault.code === 'EPIPE') return batch.length - written
          throw fault
        }
        written += records
      }
      return 0
    },
    close: async () => undefined,
  }
}

/** Whole lines: what else this process writes there goes the same way, and comes to stand between two of them. */
function chunksOf(batch: readonly LogEntry[]): readonly { readonly text: string; readonly records: number }[] {
  const chunks: { text: string; records: number }[] = []
  let [text, records, bytes] = ['', 0, 0]
  for (const entry of batch) {
    if (records > 0 && bytes + entry.bytes + 1 > STDOUT_WRITE_BYTES_MAX) {
      chunks.push({ text, records })
      text = ''
      records = 0
      bytes = 0
    }
    text += `${entry.line}\n`
    records += 1
    bytes += entry.bytes + 1
  }
  chunks.push({ text, records })
  return chunks
}
