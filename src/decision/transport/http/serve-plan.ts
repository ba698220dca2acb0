/** Streams a plan as lines of JSON, no faster than its reader reads. What is no plan, an error after the first line, is the last line. Floor 5. */
import type { ServerResponse } from 'node:http'
import { abortable } from '../../../access/abortable.ts'
import { PLAN_LAST_LINE_WAIT_MS, PLAN_TIMEOUT_MS } from '../../../model/limits.ts'
import { CallEnd } from '../../../wire/call.ts'
import { errorMessage } from '../../../wire/error-message.ts'
import { knownError } from '../../../wire/error-table.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { httpForm } from '../../translate/wire-form.ts'
import type { OpenPlans } from '../open-plans.ts'
import type { PlanOperation } from '../release-operations.ts'
import { receiving } from './receive.ts'
import type { Route } from './route.ts'
import { opening, type Serve, type ServeNeeds } from './serve.ts'

export const LINES_TYPE = 'application/x-ndjson'

export function servePlan(route: Route, operation: PlanOperation, plans: OpenPlans, needs: ServeNeeds): Serve {
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
    const over = plans.add(end)
    response.on('close', () => end.cancel())
    const work = (async () => {
      const { caller, plain } = await receive(request, params, end.signal)
      const call = { caller, requestId, signal: end.signal, receivedMs: startedMs, trace }
      for await (const { kind, fields } of operation(plain, call, httpForm)) {
        end.signal.throwIfAborted()
        // Only now: what fails before its first event is answered as any request is.
        if (!response.headersSent) response.writeHead(200, headersOf(requestId))
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

function headersOf(requestId: string): Readonly<Record<string, string>> {
  return {
    'content-type': LINES_TYPE,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    // Proxies that gather answers would keep progress to themselves.
    'x-accel-buffering': 'no',
    connection: 'close',
  }
}

/** @throws the signal's reason: a reader who has gone reads nothing any more */
async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  let resume: () => void = () => undefined
  try {
    await abortable(
      new Promise<void>((resolve) => {
        resume = resolve
        response.once('drain', resume)
      }),
      signal,
    )
  } finally {
    response.off('drain', resume)
  }
}

/** A reader who does not read would hold a connection for nothing: it is cut, and a body that is cut is an error too. */
function endWith(response: ServerResponse, last: string): void {
  if (response.destroyed) return
  const cut = setTimeout(() => response.destroy(), PLAN_LAST_LINE_WAIT_MS)
  response.on('close', () => clearTimeout(cut))
  response.end(last)
}
