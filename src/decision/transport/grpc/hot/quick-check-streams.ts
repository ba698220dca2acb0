/**
 * Items of CheckStream answered where their bytes come in, as many in one write as came in one piece. The stream stays grpc-js's: its beginning, its
 * end, its deadline and every item that is not answered here; that one gets as whole a frame as it came. Floor 5.
 */
import type { ServerHttp2Stream } from 'node:http2'
import type { CheckStreams, QuickStream } from '../check-stream.ts'
import { FRAME_BYTES } from '../codec/answer-bytes.ts'
import type { StreamListener } from './own-server.ts'

const PATH = '/castellan.v1.DecisionService/CheckStream'
/** Longest message that is waited for here when it comes in pieces; a question of names has less than one KiB. */
const KEPT_BYTES_MAX = 4_096
const NO_BYTES = Buffer.alloc(0)

type DataListener = (chunk: Buffer) => void

/** @param own what grpc-js does with a stream */
export function quickCheckStreams(checks: CheckStreams, own: StreamListener): StreamListener {
  return (stream, headers, flags) => {
    const encoding = headers['grpc-encoding']
    if (headers[':path'] !== PATH || (encoding !== undefined && encoding !== 'identity')) {
      own(stream, headers, flags)
      return
    }
    const handled = checks.handledDuring(() => own(stream, headers, flags))
    const [theirs, ...others] = stream.listeners('data')
    // Not as this grpc-js does it, or not a stream that it began: it is all grpc-js's.
    if (handled === undefined || theirs === undefined || others.length > 0) return
    stream.removeListener('data', theirs as DataListener)
    const items = new QuickItems(stream, handled, theirs as DataListener)
    stream.on('data', (chunk: Buffer) => items.take(chunk))
    stream.on('drain', () => items.drained())
  }
}

class QuickItems {
  readonly #stream: ServerHttp2Stream
  readonly #handled: QuickStream
  readonly #theirs: DataListener
  /** Not written yet. */
  #answers: Buffer[] = []
  /** The beginning of a frame whose end has not come. */
  #begun: Buffer = NO_BYTES
  /** Bytes of a long frame that are still to come, of which grpc-js has the beginning. */
  #theirBytes = 0
  /** The client does not read what was answered. */
  #blocked = false
  /** Reading was stopped here, not by grpc-js. */
  #paused = false

  constructor(stream: ServerHttp2Stream, handled: QuickStream, theirs: DataListener) {
    this.#stream = stream
    this.#handled = handled
    this.#theirs = theirs
  }

  take(chunk: Buffer): void {
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk])
    this.#begun = NO_BYTES
    let at = Math.min(this.#theirBytes, bytes.length)
    let passedOn = at > 0
    if (passedOn) this.#theirs.call(this.#stream, bytes.subarray(0, at))
    this.#theirBytes -= at
    while (at < bytes.length) {
      const length = bytes.length - at < FRAME_BYTES ? 0 : bytes.readUInt32BE(at + 1)
      const end = at + FRAME_BYTES + length
      const isHere = end <= bytes.length
      if (!isHere && length <= KEPT_BYTES_MAX) {
        this.#begun = bytes.subarray(at)
        break
      }
      // What the first byte of a frame says makes no difference: nothing is compressed here, and grpc-js reads it so too.
      const answer = isHere && !this.#blocked ? this.#handled.quick(bytes.subarray(at + FRAME_BYTES, end)) : undefined
      if (answer !== undefined) this.#answers.push(answer)
      else {
        passedOn = true
        // What was answered before it is said before whatever is said of it.
        this.#write()
        this.#theirs.call(this.#stream, bytes.subarray(at, end))
        this.#theirBytes = Math.max(0, end - bytes.length)
      }
      at = end
    }
    this.#write()
    // grpc-js stops reading with every item that it is given, and reads on by itself.
    this.#paused = this.#blocked && !passedOn
    if (this.#paused) this.#stream.pause()
  }

  drained(): void {
    this.#blocked = false
    if (this.#paused) this.#stream.resume()
    this.#paused = false
  }

  #write(): void {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    if (this.#stream.destroyed || this.#stream.writableEnded) return
    if (!this.#stream.write(answers.length === 1 ? answers[0] : Buffer.concat(answers))) this.#blocked = true
  }
}
