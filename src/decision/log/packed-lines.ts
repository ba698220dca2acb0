/** Lines that wait to be written, as the bytes that will be, one behind the other: nothing of them is left for the collector to move. Floor 5. */
import { LINES_CHUNK_BYTES, SINK_ENTRY_BYTES } from '../../model/observation-limits.ts'
import type { LogEntry } from './entry.ts'

const LINE_FEED = 0x0a

/** Its line stands in bytes that others have parts of, with a line feed behind it. */
export class PackedLine implements LogEntry {
  /** Of the line. */
  readonly bytes: number
  readonly day: string
  readonly mattersLess: boolean
  #chunk: Buffer
  #start: number

  constructor(chunk: Buffer, start: number, { bytes, day, mattersLess }: LogEntry) {
    this.#chunk = chunk
    this.#start = start
    this.bytes = bytes
    this.day = day
    this.mattersLess = mattersLess
  }

  get chunk(): Buffer {
    return this.#chunk
  }

  get start(): number {
    return this.#start
  }

  /** Behind its line feed. */
  get end(): number {
    return this.#start + this.bytes + 1
  }

  get heldBytes(): number {
    return this.bytes + 1 + SINK_ENTRY_BYTES
  }

  get line(): string {
    return this.#chunk.toString('utf8', this.#start, this.#start + this.bytes)
  }

  standAlone(): void {
    if (this.#chunk.length === this.bytes + 1) return
    const own = Buffer.allocUnsafeSlow(this.bytes + 1)
    this.#chunk.copy(own, 0, this.#start, this.end)
    this.#chunk = own
    this.#start = 0
  }
}

export class PackedLines {
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0

  /** @param entry with a line of its own, whose `bytes` are those of UTF-8 */
  pack(entry: LogEntry): PackedLine {
    const { line, bytes } = entry
    if (this.#at + bytes + 1 > this.#chunk.length) {
      // Not of the pool that all small buffers share.
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(LINES_CHUNK_BYTES, bytes + 1))
      this.#at = 0
    }
    const [chunk, start] = [this.#chunk, this.#at]
    this.#at += bytes + 1
    // As many bytes as characters: each is one.
    if (bytes === line.length) chunk.write(line, start, bytes, 'latin1')
    else chunk.write(line, start, bytes, 'utf8')
    chunk[start + bytes] = LINE_FEED
    return new PackedLine(chunk, start, entry)
  }
}
