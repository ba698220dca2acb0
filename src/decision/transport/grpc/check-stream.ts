/** Pipelined checks on one call: bounded in flight, answered in any order, each item's error its own. Floor 5. */
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js'
import { abortable } from '../../../access/abortable.ts'
import type { TraceRef } from '../../../model/decision-record.ts'
import { RequestError } from '../../../model/error-code.ts'
import { idFault } from '../../../model/ids.ts'
import { STREAM_IN_FLIGHT_MAX } from '../../../model/limits.ts'
import { CallEnd, StoppingError } from '../../../wire/call.ts'
import { errorMessage } from '../../../wire/error-message.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { within } from '../../../wire/violations.ts'
import { plainRequest } from '../../translate/grpc-message.ts'
import { grpcForm } from '../../translate/wire-form.ts'
import type { Operation } from '../decision-operations.ts'
import type { WireNeeds } from '../wire-needs.ts'
import { FRAME_BYTES } from './codec/answer-bytes.ts'
import type { Decoded, Definitions } from './definitions.ts'
import type { QuickAnswers } from './quick-answers.ts'
import { faultOf } from './status.ts'
import { openStreamRooms, type StreamRoom, type StreamRooms } from './stream-room.ts'
import { callerOf, grpcTrace, messageOf, type Plain } from './unary.ts'

type Stream = ServerDuplexStream<Decoded, object>
const METHOD = 'CheckStream'

/** A stream as the HTTP/2 server sees it: what is answered there takes no place, and waits for nothing. */
export interface QuickStream {
  /** The framed answer to one item's message, already counted; `undefined`: the item is to go the way of every other. */
  quick(message: Uint8Array): Buffer | undefined
}

export interface CheckStreams {
  readonly handle: (stream: Stream) => void
  /** The stream that is handed over during `work`, if one is. */
  handledDuring(work: () => void): QuickStream | undefined
  /** Open streams stop reading, answer what is under way and end with UNAVAILABLE: their client goes on elsewhere. */
  drain(): void
}

/** @param quick absent: every item waits for its answer */
export function openCheckStreams(check: Operation, needs: WireNeeds, definitions: Definitions, quick?: QuickAnswers): CheckStreams {
  const open = new Set<CheckStream>()
  const rooms = openStreamRooms()
  let last: CheckStream | undefined
  return {
    handle(stream) {
      const handled = new CheckStream(stream, check, needs, definitions, rooms, () => open.delete(handled), quick)
      open.add(handled)
      last = handled
      handled.start()
    },
    handledDuring(work) {
      last = undefined
      work()
      const handled = last
      last = undefined
      return handled
    },
    drain() {
      for (const stream of open) stream.drain()
    },
  }
}

class CheckStream {
  readonly #stream: Stream
  readonly #check: Operation
  readonly #needs: WireNeeds
  readonly #definitions: Definitions
  readonly #rooms: StreamRooms
  readonly #onOver: () => void
  readonly #underWay = new Map<string, CallEnd>()
  /** Of the whole stream: its items have no headers. */
  readonly #trace: TraceRef | undefined
  readonly #quick: QuickAnswers | undefined
  readonly #authorization: string | undefined
  readonly #isFree = (id: string) => !this.#underWay.has(id)
  #saidFirst = false
  #room: StreamRoom | undefined
  #writable = true
  #halfClosed = false
  #draining = false
  #over = false

  constructor(
    stream: Stream,
    check: Operation,
    needs: WireNeeds,
    definitions: Definitions,
    rooms: StreamRooms,
    onOver: () => void,
    quick: QuickAnswers | undefined,
  ) {
    this.#stream = stream
    this.#check = check
    this.#needs = needs
    this.#definitions = definitions
    this.#rooms = rooms
    this.#onOver = onOver
    this.#trace = grpcTrace(stream.metadata)
    this.#quick = quick
    const values = stream.metadata.get('authorization')
    this.#authorization = values.length === 1 ? values[0]?.toString() : undefined
  }

  start(): void {
    this.#stream.on('cancelled', () => this.#abandon())
    this.#stream.on('error', () => this.#abandon())
    this.#stream.on('drain', () => {
      this.#writable = true
      this.#continue()
    })
    this.#stream.on('end', () => {
      this.#halfClosed = true
      this.#continue()
    })
    try {
      // Whom it is asks the database, so it takes a place as any request does; an open stream with nothing under way holds none.
      this.#needs.admission.enter()
    } catch (fault) {
      this.#fail(fault)
      return
    }
    // Nobody unknown gets to send a single item.
    const known = callerOf(this.#stream.metadata, this.#needs).finally(() => this.#needs.admission.leave())
    known.then(
      () => {
        if (this.#over) return
        this.#room = this.#rooms.join(this.#stream.getPeer(), () => this.#continue())
        this.#stream.on('data', (request: Decoded) => this.#take(request))
        this.#continue()
      },
      (fault) => this.#fail(fault),
    )
  }

  drain(): void {
    this.#draining = true
    this.#continue()
  }

  quick(message: Uint8Array): Buffer | undefined {
    // Before its room nobody knows who it is; without a client that reads, what is answered would only pile up.
    if (this.#quick === undefined || this.#over || this.#draining || this.#room === undefined || !this.#writable) return undefined
    const receivedMs = this.#needs.clock.monotonicMs()
    const answer = this.#quick.streamed(message, { authorization: this.#authorization, receivedMs, trace: this.#trace }, this.#isFree)
    if (answer === undefined) return undefined
    this.#needs.metrics.ended('grpc', METHOD, 'ok', (this.#needs.clock.monotonicMs() - receivedMs) / 1000)
    if (!this.#saidFirst) this.#stream.sendMetadata(new Metadata())
    this.#saidFirst = true
    return answer
  }

  #take(request: Decoded): void {
    if (this.#over) return
    const answer = request.bytes && this.quick(request.bytes)
    if (answer !== undefined) {
      if (!this.#stream.write(answer.subarray(FRAME_BYTES))) {
        this.#writable = false
        this.#continue()
      }
      return
    }
    this.#takeSlowly(request)
  }

  #takeSlowly(request: Decoded): void {
    let id: string
    try {
      id = this.#idOf(messageOf(request))
      this.#needs.admission.enter()
    } catch (fault) {
      // Without an id of its own an answer has no address; a full house, though, is the item's own error.
      const sent = request.message?.['id']
      if (fault instanceof RequestError || typeof sent !== 'string') this.#fail(fault)
      else {
        this.#answer(sent, { error: errorMessage(fault) })
        this.#continue()
      }
      return
    }
    const startedMs = this.#needs.clock.monotonicMs()
    const span = this.#needs.spans?.begin('grpc', METHOD, this.#trace)
    const end = new CallEnd()
    this.#underWay.set(id, end)
    this.#room?.take()
    const decide = () => this.#decide(id, request.message ?? {}, end.signal, startedMs, span === undefined ? this.#trace : span.trace)
    const work = (span === undefined ? decide() : span.run(decide)).finally(() => {
      this.#needs.admission.leave()
      this.#room?.giveBack()
    })
    abortable(work, end.signal)
      .then(
        (decision) => {
          span?.ended('ok', false)
          this.#finished(id, { decision }, 'ok', startedMs)
        },
        (fault) => {
          const { code, row } = knownError(fault)
          span?.ended(code, row.http >= 500)
          this.#failedItem(id, fault, startedMs)
        },
      )
      .finally(() => end.done())
    this.#continue()
  }

  /** @throws RequestError when the item cannot be told from another unanswered one */
  #idOf(message: Plain): string {
    const id = message['id']
    const fault = typeof id === 'string' ? idFault(id) : 'is required'
    if (fault !== undefined) throw new RequestError([{ field: 'id', message: fault }])
    if (this.#underWay.has(id as string)) throw new RequestError([{ field: 'id', message: 'stands for an unanswered check already' }])
    return id as string
  }

  async #decide(id: string, message: Plain, signal: AbortSignal, receivedMs: number, trace: TraceRef | undefined): Promise<object> {
    // For every item: a key's revocation that was acknowledged is in force on open streams too.
    const caller = await callerOf(this.#stream.metadata, this.#needs)
    signal.throwIfAborted()
    try {
      const call = { caller, requestId: id, signal, receivedMs, trace }
      return await this.#check(plainRequest((message['check'] ?? {}) as Plain), call, grpcForm)
    } catch (fault) {
      throw within('check', fault)
    }
  }

  #failedItem(id: string, fault: unknown, startedMs: number): void {
    const known = knownError(fault)
    logFault(this.#needs.log, known, { wire: 'grpc', method: METHOD, requestId: id })
    if (known.code === 'unauthenticated') {
      this.#underWay.delete(id)
      this.#fail(fault)
    } else this.#finished(id, { error: errorMessage(fault) }, known.code, startedMs)
  }

  #finished(id: string, result: object, code: string, startedMs: number): void {
    this.#underWay.delete(id)
    this.#needs.metrics.ended('grpc', METHOD, code, (this.#needs.clock.monotonicMs() - startedMs) / 1000)
    this.#answer(id, result)
    this.#continue()
  }

  #answer(id: string, result: object): void {
    if (!this.#over && !this.#stream.write({ id, ...result })) this.#writable = false
  }

  /** Reads on, pauses or ends, by what is under way and by how fast the client reads. */
  #continue(): void {
    if (this.#over) return
    const idle = this.#underWay.size === 0
    if (idle && this.#halfClosed) this.#close(() => this.#stream.end())
    else if (idle && this.#draining) this.#fail(new StoppingError())
    else if (this.#draining || !this.#writable || this.#underWay.size >= STREAM_IN_FLIGHT_MAX || this.#room?.full() !== false)
      this.#stream.pause()
    else this.#stream.resume()
  }

  #fail(fault: unknown): void {
    const known = knownError(fault)
    logFault(this.#needs.log, known, { wire: 'grpc', method: METHOD, requestId: '' })
    this.#close(() => this.#stream.emit('error', Object.assign(new Error(known.error.publicMessage), faultOf(known, this.#definitions))))
  }

  #abandon(): void {
    this.#close(() => undefined)
  }

  #close(last: () => void): void {
    if (this.#over) return
    this.#over = true
    for (const end of this.#underWay.values()) end.cancel()
    this.#room?.leave()
    this.#onOver()
    last()
    // Whatever still arrives is read and dropped, so that the connection's window is not held.
    this.#stream.resume()
  }
}
