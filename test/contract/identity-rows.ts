/** Rows of people who log in, for tests of the store: made by its own ports, aged by SQL, since its clock is the database's. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { ChallengeRecord, SessionRecord } from '../../src/model/identity.ts'
import type { IdentityTransaction, NewChallenge, NewSession } from '../../src/store/identity-ports.ts'
import type { ChangeTransaction } from '../../src/store/ports.ts'
import type { TestStore } from '../support/stores.ts'

export const DAY_MS = 86_400_000
export const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()
export const word = (prefix: string): string => `${prefix}-${randomUUID()}`

/** Runs one change on the identity's rows. */
export async function within<T>(
  test: TestStore,
  work: (identity: IdentityTransaction, change: ChangeTransaction) => Promise<T>,
): Promise<T> {
  return await test.store.change((change) => work(change.identity, change))
}

export interface Somebody {
  readonly user: string
  readonly email: string
  readonly clientId: string
}

/** An active user with an address, and an application to log in to. */
export async function somebody(test: TestStore): Promise<Somebody> {
  const [user, clientId] = [word('user'), word('client')]
  const email = `${user}@hospital.example`
  await within(test, async (identity, change) => {
    const { record } = await change.ensureUser(user)
    await change.updateUser({ ...record, email }, null)
    await identity.insertClient({ id: clientId, name: 'Ward', redirectUris: [] })
  })
  return { user, email, clientId }
}

export function challengeOf(person: Somebody, fields: Partial<NewChallenge> = {}): NewChallenge {
  return {
    id: randomUUID(),
    kind: 'login',
    email: person.email,
    user: null,
    clientId: person.clientId,
    redirectUri: null,
    tenant: null,
    locale: 'en',
    agent: null,
    bindingHash: randomBytes(32),
    lifeMs: 600_000,
    mailState: 'waiting',
    ...fields,
  }
}

/** A challenge whose mail was sent. */
export async function sentChallenge(test: TestStore, person: Somebody, fields: Partial<NewChallenge> = {}): Promise<ChallengeRecord> {
  const { id } = await within(test, (identity) => identity.insertChallenge(challengeOf(person, fields)))
  await within(test, async (identity) => {
    await identity.prepareMail(id, { user: person.user, tokenHash: randomBytes(32), codeHash: randomBytes(32) })
    await identity.endMail(id, 'sent')
  })
  return await theChallenge(test, id)
}

export async function theChallenge(test: TestStore, id: string): Promise<ChallengeRecord> {
  const record = await test.store.identity.findChallenge(id)
  if (record === undefined) throw new Error('The challenge is not there')
  return record
}

export function sessionOf(person: Somebody, fields: Partial<NewSession> = {}): NewSession {
  return {
    id: randomUUID(),
    user: person.user,
    clientId: person.clientId,
    tenant: null,
    epoch: 0,
    rotatedAgent: hashOf('browser'),
    agent: 'browser',
    amr: ['pop', 'a"{,}'],
    cookie: false,
    idleMs: 14 * DAY_MS,
    lifeMs: 30 * DAY_MS,
    ...fields,
  }
}

export async function openSession(test: TestStore, person: Somebody, fields: Partial<NewSession> = {}): Promise<SessionRecord> {
  return await within(test, (identity) => identity.insertSession(sessionOf(person, fields)))
}

export async function theSession(test: TestStore, id: string): Promise<SessionRecord | undefined> {
  return (await test.store.identity.findSession(id)).session
}

const TIMES = {
  login_challenge: ['mail_after', 'created_at', 'expires_at', 'consumed_at'],
  login_session: ['rotated_at', 'authenticated_at', 'created_at', 'idle_expires_at', 'expires_at', 'revoked_at'],
}

/** As if the row had been made that much earlier. */
export async function age(test: TestStore, table: keyof typeof TIMES, id: string, ms: number): Promise<void> {
  const earlier = TIMES[table].map((column) => `${column} = ${column} - make_interval(secs => ${ms / 1000})`)
  await test.database.knex.raw(`update ${table} set ${earlier.join(', ')} where id = ?`, [id])
}
