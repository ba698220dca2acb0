/** A decision replica beside the identity service, on its database and for its tokens: real wires, real freshness, a memory of its own. */
import { openTokenPresenter } from '../../src/access/presented-token.ts'
import { openServiceTokens } from '../../src/access/service-token.ts'
import { openDecisionPoint } from '../../src/decision/decision-point.ts'
import { openHttpWire } from '../../src/decision/transport/http/open.ts'
import { openWireMetrics } from '../../src/decision/transport/wire-metrics.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { TokenVerifier } from '../../src/token/verify.ts'
import { openAdmission } from '../../src/wire/admission.ts'
import { openAuthentication } from '../../src/wire/authentication.ts'
import { openHouse } from '../support/house.ts'
import { AUDIENCE, type IdentityHouse } from './identity-house.ts'

export interface DecisionReplica {
  /** @returns `allowed`, or why not, or the code of an error */
  check(accessToken: string, permission: string): Promise<string>
  close(): Promise<void>
}

/** It outlives neither the identity service nor its database. */
export async function openDecisionReplica({ issuer, house: { database }, service }: IdentityHouse): Promise<DecisionReplica> {
  const house = await openHouse(undefined, database)
  const { keys, sessions, callers, resolver, databaseTime } = house.freshness
  const verifier = new TokenVerifier({ issuer, audience: AUDIENCE, clock: databaseTime })
  const services = openServiceTokens({ keys, callers, verifier })
  const parts = { clock: systemClock, random: systemRandom }
  const wire = await openHttpWire({
    ...{
      ...parts,
      host: '127.0.0.1',
      port: 0,
      admission: openAdmission(),
      log: openLog('silent'),
      metrics: openWireMetrics(openMetrics()),
    },
    administration: house.administration,
    releases: house.releases,
    decisions: openDecisionPoint({
      ...{ ...parts, resolver, access: house.store.access, policy: house.policy },
      tokens: openTokenPresenter({ keys, sessions, verifier }),
    }),
    authentication: openAuthentication({
      findCallerByKeyHash: (hash) => callers.findByKeyHash(hash),
      recallCallerByKeyHash: (hash) => callers.recallByKeyHash(hash),
      findCallerByToken: (token) => services.findCaller(token),
      adminKey: undefined,
    }),
    observer: { decided: () => undefined },
    ...house.auditing,
    readiness: async () => ({ ready: true, checks: [] }),
  })
  return {
    async check(accessToken, permission) {
      const answer = await fetch(`http://127.0.0.1:${wire.port}/v1/check`, {
        method: 'POST',
        headers: { authorization: `Bearer ${service.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ accessToken, permission }),
      })
      const { allowed, reason, code } = (await answer.json()) as Readonly<Record<string, unknown>>
      return allowed === true ? 'allowed' : String(reason ?? code ?? answer.status)
    },
    async close() {
      await wire.close()
      await house.close()
    },
  }
}
