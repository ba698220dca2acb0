/** Standard output of a process that outlives whoever reads it: one way for its log and for records, so that no line comes to stand inside of another. Tries nothing again. Floor 0. */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

export interface StandardOutput {
  /** For a log: waits for nobody. What cannot be written, or would wait behind too much, is lost. */
  write(line: string): void
  /** For who can wait: whole lines. Resolves when they were taken, however long nobody reads. @throws what the system says when they cannot be written */
  take(lines: string | Uint8Array): Promise<void>
}

/** Lines of a log that wait for a reader, in bytes: far more than a healthy one leaves, and no weight for the process. */
const LOG_WAITING_BYTES_MAX = 262_144
const LINE_FEED = 0x0a

/** @param stream of the process; stays open, and its faults end nothing from here on */
export function openStandardOutput(stream: Writable & { readonly fd?: number }): StandardOutput {
  // Each write tells its own fault; an error that nobody listens to would end the process.
  stream.on('error', () => undefined)
  return stream instanceof Socket || stream.fd === undefined ? toPipe(stream) : toFile(stream.fd)
}

/** A pipe, a socket or a terminal: what its reader does not take waits here, and never in the system's call. */
function toPipe(stream: Writable): StandardOutput {
  return {
    write(line) {
      if (stream.writableLength <= LOG_WAITING_BYTES_MAX) stream.write(line)
    },
    take: (lines) =>
      new Promise((resolve, reject) => {
        stream.write(lines, (fault) => (fault ? reject(fault) : resolve()))
      }),
  }
}

/** A file, whose disk may be full: a line that was cut off is ended before the next one. */
function toFile(descriptor: number): StandardOutput {
  let isCut = false
  const put = (lines: string | Uint8Array) => {
    const whole = typeof lines === 'string' ? Buffer.from(lines) : lines
    const bytes = isCut ? Buffer.concat([Buffer.of(LINE_FEED), whole]) : whole
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(descriptor, bytes, written)
    } finally {
      if (written > 0) isCut = bytes[written - 1] !== LINE_FEED
    }
  }
  return {
    write(line) {
      try {
        put(line)
      } catch {
        // Lost: there is nowhere to say so.
      }
    },
    take: async (lines) => put(lines),
  }
}
