/**
 * One connection whose ordinary requests are answered in the turn of the event loop in which they came, without node's parser and its two objects. What
 * is not answered at once is passed on to node's server as it came; with the first thing that is unusual the whole connection is, for good. Floor 4.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../../../ground/clock.ts'
import {
  HEADER_ARRIVAL_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  KEEP_ALIVE_TIMEOUT_MS,
  QUICK_BODY_BYTES_MAX,
  QUICK_PATIENCE_MS,
  QUICK_PIECES_MAX,
} from '../../../model/limits.ts'
import { type OrdinaryHead, readHead } from './ordinary-request.ts'
import { PassedOn } from './passed-on.ts'
import type { QuickAnswer } from './quick-response.ts'

export interface QuickConnectionNeeds {
  readonly clock: Clock
  /** `undefined`: not to be answered at once. Throws nothing. */
  readonly answer: (head: OrdinaryHead, body: Buffer) => QuickAnswer | undefined
  readonly response: (answer: QuickAnswer, last: boolean) => string
  /** Whether the next answer is to be the last one of this connection. */
  readonly leaving: (socket: Socket) => boolean
  /** To node's own server: a connection of its own inside of this one, or this one for good. */
  readonly serve: (connection: Socket | PassedOn) => void
  readonly closed: (connection: QuickConnection) => void
}

export class QuickConnection {
  readonly #socket: Socket
  readonly #needs: QuickConnectionNeeds
  #inner: PassedOn | undefined
  /** What was passed on has no answer yet. */
  #busy = false
  /** Of a request that is not here wholly, or of requests behind the one that is answered now. */
  #rest: Buffer | undefined
  #pieces = 0
  #stopWaiting: (() => void) | undefined
  #heard = false
  /** To become node's. */
  #givenUp = false

  constructor(socket: Socket, needs: QuickConnectionNeeds) {
    this.#socket = socket
    this.#needs = needs
    // Silence from the start is node's to answer; later it is the end of the connection.
    socket.setTimeout(HEADER_ARRIVAL_TIMEOUT_MS)
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('timeout', this.#onTimeout)
    socket.on('close', this.#onClose)
    socket.on('error', ignore)
  }

  /** Ends it when nothing is asked just now; otherwise the next answer is the last one. */
  leave(): void {
    if (!this.#busy && !this.#givenUp && this.#rest === undefined) this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#heard) {
      this.#heard = true
      this.#socket.setTimeout(KEEP_ALIVE_TIMEOUT_MS)
    }
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    if (this.#busy) this.#behind(bytes)
    else this.#take(bytes)
  }

  /** Requests behind one whose answer is awaited: no more of them are read before it is answered. */
  #behind(bytes: Buffer): void {
    this.#rest = bytes
    this.#socket.pause()
  }

  #take(bytes: Buffer): void {
    let at = 0
    let answers = ''
    // Text of ASCII alone is written as it lies in memory.
    let encoding: BufferEncoding = 'latin1'
    while (at < bytes.length) {
      const head = readHead(bytes, at)
      if (head === 'incomplete' && bytes.length - at <= HEADER_BYTES_MAX) break
      if (typeof head === 'string' || head.bytes > HEADER_BYTES_MAX || head.bodyBytes > QUICK_BODY_BYTES_MAX) {
        this.#write(answers, encoding)
        this.#handOver(bytes.subarray(at))
        return
      }
      const end = at + head.bytes + head.bodyBytes
      if (end > bytes.length) break
      const answer = this.#needs.answer(head, bytes.subarray(at + head.bytes, end))
      if (answer === undefined) {
        this.#write(answers, encoding)
        this.#passOn(bytes.subarray(at, end), bytes.subarray(end))
        return
      }
      const last = head.last || this.#needs.leaving(this.#socket)
      answers += this.#needs.response(answer, last)
      if (answer.bytes !== answer.json.length) encoding = 'utf8'
      at = end
      if (last) {
        this.#write(answers, encoding)
        this.#socket.destroySoon()
        return
      }
    }
    this.#write(answers, encoding)
    if (at > 0) this.#waitNoMore()
    this.#wait(bytes.subarray(at))
  }

  /** One write, however many were answered: who does not read what was answered is not heard until it has. */
  #write(answers: string, encoding: BufferEncoding): void {
    if (answers !== '' && !this.#socket.write(answers, encoding)) this.#socket.pause()
  }

  readonly #onDrain = (): void => {
    if (this.#givenUp) this.#serve()
    else if (!this.#busy) this.#socket.resume()
  }

  /** Keeps what is not a whole request yet. */
  #wait(rest: Buffer): void {
    if (rest.length === 0) return
    this.#rest = rest
    this.#pieces += 1
    this.#stopWaiting ??= this.#needs.clock.after(QUICK_PATIENCE_MS, () => this.#handOver(this.#rest))
    // Each piece costs looking at all of it again.
    if (this.#pieces > QUICK_PIECES_MAX) this.#handOver(rest)
  }

  #waitNoMore(): void {
    this.#rest = undefined
    this.#pieces = 0
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
  }

  #passOn(request: Buffer, behind: Buffer): void {
    this.#waitNoMore()
    this.#busy = true
    if (behind.length > 0) this.#behind(behind)
    this.#innerConnection().push(request)
  }

  #innerConnection(): PassedOn {
    if (this.#inner === undefined) {
      this.#inner = new PassedOn(this.#socket, { answered: () => this.#answered(), gone: () => this.#innerGone() })
      this.#needs.serve(this.#inner)
    }
    return this.#inner
  }

  /** What was passed on is answered. */
  #answered(): void {
    this.#busy = false
    if (this.#socket.destroyed || this.#inner?.writableEnded === true) return
    const rest = this.#rest
    this.#waitNoMore()
    if (rest !== undefined) this.#take(rest)
    if (!this.#busy && !this.#givenUp && !this.#socket.writableNeedDrain) this.#socket.resume()
  }

  /** node ended the inner one, as it does with idle ones when it closes: only what it still owed ends the whole connection. */
  #innerGone(): void {
    this.#inner = undefined
    if (this.#busy) this.#socket.destroy()
  }

  /** Everything from here on is node's, once what was answered is on its way: a parser that has to wait for that from the start breaks over TLS. */
  #handOver(rest: Buffer | undefined): void {
    const socket = this.#socket
    this.#waitNoMore()
    if (socket.destroyed || socket.readableEnded) return
    this.#givenUp = true
    this.#inner?.leave()
    socket.off('data', this.#onData)
    socket.pause()
    if (rest !== undefined) socket.unshift(rest)
    if (!socket.writableNeedDrain) this.#serve()
  }

  #serve(): void {
    const socket = this.#socket
    this.#forget()
    socket.off('error', ignore)
    socket.setTimeout(0)
    this.#needs.serve(socket)
    socket.resume()
  }

  readonly #onEnd = (): void => {
    this.#stopWaiting?.()
    if (!this.#busy && this.#rest === undefined) {
      this.#socket.end()
      return
    }
    // Half a request is answered by who would have answered the whole one.
    const inner = this.#innerConnection()
    if (!this.#busy) inner.push(this.#rest)
    inner.push(null)
  }

  readonly #onTimeout = (): void => {
    if (!this.#heard) this.#handOver(undefined)
    else if (!this.#busy && this.#rest === undefined) this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#forget()
    this.#inner?.destroy()
  }

  #forget(): void {
    this.#stopWaiting?.()
    this.#socket.off('data', this.#onData)
    this.#socket.off('drain', this.#onDrain)
    this.#socket.off('end', this.#onEnd)
    this.#socket.off('timeout', this.#onTimeout)
    this.#socket.off('close', this.#onClose)
    this.#needs.closed(this)
  }
}

/** A broken connection is closed by node itself. */
function ignore(): void {}
