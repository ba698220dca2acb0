/** Asking for a login tells nothing of who is known, writes to nobody too often, and takes no address or redirect for another. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { AppError } from '../../../src/ground/errors.ts'
import { LIMITS } from '../../../src/identity/limits.ts'
import { openLogin } from '../../../src/identity/login/login.ts'
import { CODE_TRIES_MAX } from '../../../src/model/identity-limits.ts'
import { type HeardDatabase, hearStatements } from '../../support/statements.ts'
import { openTestPglite } from '../../support/stores.ts'
import { CLIENT, outcome } from '../session/desk.ts'
import { type LoginHouse, newBrowser, newEmail, openLoginHouse, REDIRECT } from './login-house.ts'

let heard: HeardDatabase
let at: LoginHouse
beforeAll(async () => {
  heard = hearStatements(await openTestPglite())
  at = await openLoginHouse(heard.database)
})
afterAll(async () => {
  await at.close()
  await heard.database.close()
})

/** Without the outbox, which is no part of the answer; it works afterwards. */
const silentLogin = () => openLogin({ ...at.needs, ring: () => undefined })

describe('the answer', () => {
  it('costs the same statements and has as many bytes for known, unknown, deactivated, uninvited and throttled addresses', async () => {
    const known = await at.person()
    const deactivated = await at.person()
    await at.house.administration.deactivateUser(at.house.context, deactivated.user)
    const throttled = await at.person()
    const busy = newBrowser()
    await at.ask(throttled.email, busy)
    await at.outbox.settle()
    const statementsOf = (email: string, browser = newBrowser()) =>
      heard.during(() => silentLogin().start({ email, clientId: CLIENT }, browser))
    const usual = await statementsOf(known.email)
    expect(usual.statements.some((sql) => sql.includes('insert into login_challenge'))).toBe(true)
    for (const [email, browser] of [
      [newEmail(), newBrowser()],
      [deactivated.email, newBrowser()],
      [throttled.email, busy],
    ] as const) {
      const other = await statementsOf(email, browser)
      expect(other.statements).toEqual(usual.statements)
      expect(Object.keys(other.result)).toEqual(Object.keys(usual.result))
      for (const key of ['challengeId', 'binding'] as const) expect(other.result[key]).toHaveLength(usual.result[key].length)
    }
    await at.outbox.settle()
    expect(at.mailsTo(throttled.email)).toBe(1)
  })

  it('keeps the cookie of a browser that has one, and makes one for whom has none or junk', async () => {
    const browser = newBrowser()
    expect((await at.ask(newEmail(), browser)).browser.binding).toBe(browser.binding)
    for (const binding of [undefined, 'short', `${'A'.repeat(42)}!`]) {
      const given = (await at.ask(newEmail(), newBrowser({ binding }))).browser.binding
      expect(given).toMatch(/^[A-Za-z0-9_-]{43}$/)
      expect(given).not.toBe(binding)
    }
  })
})

describe('guessing at a code', () => {
  it('costs the same statements for known, unknown and throttled addresses, and ends alike', async () => {
    const { email } = await at.person()
    const busy = newBrowser()
    await at.ask(email, busy)
    const asked = [await at.ask((await at.person()).email), await at.ask(newEmail()), await at.ask(email, busy)]
    const seen: (readonly string[])[] = []
    for (const { challengeId, browser } of asked) {
      const { statements } = await heard.during(async () => {
        for (let attempt = 0; attempt <= CODE_TRIES_MAX; attempt++)
          expect(await outcome(at.login.verify({ challengeId, code: 'wrong' }, { cookie: false }, browser))).toBe('login_refused')
      })
      seen.push(statements)
      expect(await at.challenge(challengeId)).toMatchObject({ tries: CODE_TRIES_MAX, deadReason: 'tries' })
    }
    expect(seen[0]?.length).toBeGreaterThan(CODE_TRIES_MAX)
    expect(seen[1]).toEqual(seen[0])
    expect(seen[2]).toEqual(seen[0])
  })
})

describe('limits', () => {
  it('let a browser ask once a minute for an address, and nobody hears of it', async () => {
    const { email } = await at.person()
    const browser = newBrowser()
    await at.ask(email, browser)
    await at.ask(email, browser)
    expect(at.mailsTo(email)).toBe(1)
    at.clock.advance(LIMITS['start-browser'].windowMs)
    await at.ask(email, browser)
    expect(at.mailsTo(email)).toBe(2)
  })

  it('let no sender fill a mailbox, whatever cookies it brings', async () => {
    const { email } = await at.person()
    const { address } = newBrowser()
    for (let nth = 0; nth < LIMITS['start-sender'].max + 3; nth++) await at.ask(email, newBrowser({ address }))
    expect(at.mailsTo(email)).toBe(LIMITS['start-sender'].max)
  })

  it('let not even many senders at once fill a mailbox', async () => {
    const { email } = await at.person()
    const asked = Array.from({ length: LIMITS['start-email'].max + 10 }, () => at.login.start({ email, clientId: CLIENT }, newBrowser()))
    const challenges = await Promise.all((await Promise.all(asked)).map(({ challengeId }) => at.challenge(challengeId)))
    await at.outbox.settle()
    const mayBeSent = await at.house.database.knex('login_challenge').where({ email }).whereNot({ mail_state: 'dropped' })
    expect(challenges).toHaveLength(LIMITS['start-email'].max + 10)
    expect(mayBeSent.length).toBeLessThanOrEqual(LIMITS['start-email'].max)
    expect(at.mailsTo(email)).toBeLessThanOrEqual(LIMITS['start-email'].max)
  })

  it('tell a network that asks too often, and an IPv6 network is a /64', async () => {
    const ask = (address: string) => at.login.start({ email: newEmail(), clientId: CLIENT }, newBrowser({ address }))
    for (let nth = 1; nth <= LIMITS['start-network'].max; nth++) await ask(`2001:db8:1:2::${nth}`)
    const fault: AppError = await ask('2001:db8:1:2:ffff::1').then(
      () => Promise.reject(new Error('let in')),
      (error) => error,
    )
    expect(fault.code).toBe('rate_limited')
    expect(fault.retryAfterSeconds).toBe(LIMITS['start-network'].windowMs / 1_000)
    expect(await outcome(ask('2001:db8:1:3::1'))).toBe('ok')
    expect(at.limited).toContain('start-network')
  })

  it('tell a network that tries too many links and codes', async () => {
    const browser = newBrowser()
    for (let nth = 0; nth < LIMITS['verify-network'].max; nth++)
      expect(await outcome(nth % 2 === 0 ? at.login.peek('x', browser) : at.login.verify({ token: 'x' }, { cookie: false }, browser))).toBe(
        'login_refused',
      )
    expect(await outcome(at.login.verify({ token: 'x' }, { cookie: false }, browser))).toBe('rate_limited')
    expect(await outcome(at.login.peek('x', browser))).toBe('rate_limited')
  })
})

describe('what is asked for', () => {
  const violationsOf = async (input: Parameters<LoginHouse['login']['start']>[0]) => {
    const fault: AppError = await at.login.start(input, newBrowser()).then(
      () => Promise.reject(new Error('let in')),
      (error) => error,
    )
    expect(fault.code).toBe('request_invalid')
    return fault.violations.map(({ field }) => field)
  }

  it.each([
    'a@hospital.example\r\nBcc: eve@evil.example',
    'a@hospital.example\nBcc:eve@evil.example',
    'a@hospital.example,eve@evil.example',
    'a@hospital.example;eve@evil.example',
    'a@hospital.example eve@evil.example',
    'Ann <a@hospital.example>',
    '<a@hospital.example>',
    '"a, b"@hospital.example',
    'a@hospital.example@evil.example',
    'a@evil.example\u2028',
    'a＠hospital.example，eve@evil.example',
    '',
    '@hospital.example',
    `${'a'.repeat(300)}@hospital.example`,
  ])('is one address and nothing else: %j is refused', async (email) => {
    expect(await violationsOf({ email, clientId: CLIENT })).toEqual(['email'])
  })

  it('finds a person however their address is typed', async () => {
    const { email } = await at.person()
    await at.ask(`${email.toUpperCase().replace('@', '＠')}`)
    expect(at.mailsTo(email)).toBe(1)
  })

  it.each([
    `${REDIRECT}/`,
    `${REDIRECT}?next=//evil.example`,
    `${REDIRECT}#x`,
    REDIRECT.toUpperCase(),
    REDIRECT.replace('hospital.example', 'hospital.example.evil.example'),
    REDIRECT.replace('https://', 'https://evil.example@'),
    REDIRECT.replace('https://app.', 'https://app.hospital.example@evil.'),
    REDIRECT.replace('app.', 'evilapp.'),
    '//evil.example',
    '/\\evil.example',
    'https:/\\evil.example',
    `${REDIRECT}\r\nLocation: https://evil.example`,
    REDIRECT.replace('hospital', 'hоspital'),
    'javascript:alert(1)',
    '',
  ])('leads where its application registered, character by character: %j is refused', async (redirectUri) => {
    expect(await violationsOf({ email: newEmail(), clientId: CLIENT, redirectUri })).toEqual(['redirectUri'])
  })

  it('is refused with each field at fault named', async () => {
    expect(await violationsOf({ email: 'x', clientId: '', tenant: '\0', locale: 'de' as 'en' })).toEqual([
      'email',
      'clientId',
      'tenant',
      'locale',
    ])
    expect(await violationsOf({ email: newEmail(), clientId: 'nobody' })).toEqual(['clientId'])
  })
})
