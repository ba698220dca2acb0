/** What one watcher has sent: from where it watches, and the last heartbeat it asks for. Reads no faster than it is answered. Floor 5. */
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { ACCESS_MESSAGES_PER_BEAT_MAX } from '../../../model/limits.ts'
import { parseWatchAccessFirst, parseWatchAccessLater, type WatchAccessFirst } from '../../translate/access-requests.ts'
import { plainRequest } from '../../translate/grpc-message.ts'
import type { Decoded } from './definitions.ts'
import { messageOf } from './unary.ts'

export class WatchInbox {
  readonly #stream: Pick<ServerDuplexStream<Decoded, object>, 'on' | 'pause' | 'resume'>
  readonly #wake: () => void
  #first: WatchAccessFirst | undefined
  #beat: number | undefined
  #unanswered = 0
  #ended = false
  #fault: unknown

  /** @param wake something came */
  constructor(stream: Pick<ServerDuplexStream<Decoded, object>, 'on' | 'pause' | 'resume'>, wake: () => void) {
    this.#stream = stream
    this.#wake = wake
    stream.on('end', () => {
      this.#ended = true
      wake()
    })
    stream.on('data', (request: Decoded) => this.#take(request))
  }

  /** Absent: it has sent nothing yet. @throws RequestError when what it sent is none of this */
  get first(): WatchAccessFirst | undefined {
    if (this.#fault !== undefined) throw this.#fault
    return this.#first
  }

  /** Of the heartbeat that is asked for. @throws RequestError as `first` */
  get beat(): number | undefined {
    if (this.#fault !== undefined) throw this.#fault
    return this.#beat
  }

  /** It sends nothing more. */
  get ended(): boolean {
    return this.#ended
  }

  /** The heartbeat that it asked for last was given. */
  answered(): void {
    this.#beat = undefined
    this.#unanswered = 0
    this.#stream.resume()
  }

  #take(request: Decoded): void {
    if (this.#fault !== undefined) return
    try {
      const plain = plainRequest(messageOf(request))
      let beat: number | undefined
      if (this.#first === undefined) {
        this.#first = parseWatchAccessFirst(plain)
        beat = this.#first.beat
      } else beat = parseWatchAccessLater(plain)
      this.#beat = beat ?? this.#beat
    } catch (fault) {
      this.#fault = fault
    }
    this.#unanswered++
    // All but the first ask for a heartbeat, so there is one to be given, and reading goes on then.
    if (this.#unanswered >= ACCESS_MESSAGES_PER_BEAT_MAX) this.#stream.pause()
    this.#wake()
  }
}
