/** The express application of the identity service: its routes, its probes, and what is left over. Floor 5. */
import type { Express, NextFunction, Request, Response } from 'express'
import helmet from 'helmet'
import { openUnmatched, strictApp, type Unmatched } from '../../wire/http/express-app.ts'
import { writeAnswer } from '../../wire/http/problem.ts'
import type { ConnectionHeaders, Handle } from '../../wire/http/server.ts'
import { sharedReadiness } from '../../wire/readiness.ts'
import { administrationRoutes } from './administration-routes.ts'
import { type Cors, corsHeaders, preflightHeaders, type SiteNeeds } from './cross-site.ts'
import { loginRoutes } from './login-routes.ts'
import { meRoutes } from './me-routes.ts'
import type { IdentityWireNeeds } from './needs.ts'
import { oauthRoutes } from './oauth-routes.ts'
import { openOrigins } from './origins.ts'
import { pageRoutes } from './page-routes.ts'
import { readerRoutes } from './reader-routes.ts'
import type { IdentityRoute } from './route.ts'
import { type ServeNeeds, serveRoute } from './serve.ts'

interface Address {
  readonly methods: string[]
  readonly cors: Cors
}

/** @param connectionHeaders of the server that this stands behind */
export function identityApp(needs: IdentityWireNeeds, connectionHeaders: ConnectionHeaders): Handle {
  const sites: SiteNeeds = {
    ownOrigin: new URL(needs.settings.issuer).origin,
    knowsOrigin: openOrigins(needs.clients, needs.clock),
    clients: needs.clients,
  }
  const serveNeeds: ServeNeeds = { ...needs, sites, connectionHeaders }
  const app = strictApp()
  const unmatched = openUnmatched({ ...serveNeeds, wire: 'identity', unmatched: (code) => needs.ended('unmatched', code, 0) })
  app.use(helmetOf(sites.ownOrigin.startsWith('https:')))

  const addresses = new Map<string, Address>()
  for (const route of routesOf(needs, sites)) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1')
    const serve = serveRoute(route, serveNeeds)
    const verb = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'
    app[verb](path, (request: Request, response: Response) => serve(request, response, request.params))
    const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]
    addresses.set(path, { methods: [...(addresses.get(path)?.methods ?? []), ...methods], cors: route.cors })
  }
  probes(app, addresses, needs, unmatched)
  for (const [path, address] of addresses) app.all(path, otherMethod(address, serveNeeds, unmatched))
  unmatched.endWith(app)
  return app
}

function routesOf(needs: IdentityWireNeeds, sites: SiteNeeds): readonly IdentityRoute[] {
  return [
    ...loginRoutes(needs, sites),
    ...oauthRoutes(needs, sites),
    ...meRoutes(needs, sites),
    ...administrationRoutes(needs.administration),
    ...readerRoutes(needs),
    ...pageRoutes(needs),
  ]
}

function helmetOf(tls: boolean) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ['data:'],
        connectSrc: ["'self'"],
        // The development mailbox shows mails in frames of its own.
        frameSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    xFrameOptions: { action: 'deny' },
    // A promise of TLS is only honest where the public address has it.
    strictTransportSecurity: tls,
  })
}

function probes(app: Express, addresses: Map<string, Address>, needs: IdentityWireNeeds, { idOf }: Unmatched): void {
  const ready = sharedReadiness(needs.readiness)
  app.get('/livez', (request: Request, response: Response) => {
    writeAnswer(request, response, 200, 'alive\n', idOf(request), { 'content-type': 'text/plain; charset=utf-8' })
  })
  app.get('/readyz', (request: Request, response: Response, next: NextFunction) => {
    ready().then((report) => writeAnswer(request, response, report.ready ? 200 : 503, JSON.stringify(report), idOf(request), {}), next)
  })
  for (const path of ['/livez', '/readyz']) addresses.set(path, { methods: ['GET', 'HEAD'], cors: undefined })
}

/** 405 with what is allowed; for OPTIONS that alone, and to a browser what its page may do. */
function otherMethod({ methods, cors }: Address, needs: ServeNeeds, { idOf, refuseMethod }: Unmatched) {
  const allow = [...methods, 'OPTIONS'].join(', ')
  return (request: Request, response: Response, next: NextFunction) => {
    if (request.method !== 'OPTIONS') {
      refuseMethod(request, response, allow)
      return
    }
    corsHeaders(request, cors, needs.sites).then((headers) => {
      const more = headers['access-control-allow-origin'] === undefined ? {} : preflightHeaders(methods.join(', '))
      writeAnswer(request, response, 204, '', idOf(request), { allow, ...headers, ...more, ...needs.connectionHeaders(request) })
    }, next)
  }
}
