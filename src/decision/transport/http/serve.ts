/** One HTTP request of a route with one answer: admit, receive, operate, answer. Plain node:http, so that it runs before express and behind it. Floor 5. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { abortable } from '../../../access/abortable.ts'
import { CallEnd } from '../../../wire/call.ts'
import type { Message } from '../../../wire/error-message.ts'
import { knownError } from '../../../wire/error-table.ts'
import { singleHeader } from '../../../wire/http/header.ts'
import { writeAnswer, writeProblem } from '../../../wire/http/problem.ts'
import type { ConnectionHeaders } from '../../../wire/http/server.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { requestIdOf } from '../../../wire/request-id.ts'
import { traceOf } from '../../../wire/trace-context.ts'
import { httpForm } from '../../translate/wire-form.ts'
import { LONG_OPERATIONS_MS } from '../release-operations.ts'
import type { OperationName, Operations, WireNeeds } from '../wire-needs.ts'
import { receiving } from './receive.ts'
import type { Route } from './route.ts'

export type Serve = (request: IncomingMessage, response: ServerResponse, params: Readonly<Record<string, unknown>>) => void

export interface ServeNeeds extends WireNeeds {
  readonly operations: Operations
  readonly connectionHeaders: ConnectionHeaders
}

export function serveRoute(route: Route & { readonly operation: OperationName }, needs: ServeNeeds): Serve {
  const operation = needs.operations[route.operation]
  const receive = receiving(route, needs.authentication)
  const timeoutMs = LONG_OPERATIONS_MS[route.operation]

  return (request, response, params) => {
    const { requestId, startedMs, trace, headers, run, ended, failed } = opening(route, needs, request, response)
    try {
      needs.admission.enter()
    } catch (fault) {
      failed(fault)
      return
    }
    const end = new CallEnd(timeoutMs)
    response.on('close', () => end.cancel())
    const work = run(async () => {
      const { caller, plain } = await receive(request, params, end.signal)
      return operation(plain, { caller, requestId, signal: end.signal, receivedMs: startedMs, trace }, httpForm)
    }).finally(() => needs.admission.leave())
    abortable(work, end.signal)
      .then((answer) => {
        end.done()
        succeeded(answer, request, response, requestId, headers())
        ended('ok')
      })
      .catch((fault) => {
        end.done()
        failed(fault)
      })
  }

  function succeeded(
    answer: Message,
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    headers: Readonly<Record<string, string>>,
  ): void {
    if (route.etag === true) {
      const etag = etagOf(answer)
      const tagged = { ...headers, etag, 'cache-control': 'private, no-cache' }
      if (matches(request.headers['if-none-match'], etag)) writeAnswer(request, response, 304, '', requestId, tagged)
      else writeAnswer(request, response, 200, JSON.stringify(answer), requestId, tagged)
      return
    }
    const made = route.creates === true && answer['changed'] !== false
    writeAnswer(
      request,
      response,
      made ? 201 : 200,
      JSON.stringify(route.creates === true ? identified(answer) : answer),
      requestId,
      headers,
    )
  }
}

/** What every request has, whatever becomes of it. */
export function opening(route: Route, needs: ServeNeeds, request: IncomingMessage, response: ServerResponse) {
  const startedMs = needs.clock.monotonicMs()
  const requestId = requestIdOf(singleHeader(request, 'x-request-id'), needs.random)
  const incoming = traceOf(singleHeader(request, 'traceparent'), () => request.headers['tracestate']?.toString())
  const span = needs.spans?.begin('http', route.operation, incoming)
  const headers = (): Readonly<Record<string, string>> => {
    const connection = needs.connectionHeaders(request)
    return span?.response === undefined ? connection : { ...connection, traceresponse: span.response }
  }
  const ended = (code: string, fault = false) => {
    needs.metrics.ended('http', route.operation, code, (needs.clock.monotonicMs() - startedMs) / 1000)
    span?.ended(code, fault)
  }
  return {
    requestId,
    startedMs,
    trace: span === undefined ? incoming : span.trace,
    /** Of the answer: of the connection, and of the trace. */
    headers,
    run: span?.run ?? untraced,
    /** @param code `ok` or an ErrorCode */
    ended,
    /** Answers with a problem, unless an answer has begun. */
    failed(fault: unknown): void {
      const known = knownError(fault)
      logFault(needs.log, known, { wire: 'http', method: route.operation, requestId })
      // A body that did not arrive in time is its sender's delay, not ours.
      const late = known.code === 'deadline_exceeded' && !request.complete
      writeProblem(request, response, known, requestId, headers(), late ? 408 : known.row.http)
      ended(known.code, known.row.http >= 500)
    },
  }
}

function untraced<T>(work: () => T): T {
  return work()
}

/** A new assignment's id stands at the top too, where a script finds it without knowing records. */
function identified(answer: Message): Message {
  const assignment = answer['assignment'] as Message | undefined
  return assignment !== undefined ? { id: assignment['id'], ...answer } : answer
}

/** Weak: the position is left out, since a change elsewhere raises it without changing what this user may do. */
function etagOf(answer: Message): string {
  const { position: _position, ...content } = answer
  return `W/"${createHash('sha256').update(JSON.stringify(content)).digest('base64url')}"`
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const weak = (tag: string) => tag.trim().replace(/^W\//, '')
  return header.trim() === '*' || header.split(',').some((tag) => weak(tag) === weak(etag))
}
