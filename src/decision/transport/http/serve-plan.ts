/** Streams a plan as lines of JSON, no faster than its reader reads. What is no plan, an error after the first line, is the last line. Floor 5. */
import { abortable } from '../../../access/abortable.ts'
import { PLAN_TIMEOUT_MS } from '../../../model/policy-limits.ts'
import { CallEnd } from '../../../wire/call.ts'
import { errorMessage } from '../../../wire/error-message.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { httpForm } from '../../translate/wire-form.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { PlanOperation } from '../release-operations.ts'
import { receiving } from './receive.ts'
import type { Route } from './route.ts'
import { opening, type Serve, type ServeNeeds } from './serve.ts'
import { drained, endWith, streamHeaders } from './streamed.ts'

export const LINES_TYPE = 'application/x-ndjson'

export function servePlan(route: Route, operation: PlanOperation, streams: OpenStreams, needs: ServeNeeds): Serve {
  const receive = receiving(route, needs.authentication)

  return (request, response, params) => {
    const { requestId, startedMs, trace, ended, failed } = opening(route, needs, request, response)
    try {
      needs.admission.enter()
    } catch (fault) {
      failed(fault)
      return
    }
    const end = new CallEnd(PLAN_TIMEOUT_MS)
    const over = streams.add(end)
    response.on('close', () => end.cancel())
    const work = (async () => {
      const { caller, plain } = await receive(request, params, end.signal)
      const call = { caller, requestId, signal: end.signal, receivedMs: startedMs, trace }
      for await (const { kind, fields } of operation(plain, call, httpForm)) {
        end.signal.throwIfAborted()
        // Only now: what fails before its first event is answered as any request is.
        if (!response.headersSent) response.writeHead(200, streamHeaders(LINES_TYPE, requestId))
        if (!response.write(line({ event: kind, ...fields }))) await drained(response, end.signal)
      }
    })().finally(() => needs.admission.leave())
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
        endWith(response, line({ event: 'error', title: known.row.title, ...errorMessage(fault) }))
        ended(known.code)
      })
      .finally(() => {
        end.done()
        over()
      })
  }
}

function line(message: object): string {
  return `${JSON.stringify(message)}\n`
}
