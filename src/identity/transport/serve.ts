/** One request of a route: admit, do the work, answer, or say in the route's own form what is wrong. Floor 5. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { abortable } from '../../access/abortable.ts'
import { RequestError } from '../../model/error-code.ts'
import { IDENTITY_BODY_BYTES_MAX, USER_AGENT_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import { CallEnd } from '../../wire/call.ts'
import { type KnownError, knownError } from '../../wire/error-table.ts'
import { singleHeader } from '../../wire/http/header.ts'
import { readPlain } from '../../wire/http/plain-request.ts'
import { PROBLEM_TYPE, problemBody, writeAnswer, writeProblem } from '../../wire/http/problem.ts'
import type { ConnectionHeaders } from '../../wire/http/server.ts'
import { logFault } from '../../wire/log-fault.ts'
import { requestIdOf } from '../../wire/request-id.ts'
import { parseWith } from '../../wire/violations.ts'
import { OAuthError, TenantRequiredError } from '../errors.ts'
import type { Visitor } from '../ports.ts'
import { clientAddress } from './client-address.ts'
import { bindingCookieOf } from './cookies.ts'
import { corsHeaders, type SiteNeeds } from './cross-site.ts'
import type { IdentityWireNeeds } from './needs.ts'
import { oauthFault } from './oauth-answer.ts'
import type { Exchange, IdentityRoute, Reply } from './route.ts'

export interface ServeNeeds extends IdentityWireNeeds {
  readonly sites: SiteNeeds
  readonly connectionHeaders: ConnectionHeaders
}

export type Serve = (request: IncomingMessage, response: ServerResponse, params: Readonly<Record<string, unknown>>) => void

const PERSON_TOKEN = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

export function serveRoute(route: IdentityRoute, needs: ServeNeeds): Serve {
  return (request, response, params) => {
    const startedMs = needs.clock.monotonicMs()
    const requestId = requestIdOf(singleHeader(request, 'x-request-id'), needs.random)
    const ended = (code: string) => needs.ended(route.name, code, (needs.clock.monotonicMs() - startedMs) / 1000)
    const end = new CallEnd()
    response.on('close', () => end.cancel())
    let cors: Readonly<Record<string, string>> = {}
    const failed = (fault: unknown) => {
      end.done()
      const known = fault instanceof OAuthError ? knownError(new RequestError([])) : knownError(fault)
      logFault(needs.log, known, { wire: 'identity', method: route.name, requestId })
      ended(writeFault(route, request, response, fault, known, requestId, { ...needs.connectionHeaders(request), ...cors }))
    }
    try {
      needs.admission.enter()
    } catch (fault) {
      failed(fault)
      return
    }
    const work = (async () => {
      cors = await corsHeaders(request, route.cors, needs.sites)
      return await route.serve(exchangeOf(route, request, params, requestId, end.signal, needs))
    })().finally(() => needs.admission.leave())
    abortable(work, end.signal)
      .then((reply) => {
        end.done()
        writeReply(request, response, reply, requestId, { ...needs.connectionHeaders(request), ...cors })
        ended('ok')
      })
      .catch(failed)
  }
}

function exchangeOf(
  route: IdentityRoute,
  request: IncomingMessage,
  params: Readonly<Record<string, unknown>>,
  requestId: string,
  signal: AbortSignal,
  needs: ServeNeeds,
): Exchange {
  const authorization = () => singleHeader(request, 'authorization')
  return {
    request,
    requestId,
    signal,
    visitor: visitorOf(request, requestId, needs.settings.trustProxyHops),
    input: async (schema) => {
      const inPath = Object.keys(params)
      const elsewhere = Object.keys(schema.shape).filter((name) => !inPath.includes(name))
      const shape = { ...route, bodyBytesMax: IDENTITY_BODY_BYTES_MAX, inPath, elsewhere }
      return parseWith(schema, await readPlain(shape, request, params, signal))
    },
    caller: () => needs.authentication.authenticate(authorization()),
    // What is no token at all is refused by the same judge, with the same words.
    person: () => needs.sessions.person(PERSON_TOKEN.exec(authorization() ?? '')?.[1] ?? ''),
  }
}

export function visitorOf(request: IncomingMessage, requestId: string, trustProxyHops: number): Visitor {
  return {
    address: clientAddress(request, trustProxyHops),
    agent: singleHeader(request, 'user-agent')?.slice(0, USER_AGENT_CHARACTERS_MAX).toWellFormed(),
    binding: bindingCookieOf(request),
    requestId,
  }
}

function writeReply(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  requestId: string,
  headers: Readonly<Record<string, string>>,
): void {
  const body = reply.body === undefined ? '' : typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
  writeAnswer(request, response, reply.status, body, requestId, { ...headers, ...reply.headers })
}

/** @returns the code that is counted */
function writeFault(
  route: IdentityRoute,
  request: IncomingMessage,
  response: ServerResponse,
  fault: unknown,
  known: KnownError,
  requestId: string,
  headers: Readonly<Record<string, string>>,
): string {
  if (route.oauth === true) {
    const { code, status, body, headers: more } = oauthFault(fault, known)
    writeAnswer(request, response, status, body, requestId, { ...headers, ...more })
    return code
  }
  if (fault instanceof TenantRequiredError) {
    const tenants = fault.tenants.map(({ id, displayName }) => ({ id, ...(displayName === null ? {} : { displayName }) }))
    const body = JSON.stringify({ ...JSON.parse(problemBody(known, requestId)), tenants })
    writeAnswer(request, response, known.row.http, body, requestId, { 'content-type': PROBLEM_TYPE, ...headers })
  } else {
    // A body that did not arrive in time is its sender's delay, not ours.
    const late = known.code === 'deadline_exceeded' && !request.complete
    writeProblem(request, response, known, requestId, headers, late ? 408 : known.row.http)
  }
  return known.code
}
