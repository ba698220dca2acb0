/** Decisions as a stream of gRPC messages, no faster than their client reads, for as long as its key is good. Never ends with OK: it has no end of its own. Floor 5. */
import type { ServerWritableStream } from '@grpc/grpc-js'
import { abortable } from '../../../access/abortable.ts'
import { LIVE_READER_WAIT_MS_MAX } from '../../../model/observation-limits.ts'
import { CallEnd } from '../../../wire/call.ts'
import type { Message } from '../../../wire/error-message.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { plainRequest } from '../../translate/grpc-message.ts'
import { grpcForm } from '../../translate/wire-form.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { WatchOperation } from '../watch-operation.ts'
import type { WireNeeds } from '../wire-needs.ts'
import type { Decoded, Definitions } from './definitions.ts'
import { faultOf } from './status.ts'
import { callerOf, echoedRequestId, grpcTrace, messageOf } from './unary.ts'

type Stream = ServerWritableStream<Decoded, object>
const METHOD = 'WatchDecisions'

export function watchStream(operation: WatchOperation, streams: OpenStreams, needs: WireNeeds, definitions: Definitions) {
  return (stream: Stream): void => {
    if (stream.cancelled) return
    const startedMs = needs.clock.monotonicMs()
    const requestId = echoedRequestId(stream, needs)
    const failed = (fault: unknown) => {
      const known = knownError(fault)
      logFault(needs.log, known, { wire: 'grpc', method: METHOD, requestId })
      needs.metrics.ended('grpc', METHOD, known.code, (needs.clock.monotonicMs() - startedMs) / 1000)
      // The library sends what waits, and then this as its status.
      stream.emit('error', Object.assign(new Error(known.error.publicMessage), faultOf(known, definitions)))
    }
    try {
      // To begin asks the database; a stream that is open asks nobody, so it holds no place.
      needs.admission.enter()
    } catch (fault) {
      failed(fault)
      return
    }
    let beginning = true
    const begun = () => {
      if (beginning) needs.admission.leave()
      beginning = false
    }
    const end = new CallEnd('endless')
    const over = streams.add(end)
    stream.on('cancelled', () => end.cancel())
    const again = () => callerOf(stream.metadata, needs)
    const work = (async () => {
      const caller = await again()
      end.signal.throwIfAborted()
      const call = { caller, requestId, signal: end.signal, receivedMs: startedMs, trace: grpcTrace(stream.metadata) }
      for await (const messages of operation(plainRequest(messageOf(stream.request)), call, again, grpcForm)) {
        end.signal.throwIfAborted()
        begun()
        const patience = needs.clock.after(LIVE_READER_WAIT_MS_MAX, () => end.giveUp())
        await taken(stream, messages, end.signal).finally(patience)
      }
    })().finally(begun)
    abortable(work, end.signal)
      .catch(failed)
      .finally(() => {
        end.done()
        over()
      })
  }
}

/** All of a step before the next one: the library would hold more before it said that its client is behind. @throws the signal's reason */
export async function taken(
  stream: Pick<Stream, 'write'>,
  messages: readonly { readonly kind: string; readonly fields: Message }[],
  signal: AbortSignal,
): Promise<void> {
  const written = messages.map(({ kind, fields }) => new Promise<void>((resolve) => stream.write({ [kind]: fields }, () => resolve())))
  await abortable(
    Promise.all(written).then(() => undefined),
    signal,
  )
}
