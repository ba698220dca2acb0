/** The express application: every route of the table but the hot ones' short cut, pages, probes, and what is left over. Floor 5. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { NextFunction, Request, Response } from 'express'
import helmet from 'helmet'
import { packageRoot } from '../../../ground/package-root.ts'
import { openUnmatched, strictApp, type Unmatched } from '../../../wire/http/express-app.ts'
import { writeAnswer } from '../../../wire/http/problem.ts'
import type { Handle } from '../../../wire/http/server.ts'
import { type Readiness, sharedReadiness } from '../../../wire/readiness.ts'
import type { OpenStreams } from '../open-streams.ts'
import type { PlanOperation } from '../release-operations.ts'
import type { WatchOperation } from '../watch-operation.ts'
import { apiPage } from './pages.ts'
import type { Route } from './route.ts'
import { ROUTES } from './routes.ts'
import { type Serve, type ServeNeeds, serveRoute } from './serve.ts'
import { servePlan } from './serve-plan.ts'
import { serveWatch } from './serve-watch.ts'

type Answer = { readonly status: number; readonly contentType: string; readonly body: string | Buffer }

export interface AppNeeds extends ServeNeeds {
  readonly readiness: Readiness
  readonly plan: PlanOperation
  readonly watch: WatchOperation
  readonly streams: OpenStreams
}

export function httpApp(needs: AppNeeds): Handle {
  const app = strictApp()
  const unmatched = openUnmatched({
    ...needs,
    wire: 'http',
    hint: 'See /docs.',
    unmatched: (code) => needs.metrics.ended('http', 'unmatched', code, 0),
  })
  app.use(helmetOf(needs.tls !== undefined))

  const methods = new Map<string, string[]>()
  for (const route of ROUTES) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1')
    const serve = serving(route, needs)
    const verb = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'
    app[verb](path, (request: Request, response: Response) => serve(request, response, request.params))
    methods.set(path, [...(methods.get(path) ?? []), ...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])])
  }
  for (const [path, answer] of pagesOf(needs.readiness)) {
    app.get(path, (request: Request, response: Response, next: NextFunction) => {
      answer().then((page) => writePage(request, response, page, unmatched.idOf(request)), next)
    })
    methods.set(path, ['GET', 'HEAD'])
  }
  for (const [path, allowed] of methods) app.all(path, otherMethod([...allowed, 'OPTIONS'].join(', '), unmatched))
  unmatched.endWith(app)
  return app
}

function serving(route: Route, needs: AppNeeds): Serve {
  const { operation } = route
  if (operation === 'PlanPolicy') return servePlan(route, needs.plan, needs.streams, needs)
  if (operation === 'WatchDecisions') return serveWatch(route, needs.watch, needs.streams, needs)
  return serveRoute({ ...route, operation }, needs)
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
  // Made when it is first asked for, with its schemas: most processes never are.
  let description: Promise<string> | undefined
  const describe = async () => JSON.stringify((await import('./openapi.ts')).openApiDocument(version))
  const ready = sharedReadiness(readiness)
  const pages = new Map<string, () => Promise<Answer>>([
    ['/livez', async () => ({ status: 200, contentType: 'text/plain; charset=utf-8', body: 'alive\n' })],
    [
      '/openapi.json',
      async () => {
        description ??= describe()
        return { status: 200, contentType: 'application/json', body: await description }
      },
    ],
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
function otherMethod(allow: string, unmatched: Unmatched) {
  return (request: Request, response: Response) => {
    if (request.method === 'OPTIONS') writeAnswer(request, response, 204, '', unmatched.idOf(request), { allow })
    else unmatched.refuseMethod(request, response, allow)
  }
}
