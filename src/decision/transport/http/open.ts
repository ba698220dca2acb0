/** The HTTP wire of decisions and administration: express behind a short cut for the hot routes. Floor 5. */
import { type ConnectionHeaders, type Handle, type HttpServer, openHttpServer } from '../../../wire/http/server.ts'
import type { Readiness } from '../../../wire/readiness.ts'
import { openStreams } from '../open-streams.ts'
import { planOperation } from '../release-operations.ts'
import { watchOperation } from '../watch-operation.ts'
import { type OperationName, type WireNeeds, wireOperations, wireQuickDecisions } from '../wire-needs.ts'
import { answeringAtOnce } from './answer-at-once.ts'
import { type AppNeeds, httpApp } from './app.ts'
import { DECISION_ROUTES } from './decision-routes.ts'
import type { Route } from './route.ts'
import { type Serve, serveRoute } from './serve.ts'

export interface HttpOptions {
  /** Whether what memory can answer is answered before node's parser sees it; `false` is for tests and measuring. */
  readonly hot?: boolean
}

export async function openHttpWire(
  needs: WireNeeds & { readonly readiness: Readiness },
  { hot = true }: HttpOptions = {},
): Promise<HttpServer> {
  const streams = openStreams()
  const quick = hot ? wireQuickDecisions('http', needs) : undefined
  const answering = quick && { answer: answeringAtOnce(quick, needs) }
  const handling = (connectionHeaders: ConnectionHeaders): Handle => {
    const serveNeeds: AppNeeds = {
      ...needs,
      operations: wireOperations('http', needs),
      plan: planOperation(needs.releases),
      watch: watchOperation(needs.live),
      streams,
      connectionHeaders,
    }
    const app = httpApp(serveNeeds)
    const direct = new Map<string, Serve>(
      DECISION_ROUTES.filter((route) => route.hot === true).map((route) => [
        route.path,
        serveRoute(route as Route & { readonly operation: OperationName }, serveNeeds),
      ]),
    )
    return (request, response) => {
      const serve = request.method === 'POST' ? direct.get(request.url ?? '') : undefined
      if (serve !== undefined) serve(request, response, {})
      else app(request, response)
    }
  }
  const server = await openHttpServer(needs, handling, answering)
  return {
    ...server,
    drain() {
      streams.drain()
      return server.drain()
    },
  }
}
