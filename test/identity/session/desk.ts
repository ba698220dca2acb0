/** Sessions as the identity service keeps them, on one replica of the house: real store, real tokens, real acknowledgement. */
import { randomUUID } from 'node:crypto'
import { systemClock } from '../../../src/ground/clock.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { SessionService, TokenIssuer, Visitor } from '../../../src/identity/ports.ts'
import { type Begun, beginSession, tellEnded } from '../../../src/identity/session/begin.ts'
import { openTokenIssuer } from '../../../src/identity/session/issue.ts'
import { openPermissionIndex } from '../../../src/identity/session/permission-index.ts'
import type { RefreshResult } from '../../../src/identity/session/refresh.ts'
import { refreshTokenOf } from '../../../src/identity/session/refresh-token.ts'
import { openSessionService, type SessionServiceNeeds } from '../../../src/identity/session/sessions.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import { REFRESH_GRACE_MS } from '../../../src/model/identity-limits.ts'
import { IdentitySecrets } from '../../../src/token/secret.ts'
import { TokenVerifier } from '../../../src/token/verify.ts'
import type { House } from '../../support/house.ts'
import { AUDIENCE, ISSUER, openKeyPair } from '../../token/tokens.ts'

export interface Desk {
  readonly sessions: SessionService
  readonly issuer: TokenIssuer
  readonly needs: SessionServiceNeeds
  readonly results: RefreshResult[]
  /** As after a login: an active user, the application registered. */
  begin(user: string, tenant?: string | null, part?: { readonly cookie?: boolean; readonly expiresAtMs?: number }): Promise<SessionRecord>
  /** The newest refresh token of a session as it is in this record. */
  tokenOf(session: SessionRecord): string
  find(session: SessionRecord): Promise<SessionRecord>
}

export const CLIENT = 'demo'
const unlimited = async () => undefined
export const visitor: Visitor = { address: '127.0.0.1', agent: 'Firefox', binding: undefined, requestId: 'request-1' }

/** @param part what is to be otherwise */
export async function openDesk(house: House, part: Partial<SessionServiceNeeds> = {}): Promise<Desk> {
  const { store, freshness, witness } = house
  const pair = await openKeyPair()
  const verifier = new TokenVerifier({ issuer: ISSUER, audience: AUDIENCE, clock: systemClock })
  const secret = systemRandom.bytes(32)
  const refreshKeys = new IdentitySecrets([secret]).keysFor('refresh token').map(({ key }) => key)
  witness.keep('identity secret', secret, ...refreshKeys)
  const tokens = openTokenIssuer({
    issuer: ISSUER,
    audience: AUDIENCE,
    accessTokenSeconds: 300,
    clock: systemClock,
    random: systemRandom,
    keys: { current: async () => pair.key },
    resolver: freshness.resolver,
    permissionIndex: openPermissionIndex(store),
    observe: { issued: () => undefined },
  })
  const issuer = witness.overhear(tokens)
  const results: RefreshResult[] = []
  const needs: SessionServiceNeeds = {
    store,
    random: systemRandom,
    refreshKeys,
    issuer,
    acknowledgement: freshness.acknowledgement,
    limits: { refresh: unlimited, exchange: unlimited, end: unlimited },
    graceMs: REFRESH_GRACE_MS,
    verify: (token) => verifier.verify(token, [pair.record]),
    observe: { refreshed: (result) => void results.push(result) },
    ...part,
  }
  await store.change(async ({ identity }) => {
    if ((await identity.findClient(CLIENT)) === undefined) await identity.insertClient({ id: CLIENT, name: 'Demo', redirectUris: [] })
  })
  return {
    sessions: witness.overhear(openSessionService(needs)),
    issuer,
    needs,
    results,
    begin: async (userId, tenant = null, options = {}) => {
      const begun: Begun = await store.change(async (transaction) => {
        const { record: user } = await transaction.ensureUser(userId)
        const { cookie = false, expiresAtMs } = options
        const made = await beginSession(transaction, systemRandom, {
          ...{ user, clientId: CLIENT, tenant, amr: ['email'], cookie, visitor },
          ...(expiresAtMs === undefined ? {} : { continues: { loginId: randomUUID(), authenticatedAtMs: Date.now(), expiresAtMs } }),
        })
        if (made.ended.length > 0) await tellEnded(transaction, userId, made.ended, { reason: 'test', requestId: randomUUID() })
        return made
      })
      return begun.session
    },
    tokenOf: (session) => {
      const token = refreshTokenOf(needs.refreshKeys, session)
      witness.keep('refresh token', token)
      return token
    },
    find: async ({ id }) => {
      const { session } = await store.identity.findSession(id)
      if (session === undefined) throw new Error('The session is not there')
      return session
    },
  }
}

/** The code of the error, or `ok`. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'ok'
  } catch (fault) {
    const { code } = fault as { code?: unknown }
    if (typeof code !== 'string') throw fault
    return code
  }
}
