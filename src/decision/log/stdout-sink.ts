/** Records as lines of JSON on a stream that somebody else reads: standard output. Waits for as long as nobody reads. Floor 5. */
import type { Writable } from 'node:stream'
import { PIPE_WHOLE_BYTES_MAX } from '../../model/observation-limits.ts'
import type { DecisionSink, LogEntry } from './sink.ts'

/** @param stream stays open */
export function openStdoutSink(stream: Writable): DecisionSink {
  // Each write tells its own fault; an error that nobody listens to would end the process.
  const heard = () => undefined
  stream.on('error', heard)
  return {
    name: 'stdout',
    async write(batch) {
      for (const chunk of chunksOf(batch)) await writeTo(stream, chunk)
      return 0
    },
    async close() {
      stream.off('error', heard)
    },
  }
}

/** Whole lines, together no more than what a pipe takes whole, so that no line of our log comes to stand inside of one. */
function chunksOf(batch: readonly LogEntry[]): readonly string[] {
  const chunks: string[] = []
  let [chunk, bytes] = ['', 0]
  for (const entry of batch) {
    if (bytes > 0 && bytes + entry.bytes + 1 > PIPE_WHOLE_BYTES_MAX) {
      chunks.push(chunk)
      chunk = ''
      bytes = 0
    }
    chunk += `${entry.line}\n`
    bytes += entry.bytes + 1
  }
  chunks.push(chunk)
  return chunks
}

/** One at a time: what is buffered is joined to one write, and a pipe would take a part of it. */
function writeTo(stream: Writable, chunk: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (fault) => (fault ? reject(fault) : resolve()))
  })
}
