/** What a link and a code are worth: once, for a while, to whom they were sent, and to nobody else. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TenantRequiredError } from '../../../src/identity/errors.ts'
import { LIMITS } from '../../../src/identity/limits.ts'
import { hashSecret } from '../../../src/identity/login/secrets.ts'
import { CODE_TRIES_MAX, LOGIN_LIFE_MS, LOGIN_REPEAT_MS } from '../../../src/model/identity-limits.ts'
import { CLIENT, outcome } from '../session/desk.ts'
import { BASE, BODY, type LoginHouse, newBrowser, newEmail, openLoginHouse, REDIRECT } from './login-house.ts'

let at: LoginHouse
beforeAll(async () => {
  at = await openLoginHouse()
})
afterAll(() => at.close())

const wrongCode = (code: string) => (code === '000000' ? '000001' : '000000')

describe('a link', () => {
  it('signs in once: another browser that has it too is refused', async () => {
    const { email, user } = await at.person()
    const { browser } = await at.ask(email, newBrowser(), { redirectUri: REDIRECT })
    const { token } = at.secretsFor(email)
    const signedIn = await at.login.verify({ token }, BODY, browser)
    expect(signedIn).toMatchObject({
      redirectUri: REDIRECT,
      otherDevice: false,
      session: { user, clientId: CLIENT, amr: ['email'], tenant: null },
    })
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser({ binding: undefined })))).toBe('login_refused')
  })

  it('is dead one second after its time', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    await at.age(challengeId, LOGIN_LIFE_MS + 1_000)
    const { token, code } = at.secretsFor(email)
    expect(await outcome(at.login.peek(token, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('login_refused')
  })

  it('gives the same browser the same session for a minute, as long as nobody has refreshed it', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const first = await at.login.verify({ token }, BODY, browser)
    const again = await at.login.verify({ token }, BODY, browser)
    expect(again.session.id).toBe(first.session.id)
    expect(again.refreshToken).toBe(first.refreshToken)
    // What went into a body once is not moved into a cookie, nor the other way round.
    expect(await outcome(at.login.verify({ token }, { cookie: true }, browser))).toBe('login_refused')
    await at.age(challengeId, LOGIN_REPEAT_MS + 1_000)
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
  })

  it('is of no use to its browser once the session was refreshed', async () => {
    const { email } = await at.person()
    const { browser } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const { refreshToken } = await at.login.verify({ token }, BODY, browser)
    await at.desk.sessions.refresh(refreshToken, CLIENT, browser)
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
  })

  it('is worth nothing with another spelling', async () => {
    const { email } = await at.person()
    const { browser } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // The last character has two bits that mean nothing: three more spellings of the same bytes.
    const last = alphabet.indexOf(token.at(-1) ?? '')
    for (const spare of [1, 2, 3]) {
      const twin = token.slice(0, -1) + alphabet[last ^ spare]
      expect(Buffer.from(twin, 'base64url')).toEqual(Buffer.from(token, 'base64url'))
      expect(await outcome(at.login.verify({ token: twin }, BODY, browser))).toBe('login_refused')
    }
    for (const junk of ['', `${token}=`, ` ${token}`, token.slice(1), 'x'.repeat(10_000)])
      expect(await outcome(at.login.verify({ token: junk }, BODY, newBrowser()))).toBe('login_refused')
  })

  it('is replaced by the next one that the same browser asks for', async () => {
    const { email } = await at.person()
    const { browser } = await at.ask(email)
    const older = at.secretsFor(email)
    // Too early: nothing is sent, so the link goes on.
    await at.ask(email, browser)
    expect(await outcome(at.login.peek(older.token, browser))).toBe('ok')
    at.clock.advance(LIMITS['start-browser'].windowMs)
    await at.ask(email, browser)
    const newer = at.secretsFor(email)
    expect(await outcome(at.login.verify({ token: older.token }, BODY, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token: newer.token }, BODY, newBrowser()))).toBe('ok')
  })

  it('can be looked at twenty times and more, and works then', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email, newBrowser(), { redirectUri: REDIRECT, locale: 'fr' })
    const { token } = at.secretsFor(email)
    const before = await at.challenge(challengeId)
    for (let look = 0; look < 25; look++) await at.login.peek(token, newBrowser())
    expect(await at.login.peek(token, browser)).toEqual({
      kind: 'login',
      maskedEmail: `p…@hospital.example`,
      application: 'Coding',
      askedAtMs: before.createdAtMs,
      device: 'Firefox, Windows',
      locale: 'fr',
      redirectUri: REDIRECT,
      otherDevice: false,
      tenants: [],
    })
    expect(await at.challenge(challengeId)).toEqual(before)
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('ok')
    expect(await outcome(at.login.peek(token, browser))).toBe('login_refused')
  })

  it('signs in the browser that holds it, never the one that asked, and says so', async () => {
    const { email } = await at.person()
    const { challengeId, browser } = await at.ask(email)
    const { token, code } = at.secretsFor(email)
    const holder = newBrowser({ binding: undefined })
    expect(await at.login.peek(token, holder)).toMatchObject({ otherDevice: true })
    expect(await at.login.verify({ token }, BODY, holder)).toMatchObject({ otherDevice: true })
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
  })

  it('lets nobody in whose account was deactivated, nor when it was reactivated; a new login does', async () => {
    const { email, user } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { token, code } = at.secretsFor(email)
    const refused = async () => {
      expect(await outcome(at.login.peek(token, browser))).toBe('login_refused')
      expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
      expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('login_refused')
    }
    await at.house.administration.deactivateUser(at.house.context, user)
    await refused()
    await at.house.administration.reactivateUser(at.house.context, user)
    await refused()
    const next = await at.ask(email)
    expect(await outcome(at.login.verify({ token: at.secretsFor(email).token }, BODY, next.browser))).toBe('ok')
  })

  it('is not revived by a session that was ended within the minute', async () => {
    const { email, user } = await at.person()
    const { browser } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const { session } = await at.login.verify({ token }, BODY, browser)
    await at.desk.sessions.end({ user, tenant: null, sessionId: session.id }, session.id, browser)
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
  })

  it('does not lead where its application may not go any more', async () => {
    const { email } = await at.person()
    const client = { id: randomUUID(), name: 'Short-lived' }
    const { store } = at.house
    await store.change(({ identity }) => identity.insertClient({ ...client, redirectUris: [REDIRECT] }))
    const { browser } = await at.ask(email, newBrowser(), { clientId: client.id, redirectUri: REDIRECT })
    const { token } = at.secretsFor(email)
    await store.change(({ identity }) => identity.updateClient({ ...client, redirectUris: [] }))
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
    await store.change(({ identity }) => identity.updateClient({ ...client, redirectUris: [REDIRECT] }))
    await store.change(({ identity }) => identity.revokeClient(client.id))
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
  })
})

describe('a code', () => {
  it('signs in the browser that asked, and no other', async () => {
    const { email, user } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { code } = at.secretsFor(email)
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, newBrowser()))).toBe('login_refused')
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, newBrowser({ binding: undefined })))).toBe('login_refused')
    // Others cannot use up the tries of its owner either.
    expect((await at.challenge(challengeId)).tries).toBe(0)
    expect(await at.login.verify({ challengeId, code }, BODY, browser)).toMatchObject({
      otherDevice: false,
      session: { user, amr: ['otp'] },
    })
  })

  it('is dead after five wrong ones, and the link with it', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { code, token } = at.secretsFor(email)
    for (let attempt = 0; attempt < CODE_TRIES_MAX; attempt++)
      expect(await outcome(at.login.verify({ challengeId, code: wrongCode(code) }, BODY, browser))).toBe('login_refused')
    expect(await at.challenge(challengeId)).toMatchObject({ tries: CODE_TRIES_MAX, deadReason: 'tries' })
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
  })

  it('is taken at the fifth try when that one is right', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { code } = at.secretsFor(email)
    for (let attempt = 1; attempt < CODE_TRIES_MAX; attempt++) await outcome(at.login.verify({ challengeId, code: '12345' }, BODY, browser))
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('ok')
  })

  it('is a try also when all else is rolled back; and without its audit row there is no login', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { code } = at.secretsFor(email)
    const { knex } = at.house.database
    await knex.raw(`alter table audit_event add constraint no_logins check (action <> 'login.succeed') not valid`)
    try {
      for (let attempt = 1; attempt <= 2; attempt++) {
        expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).not.toBe('ok')
        expect(await at.challenge(challengeId)).toMatchObject({ tries: attempt, consumedAtMs: null, sessionId: null })
      }
    } finally {
      await knex.raw('alter table audit_event drop constraint no_logins')
    }
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('ok')
  })

  it('is of its own challenge alone', async () => {
    const [one, other] = [await at.person(), await at.person()]
    const browser = newBrowser()
    const [mine, theirs] = [await at.ask(one.email, browser), await at.ask(other.email, browser)]
    const { code } = at.secretsFor(one.email)
    if (code !== at.secretsFor(other.email).code)
      expect(await outcome(at.login.verify({ challengeId: theirs.challengeId, code }, BODY, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ challengeId: mine.challengeId, code }, BODY, browser))).toBe('ok')
    for (const challengeId of [randomUUID(), 'junk', '', "' or true --"])
      expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('login_refused')
  })
})

describe('the tenant of a session', () => {
  const fresh = async (count: number) => {
    const tenants = Array.from({ length: count }, (_, nth) => `t${nth}-${randomUUID()}`)
    return { tenants, ...(await at.person({ tenants })) }
  }

  it('is the only one that the person has', async () => {
    const { email, tenants } = await fresh(1)
    const { browser } = await at.ask(email)
    const { session } = await at.login.verify({ token: at.secretsFor(email).token }, BODY, browser)
    expect(session.tenant).toBe(tenants[0])
  })

  it('is chosen where there are several; asking consumes nothing', async () => {
    const { email, tenants } = await fresh(2)
    const { browser, challengeId } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const fault = await at.login.verify({ token }, BODY, browser).catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(TenantRequiredError)
    expect((fault as TenantRequiredError).tenants.map(({ id }) => id)).toEqual(tenants)
    expect(await at.challenge(challengeId)).toMatchObject({ consumedAtMs: null })
    expect((await at.login.peek(token, browser)).tenants.map(({ id }) => id)).toEqual(tenants)
    const { session } = await at.login.verify({ token }, { ...BODY, tenant: tenants[1] as string }, browser)
    expect(session.tenant).toBe(tenants[1])
  })

  it('is the one that was asked for, when it is theirs', async () => {
    const { email, tenants } = await fresh(2)
    const { browser } = await at.ask(email, newBrowser(), { tenant: tenants[1] as string })
    const { token } = at.secretsFor(email)
    expect((await at.login.peek(token, browser)).tenants).toEqual([])
    expect((await at.login.verify({ token }, BODY, browser)).session.tenant).toBe(tenants[1])
  })

  it('is never one in which they have nothing', async () => {
    const { email } = await fresh(1)
    const { tenants: others } = await fresh(1)
    const { browser } = await at.ask(email)
    const { token } = at.secretsFor(email)
    expect(await outcome(at.login.verify({ token }, { ...BODY, tenant: others[0] as string }, browser))).toBe('login_refused')
    const asked = await at.ask(email, newBrowser(), { tenant: others[0] as string })
    expect(await outcome(at.login.verify({ token: at.secretsFor(email).token }, BODY, asked.browser))).toBe('login_refused')
  })
})

describe('the audit', () => {
  it('has a row for each login and each refusal that concerns a known challenge, and no secret in any', async () => {
    const { email, user } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { token, code } = at.secretsFor(email)
    await outcome(at.login.verify({ challengeId, code: wrongCode(code) }, BODY, browser))
    await at.login.verify({ token }, BODY, browser)
    await at.login.verify({ token }, BODY, browser)
    await outcome(at.login.verify({ token }, BODY, newBrowser()))
    await outcome(at.login.verify({ token: 'B'.repeat(43) }, BODY, newBrowser()))
    const { items } = await at.house.store.records.listAudit({ user }, null, { pageSize: 100 })
    expect(items.filter((row) => row.action.startsWith('login.')).map(({ action, result, reason }) => [action, result, reason])).toEqual([
      ['login.refuse', 'refused', 'used'],
      ['login.succeed', 'noop', null],
      ['login.succeed', 'applied', null],
      ['login.refuse', 'refused', 'wrong code'],
    ])
    const all = JSON.stringify(await at.house.database.knex('audit_event').select())
    for (const secret of [token, browser.binding as string]) {
      expect(all).not.toContain(secret)
      expect(all).not.toContain(Buffer.from(hashSecret(secret)).toString('hex'))
    }
    expect(JSON.stringify(items)).not.toContain(`"${code}"`)
  })
})

describe('a mail', () => {
  it('links to the address of the settings, in the fragment', async () => {
    const { email } = await at.person()
    await at.ask(email)
    const [mail] = at.mailbox.list()
    const { token } = at.secretsFor(email)
    expect(mail?.text).toContain(`\n${BASE}/login/verify#${token}\n`)
    expect(mail?.html).toContain(`href="${BASE}/login/verify#${token}"`)
  })

  it('is sent to nobody who is unknown, deactivated, or one of two with the same address', async () => {
    const deactivated = await at.person()
    await at.house.administration.deactivateUser(at.house.context, deactivated.user)
    const twins = newEmail()
    for (const user of [randomUUID(), randomUUID()])
      await at.house.database.knex('subject').insert({ id: user, email: twins.toUpperCase() })
    for (const email of [newEmail(), deactivated.email, twins]) {
      const { challengeId } = await at.ask(email)
      expect(at.mailsTo(email)).toBe(0)
      expect(await at.challenge(challengeId)).toMatchObject({ mailState: 'dropped', tokenHash: null })
    }
  })
})

describe('where only the browser that asked may sign in', () => {
  it('refuses the link on another device, and leaves it to the first', async () => {
    const strict = await openLoginHouse(undefined, { sameBrowser: true })
    try {
      const { email } = await strict.person()
      const { browser } = await strict.ask(email)
      const { token } = strict.secretsFor(email)
      expect(await outcome(strict.login.peek(token, newBrowser()))).toBe('login_refused')
      expect(await outcome(strict.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
      expect(await outcome(strict.login.verify({ token }, BODY, newBrowser({ binding: undefined })))).toBe('login_refused')
      expect(await outcome(strict.login.verify({ token }, BODY, browser))).toBe('ok')
    } finally {
      await strict.close()
    }
  })
})

describe('open sign-up', () => {
  it('registers who reads the mail, without tenant and roles; the same person signs in to the same account then', async () => {
    const open = await openLoginHouse(undefined, { signUp: true })
    try {
      const email = newEmail()
      const { browser } = await open.ask(email)
      const { token } = open.secretsFor(email)
      expect(await outcome(open.login.verify({ token }, { ...BODY, tenant: 'north' }, browser))).toBe('login_refused')
      const first = await open.login.verify({ token }, BODY, browser)
      expect(await open.house.store.records.findUser(first.session.user)).toMatchObject({ email, state: 'active' })
      expect((await open.login.verify({ token }, BODY, browser)).session.id).toBe(first.session.id)
      const next = await open.ask(email)
      const second = await open.login.verify({ token: open.secretsFor(email).token }, BODY, next.browser)
      expect(second.session).toMatchObject({ user: first.session.user, tenant: null })
    } finally {
      await open.close()
    }
  })

  it('is closed unless it is opened: a link of before does not register anybody either', async () => {
    const email = newEmail()
    await at.ask(email)
    expect(at.mailsTo(email)).toBe(0)
    expect(await at.house.store.identity.listUsersByEmail(email)).toEqual([])
  })
})
