/** What every express application of ours begins and ends with: strict routing, and an answer to whatever no route takes. Knows no route. Floor 4. */
import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { Log } from '../../ground/log.ts'
import type { Random } from '../../ground/random.ts'
import { RequestError, ServiceError } from '../../model/error-code.ts'
import { knownError } from '../error-table.ts'
import { logFault } from '../log-fault.ts'
import { requestIdOf } from '../request-id.ts'
import { singleHeader } from './header.ts'
import { writeAnswer, writeProblem } from './problem.ts'
import type { ConnectionHeaders } from './server.ts'

export function strictApp(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  return app
}

export interface UnmatchedNeeds {
  /** As logs call it. */
  readonly wire: string
  /** Where to look instead. */
  readonly hint?: string
  readonly log: Log
  readonly random: Random
  readonly connectionHeaders: ConnectionHeaders
  /** Counts an answer to something that is no route, by its error code. */
  readonly unmatched: (code: string) => void
}

export interface Unmatched {
  idOf(request: IncomingMessage): string
  refuse(request: IncomingMessage, response: ServerResponse, fault: unknown, headers?: Readonly<Record<string, string>>): void
  /** An address that is there, asked by a method that it does not know. */
  refuseMethod(request: IncomingMessage, response: ServerResponse, allow: string): void
  /** After every route: what none took, and what failed on its way to one. */
  endWith(app: Express): void
}

export function openUnmatched(needs: UnmatchedNeeds): Unmatched {
  const idOf = (request: IncomingMessage) => requestIdOf(singleHeader(request, 'x-request-id'), needs.random)
  const refuse: Unmatched['refuse'] = (request, response, fault, headers = {}) => {
    const known = knownError(fault)
    const requestId = idOf(request)
    logFault(needs.log, known, { wire: needs.wire, method: 'unmatched', requestId })
    needs.unmatched(known.code)
    writeProblem(request, response, known, requestId, { ...needs.connectionHeaders(request), ...headers })
  }
  return {
    idOf,
    refuse,
    refuseMethod(request, response, allow) {
      refuse(request, response, new ServiceError('method_not_allowed', `This address knows ${allow}.`), { allow })
    },
    endWith(app) {
      app.use((request: Request, response: Response) => {
        if (request.method === 'OPTIONS' && request.url === '*')
          writeAnswer(request, response, 204, '', idOf(request), { allow: METHODS.filter((name) => name !== 'CONNECT').join(', ') })
        else {
          const details = needs.hint === undefined ? {} : { hint: needs.hint }
          refuse(request, response, new ServiceError('route_not_found', 'There is no such address.', details))
        }
      })
      // Four parameters are how express knows a handler of errors.
      app.use((fault: unknown, request: Request, response: Response, _next: NextFunction) => {
        const malformed = fault instanceof URIError || (fault as { status?: unknown } | null)?.status === 400
        refuse(request, response, malformed ? new RequestError([{ field: 'path', message: 'has a malformed percent-escape' }]) : fault)
      })
    },
  }
}
