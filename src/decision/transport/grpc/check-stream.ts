/** Pipelined checks on one call: bounded in flight, answered in any order, each item's error its own. Floor 5. */
import type { ServerDuplexStream } from '@grpc/grpc-js'
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
import type { Decoded, Definitions } from './definitions.ts'
import { faultOf } from './status.ts'
import { openStreamRooms, type StreamRoom, type StreamRooms } from './stream-room.ts'
import { callerOf, grpcTrace, messageOf, type Plain } from './unary.ts'

type Stream = ServerDuplexStream<Decoded, object>
const METHOD = 'CheckStream'

export interface CheckStreams {
  readonly handle: (stream: Stream) => void
  /** Open streams stop reading, answer what is under way and end with UNAVAILABLE: their client goes on elsewhere. */
  drain(): void
}

export function openCheckStreams(check: Operation, needs: WireNeeds, definitions: Definitions): CheckStreams {
  const open = new Set<CheckStream>()
  const rooms = openStreamRooms()
  return {
    handle(stream) {
      const handled = new CheckStream(stream, check, needs, definitions, rooms, () => open.delete(handled))
      open.add(handled)
      handled.start()
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
  #room: StreamRoom | undefined
  #writable = true
  #halfClosed = false
  #draining = false
  #over = false

  constructor(stream: Stream, check: Operation, needs: WireNeeds, definitions: Definitions, rooms: StreamRooms, onOver: () => void) {
    this.#stream = stream
    this.#check = check
    this.#needs = needs
    this.#definitions = definitions
    this.#rooms = rooms
    this.#onOver = onOver
    this.#trace = grpcTrace(stream.metadata)
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

  #take(request: Decoded): void {
    if (this.#over) return
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
