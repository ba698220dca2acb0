/** Several who ask for one address, or for one person at several applications: nobody locks another out, and nobody guesses for long. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TenantRequiredError } from '../../../src/identity/errors.ts'
import { LIMITS } from '../../../src/identity/limits.ts'
import { inviteUser } from '../../../src/identity/login/invite.ts'
import { CODE_TRIES_MAX } from '../../../src/model/identity-limits.ts'
import { CLIENT, outcome } from '../session/desk.ts'
import { BODY, type LoginHouse, newBrowser, newEmail, openLoginHouse } from './login-house.ts'

let at: LoginHouse
beforeAll(async () => {
  at = await openLoginHouse()
})
afterAll(() => at.close())

const wrongCode = (code: string) => (code === '000000' ? '000001' : '000000')
const otherApplication = async () => {
  const id = randomUUID()
  await at.house.store.change(({ identity }) => identity.insertClient({ id, name: 'Other', redirectUris: [] }))
  return id
}

describe('who asks for the address of somebody else', () => {
  it('does not keep them from being written to, however often one network asks', async () => {
    const { email } = await at.person()
    const { address } = newBrowser()
    // As often as a network may within the hour, each time as another browser.
    for (let window = 0; window < LIMITS['start-sender'].windowMs / LIMITS['start-network'].windowMs; window++) {
      if (window > 0) at.clock.advance(LIMITS['start-network'].windowMs)
      for (let nth = 0; nth < LIMITS['start-network'].max; nth++) await at.login.start({ email, clientId: CLIENT }, newBrowser({ address }))
    }
    await at.outbox.settle()
    expect(at.mailsTo(email)).toBe(LIMITS['start-sender'].max)
    const { browser } = await at.ask(email)
    expect(at.mailsTo(email)).toBe(LIMITS['start-sender'].max + 1)
    expect(await outcome(at.login.verify({ token: at.secretsFor(email).token }, BODY, browser))).toBe('ok')
  })

  it('does not end what its owner asked for: link and code go on, until one of them signs in', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const own = at.secretsFor(email)
    await at.ask(email)
    const others = at.secretsFor(email)
    expect(others.token).not.toBe(own.token)
    expect(await outcome(at.login.peek(own.token, browser))).toBe('ok')
    const later = await at.ask(email)
    expect(await outcome(at.login.verify({ challengeId, code: own.code }, BODY, browser))).toBe('ok')
    const last = await at.ask(email)
    expect(await outcome(at.login.verify({ token: at.secretsFor(email).token }, BODY, last.browser))).toBe('ok')
    // The newest login ends every older one of the address, whoever asked for it.
    expect(await at.challenge(later.challengeId)).toMatchObject({ deadReason: 'superseded' })
    expect(await outcome(at.login.verify({ token: others.token }, BODY, newBrowser()))).toBe('login_refused')
  })
})

describe('who guesses at codes of one address', () => {
  /** Five wrong codes for a new challenge, or fewer when it is no longer compared. */
  const guess = async (email: string, browser = newBrowser()) => {
    const asked = await at.ask(email, browser)
    for (let nth = 0; nth < CODE_TRIES_MAX; nth++)
      await outcome(at.login.verify({ challengeId: asked.challengeId, code: wrongCode(at.secretsFor(email).code) }, BODY, asked.browser))
    return asked
  }

  it('has a hundred a day, over all challenges and networks; the link works on', async () => {
    const { email } = await at.person()
    for (let nth = 0; nth < LIMITS['code-email'].max / CODE_TRIES_MAX; nth++) {
      if (nth % 10 === 0) at.clock.advance(LIMITS['start-email'].windowMs)
      await guess(email)
    }
    at.clock.advance(LIMITS['start-email'].windowMs)
    const { challengeId, browser } = await at.ask(email)
    const { code, token } = at.secretsFor(email)
    expect(await outcome(at.login.verify({ challengeId, code }, BODY, browser))).toBe('login_refused')
    expect(at.limited).toContain('code-email')
    const { items } = await at.house.store.records.listAudit({ action: 'login.refuse' }, null, { pageSize: 1 })
    expect(items[0]).toMatchObject({ target: challengeId, reason: 'too many codes' })
    expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('ok')
    at.clock.advance(LIMITS['code-email'].windowMs)
    const next = await at.ask(email)
    expect(await outcome(at.login.verify({ challengeId: next.challengeId, code: at.secretsFor(email).code }, BODY, next.browser))).toBe(
      'ok',
    )
  })

  it('does not use up the codes of its owner, as long as it is one network', async () => {
    const { email } = await at.person()
    const { address } = newBrowser()
    for (let nth = 0; nth < (2 * LIMITS['code-email'].max) / CODE_TRIES_MAX; nth++) {
      at.clock.advance(LIMITS['start-sender'].windowMs / 4)
      await guess(email, newBrowser({ address }))
    }
    const { challengeId, browser } = await at.ask(email)
    expect(await outcome(at.login.verify({ challengeId, code: at.secretsFor(email).code }, BODY, browser))).toBe('ok')
  })

  it('ends the challenge with the fifth, also where none is compared any more', async () => {
    const { email } = await at.person()
    const { address } = newBrowser()
    for (let nth = 0; nth < LIMITS['code-sender'].max / CODE_TRIES_MAX; nth++) await guess(email, newBrowser({ address }))
    at.clock.advance(LIMITS['verify-network'].windowMs)
    const { challengeId } = await guess(email, newBrowser({ address }))
    expect(await at.challenge(challengeId)).toMatchObject({ tries: CODE_TRIES_MAX, deadReason: 'tries' })
  })
})

describe('an invitation', () => {
  it('ends with a login by another application, whichever of the two was asked for first', async () => {
    const other = await otherApplication()
    for (const isInvitedFirst of [true, false]) {
      const email = newEmail()
      const user = randomUUID()
      await at.house.administration.putUser(at.house.context, { user, email })
      const invite = async () => {
        await inviteUser(at.needs, at.house.context, { user, email, clientId: CLIENT })
        await at.outbox.settle()
        return at.secretsFor(email)
      }
      const before = isInvitedFirst ? await invite() : undefined
      const { browser } = await at.ask(email, newBrowser(), { clientId: other })
      const { token } = at.secretsFor(email)
      const invitation = before ?? (await invite())
      expect(await outcome(at.login.peek(invitation.token, newBrowser()))).toBe('ok')
      expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('ok')
      expect(await outcome(at.login.verify({ token: invitation.token }, BODY, newBrowser()))).toBe('login_refused')
    }
  })

  it('of somebody else does not', async () => {
    const email = newEmail()
    await inviteUser(at.needs, at.house.context, { user: randomUUID(), email, clientId: CLIENT })
    await at.outbox.settle()
    const { token } = at.secretsFor(email)
    const another = await at.person()
    const { browser } = await at.ask(another.email)
    expect(await outcome(at.login.verify({ token: at.secretsFor(another.email).token }, BODY, browser))).toBe('ok')
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('ok')
  })
})

it('consumes nothing when a right code, even as the last try, comes without the tenant that has to be chosen', async () => {
  const tenants = [randomUUID(), randomUUID()] as const
  const { email } = await at.person({ tenants })
  const { browser, challengeId } = await at.ask(email)
  const { code } = at.secretsFor(email)
  for (let attempt = 1; attempt < CODE_TRIES_MAX; attempt++)
    expect(await outcome(at.login.verify({ challengeId, code: wrongCode(code) }, BODY, browser))).toBe('login_refused')
  for (let time = 0; time < 3; time++)
    await expect(at.login.verify({ challengeId, code }, BODY, browser)).rejects.toBeInstanceOf(TenantRequiredError)
  expect(await at.challenge(challengeId)).toMatchObject({ tries: CODE_TRIES_MAX - 1, deadReason: null, consumedAtMs: null })
  expect((await at.login.verify({ challengeId, code }, { ...BODY, tenant: tenants[1] }, browser)).session.tenant).toBe(tenants[1])
})
