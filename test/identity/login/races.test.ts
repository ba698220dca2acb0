/** Logins at once, on real PostgreSQL: whatever the order, a link is worth one session and a mail is sent by one worker. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Outbox } from '../../../src/identity/login/outbox.ts'
import { CODE_TRIES_MAX } from '../../../src/model/identity-limits.ts'
import { openPostgresStore } from '../../support/stores.ts'
import { outcome } from '../session/desk.ts'
import { BODY, type LoginHouse, newBrowser, newEmail, openLoginHouse } from './login-house.ts'

let opened: Awaited<ReturnType<typeof openPostgresStore>>
let at: LoginHouse
beforeAll(async () => {
  opened = await openPostgresStore()
  at = await openLoginHouse(opened.database, { signUp: true })
})
afterAll(async () => {
  await at.close()
  await opened.close()
})

const TWENTY = Array.from({ length: 20 }, (_, nth) => nth)
const sessionsOf = async (user: string) => (await at.house.store.identity.listSessions(user, { pageSize: 100 })).items

describe('of twenty at once', () => {
  it('that bring one link, from as many browsers, one signs in', async () => {
    const { email, user } = await at.person()
    await at.ask(email)
    const { token } = at.secretsFor(email)
    const outcomes = await Promise.all(TWENTY.map(() => outcome(at.login.verify({ token }, BODY, newBrowser()))))
    expect(outcomes.filter((one) => one === 'ok')).toHaveLength(1)
    expect(new Set(outcomes)).toEqual(new Set(['ok', 'login_refused']))
    expect(await sessionsOf(user)).toHaveLength(1)
  })

  it('that bring one link from one browser, all get the same session', async () => {
    const { email, user } = await at.person()
    const { browser } = await at.ask(email)
    const { token } = at.secretsFor(email)
    const answers = await Promise.all(TWENTY.map(() => at.login.verify({ token }, BODY, { ...browser, address: newBrowser().address })))
    expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1)
    expect(await sessionsOf(user)).toHaveLength(1)
  })

  it('that guess a code, five are looked at', async () => {
    const { email } = await at.person()
    const { browser, challengeId } = await at.ask(email)
    const { code } = at.secretsFor(email)
    const guesses = TWENTY.map((nth) => String((Number(code) + nth + 1) % 1_000_000).padStart(6, '0'))
    await Promise.all(guesses.map((guess) => outcome(at.login.verify({ challengeId, code: guess }, BODY, browser))))
    expect(await at.challenge(challengeId)).toMatchObject({ tries: CODE_TRIES_MAX, deadReason: 'tries' })
    const { items } = await at.house.store.records.listAudit({ action: 'login.refuse' }, null, { pageSize: 100 })
    const looked = items.filter(({ target, reason }) => target === challengeId && reason === 'wrong code')
    expect(looked).toHaveLength(CODE_TRIES_MAX)
  })

  it('workers, one sends each mail', async () => {
    const workers = TWENTY.slice(0, 5).map(() => new Outbox(at.outboxNeeds))
    try {
      const people = await Promise.all(TWENTY.map(() => at.person()))
      await Promise.all(people.map(({ email }) => at.login.start({ email, clientId: 'demo' }, newBrowser())))
      await Promise.all(workers.map((worker) => worker.settle()))
      await Promise.all([...workers, at.outbox].map((worker) => worker.settle()))
      expect(people.map(({ email }) => at.mailsTo(email))).toEqual(people.map(() => 1))
    } finally {
      for (const worker of workers) await worker.close()
    }
  })
})

describe('at the same time', () => {
  it('as the account is deactivated, a login is refused or its session ended, twenty times', async () => {
    for (const _ of TWENTY) {
      const { email, user } = await at.person()
      const { browser } = await at.ask(email)
      const { token } = at.secretsFor(email)
      const [signedIn] = await Promise.allSettled([
        at.login.verify({ token }, BODY, browser),
        at.house.administration.deactivateUser(at.house.context, user),
      ])
      expect(await sessionsOf(user)).toEqual([])
      if (signedIn.status === 'fulfilled')
        expect(await outcome(at.desk.sessions.refresh(signedIn.value.refreshToken, 'demo', browser))).toBe('invalid_grant')
      expect(await outcome(at.login.verify({ token }, BODY, browser))).toBe('login_refused')
    }
  })

  it('two sign-ups with one address, by two applications, leave one account', async () => {
    const other = { id: randomUUID(), name: 'Other', redirectUris: [] }
    await at.house.store.change(({ identity }) => identity.insertClient(other))
    for (let round = 0; round < 5; round++) {
      const email = newEmail()
      const one = await at.ask(email)
      const first = at.secretsFor(email)
      const two = await at.ask(email, newBrowser(), { clientId: other.id })
      const second = at.secretsFor(email)
      const outcomes = await Promise.all([
        outcome(at.login.verify({ token: first.token }, BODY, one.browser)),
        outcome(at.login.verify({ token: second.token }, BODY, two.browser)),
      ])
      expect(outcomes.sort()).toEqual(['login_refused', 'ok'])
      expect(await at.house.store.identity.listUsersByEmail(email)).toHaveLength(1)
    }
  })
})
