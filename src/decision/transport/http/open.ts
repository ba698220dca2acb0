/** The HTTP wire of decisions and administration: express behind a short cut for the hot routes. Floor 5. */
import { type HttpServer, openHttpServer } from '../../../wire/http/server.ts'
import type { Readiness } from '../../../wire/readiness.ts'
import { openStreams } from '../open-streams.ts'
import type { QuickDecisions } from '../quick-decisions.ts'
import { planOperation } from '../release-operations.ts'
import { watchOperation } from '../watch-operation.ts'
import { type OperationName, type WireNeeds, wireOperations, wireQuickDecisions } from '../wire-needs.ts'
import { type AppNeeds, httpApp } from './app.ts'
import { DECISION_ROUTES } from './decision-routes.ts'
import type { Route } from './route.ts'
import { type Serve, type ServeNeeds, serveRoute } from './serve.ts'
import { type QuickRoute, serveQuick } from './serve-quick.ts'

export async function openHttpWire(needs: WireNeeds & { readonly readiness: Readiness }): Promise<HttpServer> {
  const streams = openStreams()
  const server = await openHttpServer(needs, (connectionHeaders) => {
    const serveNeeds: AppNeeds = {
      ...needs,
      operations: wireOperations('http', needs),
      plan: planOperation(needs.releases),
      watch: watchOperation(needs.live),
      streams,
      connectionHeaders,
    }
    const app = httpApp(serveNeeds)
    const quick = wireQuickDecisions('http', needs)
    const hot = new Map<string, Serve>(
      DECISION_ROUTES.filter((route) => route.hot === true).map((route) => [route.path, hotRoute(route, serveNeeds, quick)]),
    )
    return (request, response) => {
      const serve = request.method === 'POST' ? hot.get(request.url ?? '') : undefined
      if (serve !== undefined) serve(request, response, {})
      else app(request, response)
    }
  })
  return {
    ...server,
    drain() {
      streams.drain()
      return server.drain()
    },
  }
}

function hotRoute(route: Route & { readonly operation: OperationName }, needs: ServeNeeds, quick: QuickDecisions | undefined): Serve {
  const whole = serveRoute(route, needs)
  return quick === undefined ? whole : serveQuick(route.operation as QuickRoute, quick, needs, whole)
}
