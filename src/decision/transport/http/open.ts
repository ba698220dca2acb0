/** The HTTP wire of decisions and administration: express behind a short cut for the hot routes. Floor 5. */
import { type HttpServer, openHttpServer } from '../../../wire/http/server.ts'
import type { Readiness } from '../../../wire/readiness.ts'
import { type WireNeeds, wireOperations } from '../wire-needs.ts'
import { httpApp } from './app.ts'
import { ROUTES } from './routes.ts'
import { type Serve, type ServeNeeds, serveRoute } from './serve.ts'

export async function openHttpWire(needs: WireNeeds & { readonly readiness: Readiness }): Promise<HttpServer> {
  return await openHttpServer(needs, (connectionHeaders) => {
    const serveNeeds: ServeNeeds & { readonly readiness: Readiness } = {
      ...needs,
      operations: wireOperations('http', needs),
      connectionHeaders,
    }
    const app = httpApp(serveNeeds)
    const hot = new Map<string, Serve>(
      ROUTES.filter((route) => route.hot === true).map((route) => [route.path, serveRoute(route, serveNeeds)]),
    )
    return (request, response) => {
      const serve = request.method === 'POST' ? hot.get(request.url ?? '') : undefined
      if (serve !== undefined) serve(request, response, {})
      else app(request, response)
    }
  })
}
