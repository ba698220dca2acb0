/** One gRPC call with one answer: admit, authenticate, operate, answer. No interceptors: each would cost a tenth of a check. Floor 5. */
import { type handleUnaryCall, Metadata, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { abortable } from '../../../access/abortable.ts'
import type { Caller } from '../../../model/caller.ts'
import type { TraceRef } from '../../../model/decision-record.ts'
import { RequestError, UnauthenticatedError } from '../../../model/error-code.ts'
import { CallEnd } from '../../../wire/call.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { requestIdOf } from '../../../wire/request-id.ts'
import { traceOf } from '../../../wire/trace-context.ts'
import { grpcForm } from '../../translate/wire-form.ts'
import type { Operation } from '../decision-operations.ts'
import { LONG_OPERATIONS_MS } from '../release-operations.ts'
import type { WireNeeds } from '../wire-needs.ts'
import { FRAME_BYTES } from './codec/answer-bytes.ts'
import type { Decoded, Definitions } from './definitions.ts'
import type { QuickAnswers, QuickMethod } from './quick-answers.ts'
import { faultOf } from './status.ts'

export type Plain = Readonly<Record<string, unknown>>

export function unary(
  method: string,
  operation: Operation,
  toPlain: (message: Plain) => Plain,
  needs: WireNeeds,
  definitions: Definitions,
  quick?: QuickAnswers,
): handleUnaryCall<Decoded, object> {
  return (call: ServerUnaryCall<Decoded, object>, callback: sendUnaryData<object>) => {
    if (call.cancelled) return
    const startedMs = needs.clock.monotonicMs()
    const requestId = echoedRequestId(call, needs)
    const incoming = grpcTrace(call.metadata)
    const span = needs.spans?.begin('grpc', method, incoming)
    const ended = (code: string, fault: boolean) => {
      needs.metrics.ended('grpc', method, code, (needs.clock.monotonicMs() - startedMs) / 1000)
      span?.ended(code, fault)
    }
    const failed = (fault: unknown) => {
      const known = knownError(fault)
      logFault(needs.log, known, { wire: 'grpc', method, requestId })
      ended(known.code, known.row.http >= 500)
      const answered = faultOf(known, definitions)
      if (span?.response !== undefined) answered.metadata?.set(TRACE_RESPONSE, span.response)
      callback(answered)
    }
    const answer = quick && quickAnswer(quick, method as QuickMethod, call, requestId, startedMs, incoming)
    if (answer !== undefined) {
      callback(null, answer)
      ended('ok', false)
      return
    }
    try {
      needs.admission.enter()
    } catch (fault) {
      failed(fault)
      return
    }
    const end = new CallEnd(LONG_OPERATIONS_MS[method])
    call.on('cancelled', () => end.cancel())
    const operate = async () => {
      const caller = await callerOf(call.metadata, needs)
      end.signal.throwIfAborted()
      return operation(
        toPlain(messageOf(call.request)),
        { caller, requestId, signal: end.signal, receivedMs: startedMs, trace: span === undefined ? incoming : span.trace },
        grpcForm,
      )
    }
    const work = (span === undefined ? operate() : span.run(operate)).finally(() => needs.admission.leave())
    abortable(work, end.signal)
      .then((answer) => {
        if (span?.response === undefined) callback(null, answer)
        else callback(null, answer, trailerOf(span.response))
        ended('ok', false)
      }, failed)
      .finally(() => end.done())
  }
}

function quickAnswer(
  quick: QuickAnswers,
  method: QuickMethod,
  { request, metadata }: ServerUnaryCall<Decoded, object>,
  requestId: string,
  receivedMs: number,
  trace: TraceRef | undefined,
): Buffer | undefined {
  const values = metadata.get('authorization')
  if (values.length !== 1 || request.bytes === undefined) return undefined
  return quick.answer(method, request.bytes, { authorization: values[0]?.toString(), requestId, receivedMs, trace })?.subarray(FRAME_BYTES)
}

/**
 * Of repeated `authorization` fields node's HTTP/2 keeps the first and drops the rest before grpc-js sees them, so on gRPC the first counts:
 * a proxy must replace the field, never append a second one.
 */
export async function callerOf(metadata: Metadata, needs: WireNeeds): Promise<Caller> {
  const values = metadata.get('authorization')
  if (values.length > 1) throw new UnauthenticatedError('authorization was sent more than once')
  return needs.authentication.authenticate(values[0]?.toString())
}

export function grpcTrace(metadata: Metadata): TraceRef | undefined {
  return traceOf(metadata.get('traceparent')[0]?.toString(), () => metadata.get('tracestate').join(','))
}

const TRACE_RESPONSE = 'traceresponse'

/** In the trailers: the first metadata may have gone already. */
function trailerOf(traceResponse: string): Metadata {
  const trailer = new Metadata()
  trailer.set(TRACE_RESPONSE, traceResponse)
  return trailer
}

/** @throws RequestError for bytes that are no message */
export function messageOf(request: Decoded): Plain {
  if (request.message === undefined) throw new RequestError([{ field: 'body', message: 'is not a message of this method' }])
  return request.message
}

/** Says the id back in the first metadata, if the caller gave one: only then can it mean something to anybody. */
export function echoedRequestId(call: Pick<ServerUnaryCall<Decoded, object>, 'metadata' | 'sendMetadata'>, needs: WireNeeds): string {
  const given = call.metadata.get('x-request-id')[0]?.toString()
  const requestId = requestIdOf(given, needs.random)
  if (given !== undefined) {
    const metadata = new Metadata()
    metadata.set('x-request-id', requestId)
    call.sendMetadata(metadata)
  }
  return requestId
}
