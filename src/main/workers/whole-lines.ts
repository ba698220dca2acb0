/** Passes what one process writes on to a stream that others write to as well: whole lines only, so that none comes to stand inside of another. Floor 6. */
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { PIPE_WHOLE_BYTES_MAX } from '../../model/observation-limits.ts'
import { WORKER_LINE_BYTES_MAX, WORKER_LINES_PAUSE_MS } from '../../model/process-limits.ts'

const LINE_FEED = 0x0a
/** As the system, and Node.js ever after, say that nobody reads any more. */
const GONE = ['EPIPE', 'ERR_STREAM_DESTROYED']

/**
 * Resolves when `from` has ended. Reads no further than what was taken: who writes to it waits as for the stream itself, and hears when that one is gone.
 * @param take resolves when the lines were taken
 */
export async function passWholeLines(from: Readable, take: (lines: Uint8Array) => Promise<void>): Promise<void> {
  let begun: Buffer[] = []
  let begunBytes = 0
  try {
    // Leaving the loop by a fault closes `from`: that is how the writer hears of it.
    for await (const chunk of from as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(LINE_FEED) + 1
      if (end > 0) {
        const lines = begun.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...begun, chunk.subarray(0, end)])
        for (const part of wholeLines(lines)) await takePatiently(part, take)
        begun = []
        begunBytes = 0
      }
      if (end === chunk.length) continue
      begun.push(chunk.subarray(end))
      begunBytes += chunk.length - end
      if (begunBytes > WORKER_LINE_BYTES_MAX) throw new Error('A line of a worker has no end')
    }
  } catch {
    // Nobody reads any more, or what is written are no lines: the writer has heard it.
  }
  // What a process that was killed had begun is no line.
}

/** In pieces that a pipe takes whole; a longer line is a piece of its own. */
export function* wholeLines(lines: Buffer): Generator<Buffer> {
  for (let start = 0; start < lines.length; ) {
    const last = lines.subarray(0, start + PIPE_WHOLE_BYTES_MAX).lastIndexOf(LINE_FEED)
    const end = (last >= start ? last : lines.indexOf(LINE_FEED, start)) + 1 || lines.length
    yield lines.subarray(start, end)
    start = end
  }
}

/** @throws when its reader went away: who has gone is not waited for */
async function takePatiently(lines: Uint8Array, take: (lines: Uint8Array) => Promise<void>): Promise<void> {
  for (;;)
    try {
      await take(lines)
      return
    } catch (fault) {
      if (fault instanceof Error && 'code' in fault && GONE.includes(String(fault.code))) throw fault
      await delay(WORKER_LINES_PAUSE_MS)
    }
}
