/** Who sends one HTTP request, and what it says: authenticate, read, authenticate again. Operates nothing. Floor 5. */
import type { IncomingMessage } from 'node:http'
import { requireAllTenants, requireOneScope } from '../../../access/guard.ts'
import type { Caller } from '../../../model/caller.ts'
import { REQUEST_ARRIVAL_TIMEOUT_MS } from '../../../model/limits.ts'
import type { Authentication } from '../../../wire/authentication.ts'
import { CallEnd } from '../../../wire/call.ts'
import { singleHeader } from '../../../wire/http/header.ts'
import { type RequestShape, readPlain } from '../../../wire/http/plain-request.ts'
import { hasBody } from '../../../wire/http/problem.ts'
import { otherFields, pathFields, type Route } from './route.ts'

export interface Received {
  readonly caller: Caller
  readonly plain: Readonly<Record<string, unknown>>
}

export type Receive = (request: IncomingMessage, params: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<Received>

/** @throws UnauthenticatedError; CallerDeniedError before a large body is read; as readPlain; the signal's reason */
export function receiving(route: Route, authentication: Authentication): Receive {
  const shape: RequestShape = { ...route, inPath: pathFields(route), elsewhere: otherFields(route) }
  const large = route.bodyBytesMax !== undefined
  return async (request, params, signal) => {
    const authorization = singleHeader(request, 'authorization')
    // Before the body: nobody unknown has one read, and nobody a large one who may not send it.
    const early = await authentication.authenticate(authorization)
    if (large) {
      requireOneScope(early, route.scopes)
      requireAllTenants(early)
    }
    const plain = await (large ? arriving(request, params, signal) : readPlain(shape, request, params, signal))
    // The sender decides when its body is over, and may have lost its key since: it operates as who it is now.
    const caller = hasBody(request) ? await authentication.authenticate(authorization) : early
    signal.throwIfAborted()
    return { caller, plain }
  }

  /** What may take long to answer may not take long to arrive. */
  async function arriving(request: IncomingMessage, params: Readonly<Record<string, unknown>>, signal: AbortSignal) {
    const arrival = new CallEnd(REQUEST_ARRIVAL_TIMEOUT_MS)
    try {
      return await readPlain(shape, request, params, AbortSignal.any([signal, arrival.signal]))
    } finally {
      arrival.done()
    }
  }
}
