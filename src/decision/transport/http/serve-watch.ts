/** Streams decisions as server-sent events, no faster than their reader reads, for as long as its key is good. Replays nothing. Floor 5. */
import { abortable } from '../../../access/abortable.ts'
import { LIVE_READER_WAIT_MS_MAX, LIVE_RETRY_MS } from '../../../model/observation-limits.ts'
import { CallEnd } from '../../../wire/call.ts'
import { knownError } from '../../../wire/error-table.ts'
import { singleHeader } from '../../../wire/http/header.ts'
import { problemBody } from '../../../wire/http/problem.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { httpForm } from '../../translate/wire-form.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { WatchMessage, WatchOperation } from '../watch-operation.ts'
import { receiving } from './receive.ts'
import type { Route } from './route.ts'
import { opening, type Serve, type ServeNeeds } from './serve.ts'
import { drained, endWith, streamHeaders } from './streamed.ts'

export const EVENTS_TYPE = 'text/event-stream'
/** Proxies that compress gather first what they compress. */
const UNCOMPRESSED = { 'cache-control': 'no-store, no-transform' }

export function serveWatch(route: Route, operation: WatchOperation, streams: OpenStreams, needs: ServeNeeds): Serve {
  const receive = receiving(route, needs.authentication)

  return (request, response, params) => {
    const { requestId, startedMs, trace, ended, failed } = opening(route, needs, request, response)
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
    response.on('close', () => end.cancel())
    const work = (async () => {
      const { caller, plain } = await receive(request, params, end.signal)
      const call = { caller, requestId, signal: end.signal, receivedMs: startedMs, trace }
      const again = () => needs.authentication.authenticate(singleHeader(request, 'authorization'))
      for await (const messages of operation(plain, call, again, httpForm)) {
        end.signal.throwIfAborted()
        // Only now: what fails before its first event is answered as any request is.
        if (!response.headersSent) {
          begun()
          response.writeHead(200, { ...streamHeaders(EVENTS_TYPE, requestId), ...UNCOMPRESSED })
          if (request.method === 'HEAD') return
          response.write(`retry: ${LIVE_RETRY_MS}\n\n`)
        }
        if (response.write(messages.map(eventText).join(''))) continue
        const patience = needs.clock.after(LIVE_READER_WAIT_MS_MAX, () => end.giveUp())
        await drained(response, end.signal).finally(patience)
      }
    })().finally(begun)
    abortable(work, end.signal)
      .then(() => {
        response.end()
        ended('ok')
      })
      .catch((fault) => {
        if (!response.headersSent) {
          failed(fault)
          return
        }
        const known = knownError(fault)
        logFault(needs.log, known, { wire: 'http', method: route.operation, requestId })
        endWith(response, `event: error\ndata: ${problemBody(known, requestId)}\n\n`)
        ended(known.code)
      })
      .finally(() => {
        end.done()
        over()
      })
  }
}

/** JSON has no line ends of its own, so one line of data is all of it. */
function eventText({ kind, id, fields }: WatchMessage): string {
  return `event: ${kind}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(fields)}\n\n`
}
