/** Replicas of the real identity service on one database, joined as `castellan identity` joins them, with one issuer. */
import { openWireMetrics } from '../../src/decision/transport/wire-metrics.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { Lifecycle } from '../../src/ground/lifecycle.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { beginSession } from '../../src/identity/session/begin.ts'
import { refreshTokenOf } from '../../src/identity/session/refresh-token.ts'
import { identityPlanFrom } from '../../src/main/identity-plan.ts'
import { openFoundation } from '../../src/main/open-foundation.ts'
import { type IdentityService, openIdentity } from '../../src/main/open-identity.ts'
import { openIdentityWire } from '../../src/main/open-identity-wire.ts'
import { readDevSettings } from '../../src/main/settings.ts'
import type { SigningAlgorithm } from '../../src/model/identity.ts'
import { IdentitySecrets } from '../../src/token/secret.ts'
import { hearAnswers } from '../support/hear-answers.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'
import { openPostgresStore } from '../support/stores.ts'
import type { Witness } from '../support/witness.ts'

export const AUDIENCE = 'https://api.hospital.example'
export const CLIENT = 'ward-plan'

export interface IdentityReplica extends IdentityService {
  readonly url: string
}

export interface IdentityHouse {
  /** A decision service's insides on the same database, for what is arranged. */
  readonly house: House
  /** Public address; that of the first replica. */
  readonly issuer: string
  readonly replicas: readonly [IdentityReplica, IdentityReplica]
  readonly service: { readonly id: string; readonly key: string }
  /** As after a login of `ann` in `north`. @returns her first refresh token */
  signIn(): Promise<string>
  /** The next key is as if it had been published long ago. */
  ageKeys(ms: number): Promise<void>
  close(): Promise<void>
}

export async function openIdentityHouse(algorithm: SigningAlgorithm = 'ES256'): Promise<IdentityHouse> {
  const lifecycle = new Lifecycle()
  const postgres = await openPostgresStore()
  lifecycle.add('postgres', () => postgres.close())
  const house = await openHouse(bundleOf({ coder: ['coding.medical-stay.read'], clerk: ['finance.read'] }), postgres.database)
  lifecycle.add('house', () => house.close())
  const { administration, context, store } = house
  await administration.grant(context, { tenant: 'north', user: 'ann', role: 'coder' })
  await administration.grant(context, { tenant: 'south', user: 'ann', role: 'clerk' })
  const service = await administration.createCaller(context, { name: 'reception', scopes: ['decide', 'audit'] })
  await store.change(({ identity }) => identity.insertClient({ id: CLIENT, name: 'Ward plan', redirectUris: [] }))

  const secrets = [systemRandom.bytes(32)]
  const { witness } = house
  const open = async (issuer: string | undefined) => await openReplica(postgres.url, issuer, { secrets, algorithm, witness }, lifecycle)
  const first = await open(undefined)
  const second = await open(first.url)
  const refreshKeys = new IdentitySecrets(secrets).keysFor('refresh token').map(({ key }) => key)
  witness.keep('identity secret', ...secrets, ...refreshKeys)
  witness.keep('key', service.key)
  return {
    house,
    issuer: first.url,
    replicas: [first, second],
    service: { id: service.record.id, key: service.key },
    async signIn() {
      const { session } = await store.change(async (transaction) => {
        const { record: user } = await transaction.ensureUser('ann')
        const visitor = { agent: undefined }
        return await beginSession(transaction, systemRandom, {
          ...{ user, clientId: CLIENT, tenant: 'north', amr: ['email'], cookie: false, visitor },
        })
      })
      const token = refreshTokenOf(refreshKeys, session)
      witness.keep('refresh token', token)
      return token
    },
    async ageKeys(ms) {
      const text = `update signing_key set created_at = created_at - :ms * interval '1 ms', activated_at = activated_at - :ms * interval '1 ms'`
      await postgres.database.knex.raw(text, { ms })
    },
    close: () =>
      lifecycle.close((part, fault) => {
        throw new Error(`${part} did not close`, { cause: fault })
      }),
  }
}

async function openReplica(
  url: string,
  issuer: string | undefined,
  {
    secrets,
    algorithm,
    witness,
  }: { readonly secrets: readonly Uint8Array[]; readonly algorithm: SigningAlgorithm; readonly witness: Witness },
  lifecycle: Lifecycle,
): Promise<IdentityReplica> {
  const metrics = openMetrics()
  const common = { clock: systemClock, random: systemRandom, log: witness.log, metrics }
  witness.readMetrics(async () => (await metrics.text()).body)
  const plan = {
    ...identityPlanFrom(readDevSettings({})),
    ...{ http: { host: '127.0.0.1', port: 0 }, tls: undefined, issuer, audience: AUDIENCE, secrets, algorithm },
    ...{ adminKey: undefined, mail: 'mailbox' as const },
  }
  const wire = await openIdentityWire(plan, common, lifecycle)
  const stopHearing = hearAnswers(wire.port, witness)
  lifecycle.add('hearing', async () => stopHearing())
  const database = { kind: 'postgres', url, poolMax: 10 } as const
  const foundation = await openFoundation(
    { database, schema: 'require', cacheBytes: 4_194_304, redis: undefined },
    common,
    undefined,
    lifecycle,
  )
  const wireMetrics = openWireMetrics(metrics)
  const service = await openIdentity(plan, { ...common, foundation, wire, wireMetrics, redis: undefined, serving: () => true }, lifecycle)
  return { ...service, url: `http://127.0.0.1:${wire.port}` }
}
