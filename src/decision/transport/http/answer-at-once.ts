/** The hot routes' short way: a question that is here wholly, from who is known, about who is in memory, is answered in this turn of the event loop. Floor 5. */
import type { Decision } from '../../../model/decision.ts'
import type { Arrival } from '../../../wire/call.ts'
import type { OrdinaryHead } from '../../../wire/http/quick/ordinary-request.ts'
import type { QuickAnswer } from '../../../wire/http/quick/quick-response.ts'
import { parseJsonBody } from '../../../wire/json-body.ts'
import { requestIdOf } from '../../../wire/request-id.ts'
import { traceOf } from '../../../wire/trace-context.ts'
import { permissionsMessage, resultMessage } from '../../translate/decision-answers.ts'
import { decisionJson } from '../../translate/decision-json.ts'
import { parseBatch, parseCheck, parsePermissions } from '../../translate/decision-requests.ts'
import { httpForm } from '../../translate/wire-form.ts'
import type { QuickDecisions } from '../quick-decisions.ts'
import type { WireNeeds } from '../wire-needs.ts'
import { DECISION_ROUTES } from './decision-routes.ts'

type Plain = Readonly<Record<string, unknown>>
/** JSON of the answer; `undefined`: not to be answered at once. */
type Answer = (plain: Plain, arrival: Arrival) => string | undefined
interface HotRoute {
  readonly operation: HotOperation
  readonly answer: Answer
}
export type HotOperation = 'Check' | 'BatchCheck' | 'CheckPermissions'

/** What is not answered, faults included, is the whole way's: so each is told in one place. */
export function answeringAtOnce(
  quick: QuickDecisions,
  { clock, random, metrics }: Pick<WireNeeds, 'clock' | 'random' | 'metrics'>,
): (head: OrdinaryHead, body: Buffer) => QuickAnswer | undefined {
  const hot = new Map<string, HotRoute>(
    DECISION_ROUTES.filter((route) => route.hot === true).map(({ path, operation }) => [
      path,
      { operation: operation as HotOperation, answer: answering(operation as HotOperation, quick) },
    ]),
  )
  return (head, body) => {
    const route = head.method === 'POST' && head.contentType === 'application/json' ? hot.get(head.path) : undefined
    if (route === undefined) return undefined
    const receivedMs = clock.monotonicMs()
    const caller = quick.caller(head.authorization)
    if (caller === undefined) return undefined
    const requestId = requestIdOf(head.requestId, random)
    const trace = traceOf(head.traceparent, () => head.tracestate)
    const json = unlessFaulty(route.answer, body, { caller, requestId, receivedMs, trace })
    if (json === undefined) return undefined
    metrics.ended('http', route.operation, 'ok', (clock.monotonicMs() - receivedMs) / 1_000)
    return { json, bytes: Buffer.byteLength(json), requestId }
  }
}

function answering(operation: HotOperation, quick: QuickDecisions): Answer {
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
