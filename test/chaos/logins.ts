/** Logins, their access tokens, their ends and the signing keys, as the identity service makes them, in the run's own process. Judges nothing. */
import { randomBytes } from 'node:crypto'
import { openAcknowledgement } from '../../src/access/acknowledge.ts'
import { endSession, endSessions } from '../../src/access/sessions.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { type KeyKeeper, openKeyKeeper } from '../../src/identity/keys/keeper.ts'
import { beginSession, tellEnded } from '../../src/identity/session/begin.ts'
import type { ChangeContext } from '../../src/model/administration.ts'
import type { Caller } from '../../src/model/caller.ts'
import type { SessionRecord } from '../../src/model/identity.ts'
import { ACCESS_TOKEN_SECONDS_MAX, IDENTITY_SECRET_BYTES, KEY_PUBLISHED_AHEAD_MS } from '../../src/model/identity-limits.ts'
import type { Database } from '../../src/store/database.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import type { ReplicaRecord, Store } from '../../src/store/ports.ts'
import { openStore } from '../../src/store/store.ts'
import { signAccessToken } from '../../src/token/access-token.ts'
import { IdentitySecrets } from '../../src/token/secret.ts'
import type { SigningKey } from '../../src/token/signing-key.ts'
import { type ChangeOutcome, type Demand, failed, type IdentityOperation } from './operation.ts'
import type { HeldToken } from './streams.ts'

export const ISSUER = 'https://login.chaos.example'
export const AUDIENCE = 'chaos'
const CLIENT = 'chaos'
const POOL_MAX = 12

/** Made by the run itself, as an administrator of the identity service would be. */
const CALLER: Caller = { id: 'chaos', name: 'chaos', scopes: ['administer'], tenants: null, builtIn: true }

/** Who acknowledges here serves no checks: it knows all there is. */
const OWN_ROW: ReplicaRecord = {
  id: 'chaos',
  beat: 0,
  knownPosition: Number.MAX_SAFE_INTEGER,
  policyRevision: null,
  policySinceMs: null,
  preparedRevision: null,
  startedAtMs: 0,
  seenAtMs: 0,
}

export class Logins {
  readonly #database: Database
  readonly #store: Store
  readonly #keys: KeyKeeper
  /** By id: who is logged in gets a new token without logging in again. */
  readonly #sessions = new Map<string, SessionRecord>()
  readonly #effective: (position: number) => Promise<void>

  private constructor(database: Database, store: Store, keys: KeyKeeper, effective: (position: number) => Promise<void>) {
    this.#database = database
    this.#store = store
    this.#keys = keys
    this.#effective = effective
  }

  /** The first signing keys and the application are there when it resolves. */
  static async open(url: string): Promise<Logins> {
    const database = await openDatabase({ kind: 'postgres', url, poolMax: POOL_MAX })
    const store = openStore(database)
    const acknowledgement = openAcknowledgement({
      registry: { ...store.replicas, list: async () => [...(await store.replicas.list()), OWN_ROW] },
      ownId: OWN_ROW.id,
      // Replicas read the feed without it too: what is only waited for must not be what makes it true.
      doorbell: { ring: () => undefined, onRing: () => undefined },
      ring: () => undefined,
      clock: systemClock,
      observe: { effective: () => undefined },
    })
    await store.change((transaction) => transaction.identity.insertClient({ id: CLIENT, name: 'Chaos', redirectUris: [] }))
    const keys = await openKeyKeeper({
      ...{ store, acknowledgement, clock: systemClock, random: systemRandom },
      findKeys: async () => (await store.identity.findKeys()).keys,
      secrets: new IdentitySecrets([randomBytes(IDENTITY_SECRET_BYTES)]),
      algorithm: 'ES256',
      log: openLog('silent'),
      observe: { keyAges: () => undefined },
    })
    return new Logins(database, store, keys, (position) => acknowledgement.effective(position))
  }

  /** @returns its first token; nothing when the account is not active, or the database away */
  async logIn(user: string, tenant: string | null, label: string): Promise<HeldToken | undefined> {
    const session = await this.#store
      .change(async (transaction) => {
        const account = await transaction.lockUser(user)
        if (account?.state !== 'active') return undefined
        const visitor = { agent: 'chaos' }
        const beginning = { user: account, clientId: CLIENT, tenant, amr: ['email'], cookie: false, visitor }
        const { session, ended } = await beginSession(transaction, systemRandom, beginning)
        if (ended.length > 0) await tellEnded(transaction, user, ended, { reason: label, requestId: label })
        return session
      })
      .catch(() => undefined)
    if (session === undefined) return undefined
    this.#sessions.set(session.id, session)
    return await this.#sign(session)
  }

  /** Another one of the same session. */
  async renew({ roots }: HeldToken): Promise<HeldToken | undefined> {
    const session = this.#sessions.get(roots.session)
    return session && (await this.#sign(session))
  }

  /** Good for longer than anybody presents it. @returns nothing when it cannot be said which key signs now */
  async #sign(session: SessionRecord): Promise<HeldToken | undefined> {
    const key = await this.#keys.current().catch((): SigningKey | undefined => undefined)
    if (key === undefined) return undefined
    const { id, user, tenant, epoch, amr, authenticatedAtMs } = session
    const iat = Math.floor(systemClock.nowMs() / 1_000)
    const person = { sid: id, ...(tenant === null ? {} : { tid: tenant }), epoch, auth_time: Math.floor(authenticatedAtMs / 1_000), amr }
    const common = { iss: ISSUER, aud: AUDIENCE, sub: user, client_id: CLIENT, iat, exp: iat + ACCESS_TOKEN_SECONDS_MAX }
    const accessToken = await signAccessToken({ ...common, ...person, jti: systemRandom.uuid(), pov: true }, key)
    return { accessToken, user, tenant, roots: { session: id, epoch, kid: key.kid } }
  }

  async change(operation: IdentityOperation, { label, wait }: Pick<Demand, 'label' | 'wait'>): Promise<ChangeOutcome> {
    try {
      const { changed, position } = await this.#make(operation, { caller: CALLER, reason: label, wait: false })
      if (wait) await this.#effective(position)
      return { kind: 'made', changed, position, effective: wait }
    } catch (fault) {
      return failed(String((fault as { readonly code?: unknown }).code))
    }
  }

  /** No session of the database stays behind. */
  async close(): Promise<void> {
    await this.#keys.close()
    await this.#store.close()
  }

  async #make(operation: IdentityOperation, context: ChangeContext): Promise<{ readonly changed: boolean; readonly position: number }> {
    const needs = { store: this.#store }
    switch (operation.kind) {
      case 'end-session':
        return await endSession(needs, context, operation.user, operation.session)
      case 'end-sessions':
        return await endSessions(needs, context, operation.user)
      case 'rotate-keys':
        // As if it had been published for long enough.
        await this.#database.knex.raw(
          `update signing_key set created_at = created_at - ? * interval '1 millisecond' where state = 'next'`,
          [KEY_PUBLISHED_AHEAD_MS],
        )
        return await this.#keys.rotate(context, 'normal')
      case 'rotate-keys-at-once':
        return await this.#keys.rotate(context, 'emergency')
    }
  }
}
