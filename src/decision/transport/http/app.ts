/** The express application: every route of the table but the hot ones' short cut, pages, probes, and what is left over. Floor 5. */
import { readFileSync } from 'node:fs'
import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import helmet from 'helmet'
import { packageRoot } from '../../../ground/package-root.ts'
import { RequestError, ServiceError } from '../../../model/error-code.ts'
import { knownError } from '../../../wire/error-table.ts'
import { singleHeader } from '../../../wire/http/header.ts'
import { writeAnswer, writeProblem } from '../../../wire/http/problem.ts'
import { logFault } from '../../../wire/log-fault.ts'
import { type Readiness, sharedReadiness } from '../../../wire/readiness.ts'
import { requestIdOf } from '../../../wire/request-id.ts'
import { openApiDocument } from './openapi.ts'
import { apiPage } from './pages.ts'
import { ROUTES } from './routes.ts'
import { type ServeNeeds, serveRoute } from './serve.ts'

type Handle = (request: IncomingMessage, response: ServerResponse) => void
type Answer = { readonly status: number; readonly contentType: string; readonly body: string | Buffer }

export function httpApp(needs: ServeNeeds & { readonly readiness: Readiness }): Handle {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.use(helmetOf(needs.tls !== undefined))

  const methods = new Map<string, string[]>()
  for (const route of ROUTES) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1')
    const serve = serveRoute(route, needs)
    const verb = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'
    app[verb](path, (request: Request, response: Response) => serve(request, response, request.params))
    methods.set(path, [...(methods.get(path) ?? []), ...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])])
  }
  for (const [path, answer] of pagesOf(needs.readiness)) {
    app.get(path, (request: Request, response: Response, next: NextFunction) => {
      answer().then((page) => writePage(request, response, page, idOf(request, needs)), next)
    })
    methods.set(path, ['GET', 'HEAD'])
  }
  for (const [path, allowed] of methods) app.all(path, otherMethod([...allowed, 'OPTIONS'].join(', '), needs))
  leftOver(app, needs)
  return app
}

function helmetOf(tls: boolean) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // A promise of TLS is only honest where this server itself speaks it.
    strictTransportSecurity: tls,
  })
}

function pagesOf(readiness: Readiness): ReadonlyMap<string, () => Promise<Answer>> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  const description = JSON.stringify(openApiDocument(version))
  const ready = sharedReadiness(readiness)
  const pages = new Map<string, () => Promise<Answer>>([
    ['/livez', async () => ({ status: 200, contentType: 'text/plain; charset=utf-8', body: 'alive\n' })],
    ['/openapi.json', async () => ({ status: 200, contentType: 'application/json', body: description })],
    [
      '/readyz',
      async () => {
        const report = await ready()
        return { status: report.ready ? 200 : 503, contentType: 'application/json', body: JSON.stringify(report) }
      },
    ],
  ])
  for (const [path, asset] of apiPage()) pages.set(path, async () => ({ status: 200, ...asset }))
  return pages
}

function writePage(request: IncomingMessage, response: ServerResponse, page: Answer, requestId: string): void {
  writeAnswer(request, response, page.status, page.body, requestId, { 'content-type': page.contentType })
}

/** 405 with what is allowed, or that alone for OPTIONS. No CORS: browsers of other origins have no business here. */
function otherMethod(allow: string, needs: ServeNeeds) {
  return (request: Request, response: Response) => {
    if (request.method === 'OPTIONS') writeAnswer(request, response, 204, '', idOf(request, needs), { allow })
    else refuse(request, response, new ServiceError('method_not_allowed', `This address knows ${allow}.`), needs, { allow })
  }
}

function leftOver(app: Express, needs: ServeNeeds): void {
  app.use((request: Request, response: Response) => {
    if (request.method === 'OPTIONS' && request.url === '*') {
      writeAnswer(request, response, 204, '', idOf(request, needs), { allow: METHODS.filter((name) => name !== 'CONNECT').join(', ') })
    } else refuse(request, response, new ServiceError('route_not_found', 'There is no such address.', { hint: 'See /docs.' }), needs, {})
  })
  // Four parameters are how express knows a handler of errors.
  app.use((fault: unknown, request: Request, response: Response, _next: NextFunction) => {
    const malformed = fault instanceof URIError || (fault as { status?: unknown } | null)?.status === 400
    refuse(
      request,
      response,
      malformed ? new RequestError([{ field: 'path', message: 'has a malformed percent-escape' }]) : fault,
      needs,
      {},
    )
  })
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  fault: unknown,
  needs: ServeNeeds,
  headers: Readonly<Record<string, string>>,
): void {
  const known = knownError(fault)
  const requestId = idOf(request, needs)
  logFault(needs.log, known, { wire: 'http', method: 'unmatched', requestId })
  needs.metrics.ended('http', 'unmatched', known.code, 0)
  writeProblem(request, response, known, requestId, { ...needs.connectionHeaders(request), ...headers })
}

function idOf(request: IncomingMessage, needs: ServeNeeds): string {
  return requestIdOf(singleHeader(request, 'x-request-id'), needs.random)
}
