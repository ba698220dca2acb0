/** Logins on one replica of the house: real store, outbox and tokens, with the development mailbox for a mail server. */
import { randomUUID } from 'node:crypto'
import { MemoryLimiter } from '../../../src/cache/memory-limiter.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { type LimitName, openLimits } from '../../../src/identity/limits.ts'
import type { MailResult } from '../../../src/identity/login/deliver.ts'
import { type LoginNeeds, openLogin } from '../../../src/identity/login/login.ts'
import { Outbox, type OutboxNeeds } from '../../../src/identity/login/outbox.ts'
import { newSecret } from '../../../src/identity/login/secrets.ts'
import type { LoginResult } from '../../../src/identity/login/verify.ts'
import { Mailbox } from '../../../src/identity/mail/mailbox.ts'
import type { LoginService, LoginStart, Visitor } from '../../../src/identity/ports.ts'
import type { ChallengeRecord } from '../../../src/model/identity.ts'
import type { Database } from '../../../src/store/database.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { CLIENT, type Desk, openDesk } from '../session/desk.ts'

export const BASE = 'https://login.hospital.example'
export const REDIRECT = 'https://app.hospital.example/signed-in'
export const BODY = { cookie: false }

export interface LoginHouse {
  readonly house: House
  readonly desk: Desk
  readonly needs: LoginNeeds
  readonly login: LoginService
  readonly outbox: Outbox
  readonly outboxNeeds: OutboxNeeds
  readonly mailbox: Mailbox
  /** Of the limits and the outbox; challenges go by the database's clock (see `age`). */
  readonly clock: ManualClock
  readonly results: LoginResult[]
  readonly mailed: MailResult[]
  readonly limited: LimitName[]
  /** An active account with this address. @returns its id */
  person(part?: {
    readonly email?: string
    readonly tenants?: readonly string[]
  }): Promise<{ readonly user: string; readonly email: string }>
  /** Asks, and waits until the mail has left or was dropped. */
  ask(email: string, browser?: Visitor, part?: Partial<LoginStart>): Promise<{ readonly challengeId: string; readonly browser: Visitor }>
  /** Of the newest mail to this address. */
  secretsFor(email: string): { readonly token: string; readonly code: string }
  mailsTo(email: string): number
  challenge(id: string): Promise<ChallengeRecord>
  /** As if a challenge had been asked for, and consumed, this much earlier. */
  age(challengeId: string, ms: number): Promise<void>
  close(): Promise<void>
}

/** One that nobody has met: a network and a cookie of its own. */
export function newBrowser(part: Partial<Visitor> = {}): Visitor {
  const [a = 0, b = 0, c = 0] = systemRandom.bytes(3)
  const agent = 'Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0'
  return { address: `10.${a}.${b}.${c}`, agent, binding: newSecret(systemRandom), requestId: randomUUID(), ...part }
}

export function newEmail(): string {
  return `p${randomUUID()}@hospital.example`
}

export async function openLoginHouse(
  database?: Database,
  settings: Partial<LoginNeeds['settings']> = {},
  part: Partial<OutboxNeeds> = {},
): Promise<LoginHouse> {
  const house = await openHouse(bundleOf({ coder: ['coding.read'] }), database)
  const desk = await openDesk(house)
  const { store, witness } = house
  await store.change(({ identity }) => identity.updateClient({ id: CLIENT, name: 'Coding', redirectUris: [REDIRECT] }))
  const clock = new ManualClock()
  const mailbox = new Mailbox({ clock, random: systemRandom })
  const codeKeys = [Buffer.from(systemRandom.bytes(32))]
  const limitKey = systemRandom.bytes(32)
  witness.keep('identity secret', limitKey, ...codeKeys)
  const results: LoginResult[] = []
  const mailed: MailResult[] = []
  const limited: LimitName[] = []
  const chosen = { signUp: false, sameBrowser: false, ...settings }
  const outboxNeeds: OutboxNeeds = {
    store,
    random: systemRandom,
    codeKeys,
    base: BASE,
    signUp: chosen.signUp,
    clock,
    log: witness.log,
    observe: { mailed: (result) => void mailed.push(result) },
    ...part,
    mailer: witness.overhearMails(part.mailer ?? mailbox),
  }
  const outbox = new Outbox(outboxNeeds)
  const needs: LoginNeeds = {
    store,
    random: systemRandom,
    limits: openLimits({
      limiter: new MemoryLimiter({ clock }),
      key: limitKey,
      observe: { limited: (name) => void limited.push(name) },
    }),
    ring: () => outbox.ring(),
    codeKeys,
    refreshKeys: desk.needs.refreshKeys,
    issuer: desk.issuer,
    acknowledgement: house.freshness.acknowledgement,
    settings: chosen,
    observe: { loggedIn: (result) => void results.push(result) },
  }
  const login = witness.overhear(openLogin(needs))
  const mailsTo = (email: string) => mailbox.list().filter((mail) => mail.to === email)
  return {
    house,
    desk,
    needs,
    login,
    outbox,
    outboxNeeds,
    mailbox,
    clock,
    results,
    mailed,
    limited,
    person: async ({ email = newEmail(), tenants = [] } = {}) => {
      const user = randomUUID()
      await house.administration.putUser(house.context, { user, email })
      for (const tenant of tenants) await house.administration.grant(house.context, { tenant, user, role: 'coder' })
      return { user, email }
    },
    ask: async (email, browser = newBrowser(), more = {}) => {
      const { challengeId, binding } = await login.start({ email, clientId: CLIENT, ...more }, browser)
      await outbox.settle()
      return { challengeId, browser: { ...browser, binding } }
    },
    secretsFor: (email) => {
      const [mail] = mailsTo(email)
      if (mail === undefined) throw new Error('There is no mail')
      return secretsOf(mail.text)
    },
    mailsTo: (email) => mailsTo(email).length,
    challenge: async (id) => {
      const challenge = await store.identity.findChallenge(id)
      if (challenge === undefined) throw new Error('There is no such challenge')
      return challenge
    },
    age: async (id, ms) => {
      const earlier = (column: string) => `${column} = ${column} - make_interval(secs => ${ms / 1_000})`
      const columns = ['created_at', 'expires_at', 'consumed_at'].map(earlier).join(', ')
      await house.database.knex.raw(`update login_challenge set ${columns} where id = ?`, [id])
    },
    close: async () => {
      await outbox.close()
      await house.close()
    },
  }
}

/** As a person reads them. */
export function secretsOf(text: string): { readonly token: string; readonly code: string } {
  return { token: /#([A-Za-z0-9_-]{43})$/m.exec(text)?.[1] ?? 'none', code: /^(\d{6})$/m.exec(text)?.[1] ?? 'none' }
}
