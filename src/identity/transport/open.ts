/** The HTTP wire of the identity service. Floor 5. */
import { type HttpServer, type HttpServerNeeds, openHttpServer } from '../../wire/http/server.ts'
import { identityApp } from './app.ts'
import type { IdentityWireNeeds } from './needs.ts'

export async function openIdentityServer(needs: HttpServerNeeds & IdentityWireNeeds): Promise<HttpServer> {
  return await openHttpServer(needs, (connectionHeaders) => identityApp(needs, connectionHeaders))
}
