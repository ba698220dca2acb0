/** Binds the address of the identity service before there is a service: in development the issuer is the very port that was taken. Floor 6. */
import type { Clock } from '../ground/clock.ts'
import type { Lifecycle } from '../ground/lifecycle.ts'
import type { Random } from '../ground/random.ts'
import { ServiceError } from '../model/error-code.ts'
import { knownError } from '../wire/error-table.ts'
import { writeProblem } from '../wire/http/problem.ts'
import { type ConnectionHeaders, type Handle, openHttpServer } from '../wire/http/server.ts'
import type { IdentityPlan } from './identity-plan.ts'
import { listening } from './listen.ts'
import { addressOf } from './service-plan.ts'

export interface IdentityWire {
  readonly port: number
  /** Public address: what was set, or what was bound. */
  readonly issuer: string
  /** From now on requests are served; until then they are told to come back. */
  serve(handling: (connectionHeaders: ConnectionHeaders) => Handle): void
  drain(): Promise<void>
}

function starting(): ServiceError {
  return new ServiceError('overloaded', 'The service starts.', { hint: 'Try again a little later.', retryAfterSeconds: 1 })
}

/** @throws ListenError */
export async function openIdentityWire(
  plan: Pick<IdentityPlan, 'http' | 'tls' | 'connectionAgeMs' | 'issuer'>,
  needs: { readonly clock: Clock; readonly random: Random },
  lifecycle: Lifecycle,
): Promise<IdentityWire> {
  const { http, tls } = plan
  const gate: { handle?: Handle; headers: ConnectionHeaders } = { headers: () => ({}) }
  const server = await listening({ what: 'The identity service', ...http, settings: 'CASTELLAN_IDENTITY' }, () =>
    openHttpServer(
      { ...needs, ...http, ...(tls === undefined ? {} : { tls }), connectionAgeMs: plan.connectionAgeMs },
      (connectionHeaders) => {
        gate.headers = connectionHeaders
        return (request, response) => {
          if (gate.handle !== undefined) gate.handle(request, response)
          else writeProblem(request, response, knownError(starting()), needs.random.uuid(), { connection: 'close' }, 503)
        }
      },
    ),
  )
  lifecycle.add('identity', () => server.close())
  return {
    port: server.port,
    issuer: plan.issuer ?? `${tls === undefined ? 'http' : 'https'}://${addressOf(http.host, server.port)}`,
    serve: (handling) => {
      gate.handle = handling(gate.headers)
    },
    drain: () => server.drain(),
  }
}
