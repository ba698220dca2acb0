/** The hot routes' short way: a request that is here wholly, from who is known, about who is in memory, is answered in this turn of the event loop. Floor 5. */
import type { IncomingMessage } from 'node:http'
import type { Decision } from '../../../model/decision.ts'
import type { Arrival } from '../../../wire/call.ts'
import { singleHeader } from '../../../wire/http/header.ts'
import { writeJson } from '../../../wire/http/write-json.ts'
import { parseJsonBody } from '../../../wire/json-body.ts'
import { requestIdOf } from '../../../wire/request-id.ts'
import { traceOf } from '../../../wire/trace-context.ts'
import { permissionsMessage, resultMessage } from '../../translate/decision-answers.ts'
import { decisionJson } from '../../translate/decision-json.ts'
import { parseBatch, parseCheck, parsePermissions } from '../../translate/decision-requests.ts'
import { httpForm } from '../../translate/wire-form.ts'
import type { QuickDecisions } from '../quick-decisions.ts'
import type { Serve, ServeNeeds } from './serve.ts'

type Plain = Readonly<Record<string, unknown>>
/** JSON of the answer; `undefined`: not to be answered at once. */
type Answer = (plain: Plain, arrival: Arrival) => string | undefined
export type QuickRoute = 'Check' | 'BatchCheck' | 'CheckPermissions'

/** @param whole serves what is not answered here, faults included: so each is told in one place */
export function serveQuick(operation: QuickRoute, quick: QuickDecisions, needs: ServeNeeds, whole: Serve): Serve {
  const { clock, random, metrics, connectionHeaders } = needs
  const answer = answering(operation, quick)

  const serve: Serve = (request, response, params) => {
    const receivedMs = clock.monotonicMs()
    const caller = isOrdinary(request) ? quick.caller(singleHeader(request, 'authorization')) : undefined
    const body = caller === undefined ? null : (request.read() as Buffer | null)
    if (caller === undefined || body === null) {
      whole(request, response, params)
      return
    }
    const requestId = requestIdOf(singleHeader(request, 'x-request-id'), random)
    const trace = traceOf(singleHeader(request, 'traceparent'), () => request.headers['tracestate']?.toString())
    const json = unlessFaulty(answer, body, { caller, requestId, receivedMs, trace })
    if (json === undefined) {
      // As if it had not been looked at: its end was not told yet.
      request.unshift(body)
      whole(request, response, params)
      return
    }
    writeJson(response, json, requestId, connectionHeaders(request))
    metrics.ended('http', operation, 'ok', (clock.monotonicMs() - receivedMs) / 1_000)
  }
  // The body of a small request comes with its header, and node has taken it in when this runs.
  return (request, response, params) => process.nextTick(serve, request, response, params)
}

/** All of its body is here, and it is of the one form that nearly all have: whatever is unusual is judged by the whole way. */
function isOrdinary({ headers, readableLength }: IncomingMessage): boolean {
  return (
    headers['content-type'] === 'application/json' &&
    headers['content-encoding'] === undefined &&
    Number(headers['content-length']) === readableLength &&
    // Reading nothing would be hearing the end, which nobody hears twice.
    readableLength > 0
  )
}

function answering(operation: QuickRoute, quick: QuickDecisions): Answer {
  switch (operation) {
    case 'Check':
      return (plain, arrival) => {
        const decision = quick.check(parseCheck(plain), arrival)
        return decision && decisionJson(decision)
      }
    case 'BatchCheck':
      return (plain, arrival) => {
        const results = quick.batch(parseBatch(plain), arrival)
        return results && `{"items":[${results.map(resultJson).join(',')}]}`
      }
    case 'CheckPermissions':
      return (plain, arrival) => {
        const answer = quick.permissions(parsePermissions(plain), arrival)
        return answer && JSON.stringify(permissionsMessage(answer))
      }
  }
}

function unlessFaulty(answer: Answer, body: Buffer, arrival: Arrival): string | undefined {
  try {
    return answer(parseJsonBody(body), arrival)
  } catch {
    // Of what is refused nothing was decided: the whole way says what is wrong.
    return undefined
  }
}

function resultJson(result: Decision | Error): string {
  return result instanceof Error ? JSON.stringify(resultMessage(result, httpForm)) : `{"decision":${decisionJson(result)}}`
}
