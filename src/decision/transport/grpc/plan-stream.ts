/** One plan as a stream of gRPC messages, no faster than its client reads. Ends with OK only after the plan's end. Floor 5. */
import type { ServerWritableStream } from '@grpc/grpc-js'
import { abortable } from '../../../access/abortable.ts'
import { PLAN_TIMEOUT_MS } from '../../../model/policy-limits.ts'
import { CallEnd } from '../../../wire/call.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { plainRequest } from '../../translate/grpc-message.ts'
import { grpcForm } from '../../translate/wire-form.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { PlanOperation } from '../release-operations.ts'
import type { WireNeeds } from '../wire-needs.ts'
import type { Decoded, Definitions } from './definitions.ts'
import { faultOf } from './status.ts'
import { callerOf, echoedRequestId, grpcTrace, messageOf } from './unary.ts'

type Stream = ServerWritableStream<Decoded, object>
const METHOD = 'PlanPolicy'

export function planStream(operation: PlanOperation, streams: OpenStreams, needs: WireNeeds, definitions: Definitions) {
  return (stream: Stream): void => {
    if (stream.cancelled) return
    const startedMs = needs.clock.monotonicMs()
    const requestId = echoedRequestId(stream, needs)
    const ended = (code: string) => needs.metrics.ended('grpc', METHOD, code, (needs.clock.monotonicMs() - startedMs) / 1000)
    const failed = (fault: unknown) => {
      const known = knownError(fault)
      logFault(needs.log, known, { wire: 'grpc', method: METHOD, requestId })
      ended(known.code)
      // The library sends what waits, and then this as its status.
      stream.emit('error', Object.assign(new Error(known.error.publicMessage), faultOf(known, definitions)))
    }
    try {
      needs.admission.enter()
    } catch (fault) {
      failed(fault)
      return
    }
    const end = new CallEnd(PLAN_TIMEOUT_MS)
    const over = streams.add(end)
    stream.on('cancelled', () => end.cancel())
    const work = (async () => {
      const caller = await callerOf(stream.metadata, needs)
      end.signal.throwIfAborted()
      const plain = plainRequest(messageOf(stream.request))
      const call = { caller, requestId, signal: end.signal, receivedMs: startedMs, trace: grpcTrace(stream.metadata) }
      for await (const { kind, fields } of operation(plain, call, grpcForm)) {
        end.signal.throwIfAborted()
        await taken(stream, { [kind]: fields }, end.signal)
      }
    })().finally(() => needs.admission.leave())
    abortable(work, end.signal)
      .then(() => {
        stream.end()
        ended('ok')
      })
      .catch(failed)
      .finally(() => {
        end.done()
        over()
      })
  }
}

/** One message at a time: the library would hold sixteen of them before it said that its client is behind. @throws the signal's reason */
async function taken(stream: Stream, message: object, signal: AbortSignal): Promise<void> {
  await abortable(new Promise<void>((resolve) => stream.write(message, () => resolve())), signal)
}
