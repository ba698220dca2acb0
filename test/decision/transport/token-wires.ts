/** The wires of a service that takes access tokens: a published key, an application, and people with sessions. */
import { randomUUID } from 'node:crypto'
import { openTokenPresenter } from '../../../src/access/presented-token.ts'
import { openServiceTokens } from '../../../src/access/service-token.ts'
import { openDecisionPoint } from '../../../src/decision/decision-point.ts'
import type { WireNeeds } from '../../../src/decision/transport/wire-needs.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import type { ChangeTransaction } from '../../../src/store/ports.ts'
import { type PersonClaims, type ServiceClaims, signAccessToken } from '../../../src/token/access-token.ts'
import { IdentitySecrets } from '../../../src/token/secret.ts'
import { generateSigningKey, openSigningKey, type SigningKey } from '../../../src/token/signing-key.ts'
import { TokenVerifier } from '../../../src/token/verify.ts'
import { openAuthentication } from '../../../src/wire/authentication.ts'
import type { House } from '../../support/house.ts'
import { AUDIENCE, ISSUER, personClaims, serviceClaims } from '../../token/tokens.ts'
import { ADMIN_KEY, openWires, type Wires } from './wires.ts'

export interface TokenWires extends Wires {
  readonly key: SigningKey
  begin(user: string, part?: { readonly tenant?: string | null; readonly idleMs?: number; readonly epoch?: number }): Promise<SessionRecord>
  /** As it would be issued now. */
  tokenOf(session: SessionRecord, part?: Partial<PersonClaims>, key?: SigningKey): Promise<string>
  serviceToken(part: Partial<ServiceClaims>, key?: SigningKey): Promise<string>
}

/** What a service that was told of an issuer has besides. */
export function withTokens(needs: WireNeeds, house: House): WireNeeds {
  const { keys, sessions, callers, resolver, databaseTime } = house.freshness
  const verifier = new TokenVerifier({ issuer: ISSUER, audience: AUDIENCE, clock: databaseTime })
  const services = openServiceTokens({ keys, callers, verifier })
  return {
    ...needs,
    decisions: openDecisionPoint({
      resolver,
      tokens: openTokenPresenter({ keys, sessions, verifier }),
      access: house.store.access,
      policy: house.policy,
      clock: systemClock,
      random: systemRandom,
    }),
    authentication: openAuthentication({
      findCallerByKeyHash: (hash) => callers.findByKeyHash(hash),
      recallCallerByKeyHash: (hash) => callers.recallByKeyHash(hash),
      findCallerByToken: (token) => services.findCaller(token),
      adminKey: ADMIN_KEY,
    }),
  }
}

/** @param change makes parts of the house that tokens rest on fail, or be slow */
export async function openTokenWires(change: (house: House) => House = (house) => house): Promise<TokenWires> {
  const wires = await openWires((needs, house) => withTokens(needs, change(house)))
  const { house } = wires
  for (const user of ['ann', 'bob']) await house.administration.putUser(house.context, { user })
  const { key, publish } = await makeKey(house)
  await publish('current')
  await house.store.change(({ identity }) => identity.insertClient({ id: 'demo', name: 'Demo', redirectUris: [] }))
  return Object.assign(wires, {
    key,
    begin: (user: string, part: Parameters<TokenWires['begin']>[1] = {}) =>
      house.store.change(({ identity }) =>
        identity.insertSession({
          id: randomUUID(),
          user,
          clientId: 'demo',
          tenant: part.tenant === undefined ? 'north' : part.tenant,
          epoch: part.epoch ?? 0,
          rotatedAgent: null,
          agent: 'Firefox',
          amr: ['email'],
          cookie: false,
          idleMs: part.idleMs ?? 600_000,
          lifeMs: 900_000,
        }),
      ),
    tokenOf: (session: SessionRecord, part: Partial<PersonClaims> = {}, signing: SigningKey = key) => {
      const { user, id, clientId, epoch } = session
      const { tid: _tid, ...bare } = personClaims()
      const tenant = session.tenant === null ? {} : { tid: session.tenant }
      return signAccessToken(
        { ...bare, sub: user, sid: id, client_id: clientId, epoch, ...tenant, ...times(300), ...part } as PersonClaims,
        signing,
      )
    },
    serviceToken: (part: Partial<ServiceClaims>, signing: SigningKey = key) =>
      signAccessToken({ ...serviceClaims(), ...times(600), ...part }, signing),
  })
}

/** Issued now. */
export function times(lifeSeconds: number): { readonly iat: number; readonly exp: number; readonly auth_time: number } {
  const iat = Math.floor(systemClock.nowMs() / 1_000)
  return { iat, exp: iat + lifeSeconds, auth_time: iat }
}

export interface NewKey {
  readonly key: SigningKey
  /** As the identity service does it, known to all replicas when this resolves; beside the current one at most one more. */
  publish(state?: 'current'): Promise<void>
  retire(): Promise<void>
}

export async function makeKey({ store, freshness }: House): Promise<NewKey> {
  const secrets = new IdentitySecrets([systemRandom.bytes(32)])
  const made = await generateSigningKey('ES256', secrets, systemRandom)
  const change = async (work: (transaction: ChangeTransaction) => Promise<void>) => {
    const position = await store.change(async (transaction) => {
      await work(transaction)
      return await transaction.appendFeed([{ kind: 'caller', caller: 'signing-keys' }])
    })
    freshness.acknowledgement.announce()
    await freshness.acknowledgement.effective(position)
  }
  return {
    key: await openSigningKey({ ...made, state: 'current', createdAtMs: 0, activatedAtMs: 0, retiresAtMs: null }, secrets),
    publish: (state) => change(({ identity }) => identity.insertKey({ ...made, state: state ?? 'next' })),
    retire: () => change(({ identity }) => identity.setKeyState(made.kid, 'retired')),
  }
}
