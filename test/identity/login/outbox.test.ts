/** The mails of logins on their way: tried again when a real server refuses, never beyond their number, the newest link alone good. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { completeLogin } from '../../../src/identity/login/complete.ts'
import { SmtpMailer } from '../../../src/identity/mail/smtp.ts'
import { MAIL_ATTEMPTS_MAX, MAIL_INTERVAL_MS } from '../../../src/model/identity-limits.ts'
import { settle } from '../../support/manual-clock.ts'
import { until } from '../../support/redis.ts'
import { type MailServer, readable, startMailServer } from '../mail/mail-server.ts'
import { outcome } from '../session/desk.ts'
import { BODY, type LoginHouse, newBrowser, openLoginHouse, secretsOf } from './login-house.ts'

let server: MailServer
let mailer: SmtpMailer
let at: LoginHouse
/** Lines of the test before it are not this one's. */
let firstLine = 0
const lines = () => at.house.witness.lines.slice(firstLine)
beforeAll(async () => {
  server = await startMailServer()
  mailer = new SmtpMailer({ url: server.url, from: { name: undefined, address: 'login@hospital.example' } })
  at = await openLoginHouse(undefined, {}, { mailer })
}, 60_000)
afterAll(async () => {
  await at.close()
  mailer.close()
  await server.close()
})
beforeEach(() => {
  for (const list of [server.received, server.refusals, at.mailed]) list.splice(0)
  firstLine = at.house.witness.lines.length
})

const secretsIn = (nth: number) => secretsOf(readable(server.received[nth]?.raw ?? '').replaceAll('\r', ''))
/** Its wait is over, or its worker's lease. */
const due = (id: string) =>
  at.house.database
    .knex('login_challenge')
    .where({ id })
    .update({ mail_after: new Date(0) })

describe('a mail', () => {
  it('is tried again when the server has no time for it, and carries a link that works', async () => {
    const { email } = await at.person()
    server.refusals.push({ responseCode: 451, message: 'Later' })
    const { challengeId, browser } = await at.ask(email)
    expect(await at.challenge(challengeId)).toMatchObject({ mailState: 'waiting', mailAttempts: 1 })
    await at.outbox.settle()
    expect(server.received).toHaveLength(0)
    await due(challengeId)
    await at.outbox.settle()
    expect(at.mailed).toEqual(['postponed', 'sent'])
    expect(await at.challenge(challengeId)).toMatchObject({ mailState: 'sent', mailAttempts: 2 })
    expect(await outcome(at.login.verify({ token: secretsIn(0).token }, BODY, browser))).toBe('ok')
  })

  it('is given up after so many attempts, and at once when there is no such mailbox', async () => {
    const { email } = await at.person()
    for (let attempt = 0; attempt < MAIL_ATTEMPTS_MAX + 1; attempt++)
      server.refusals.push({ responseCode: 451, message: `Later, ${email}` })
    const { challengeId } = await at.ask(email)
    for (let attempt = 0; attempt < MAIL_ATTEMPTS_MAX + 3; attempt++) {
      await due(challengeId)
      await at.outbox.settle()
    }
    expect(await at.challenge(challengeId)).toMatchObject({ mailState: 'failed', mailAttempts: MAIL_ATTEMPTS_MAX })
    server.refusals.splice(0)
    server.refusals.push({ responseCode: 550, message: `Nobody is ${email}` })
    const gone = await at.ask((await at.person()).email)
    expect(await at.challenge(gone.challengeId)).toMatchObject({ mailState: 'failed', mailAttempts: 1 })
    expect(lines().length).toBeGreaterThan(0)
    expect(lines().join()).not.toContain(email)
  })

  it('that is sent twice, because a worker died in between, is good in its newest form alone', async () => {
    const { email } = await at.person()
    const { challengeId, browser } = await at.ask(email)
    // As it is when the worker dies after the server took the mail, and before that was written down.
    await at.house.database.knex('login_challenge').where({ id: challengeId }).update({ mail_state: 'waiting' })
    await due(challengeId)
    await at.outbox.settle()
    expect(server.received).toHaveLength(2)
    const [older, newer] = [secretsIn(0), secretsIn(1)]
    expect(await outcome(at.login.verify({ token: older.token }, BODY, browser))).toBe('login_refused')
    if (older.code !== newer.code)
      expect(await outcome(at.login.verify({ challengeId, code: older.code }, BODY, browser))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token: newer.token }, BODY, browser))).toBe('ok')
  })

  it('that is replaced while its link is being answered is worth nothing', async () => {
    const { email, user } = await at.person()
    const { challengeId, browser } = await at.ask(email)
    const answered = { challenge: await at.challenge(challengeId), way: 'link', otherDevice: false } as const
    await at.house.database.knex('login_challenge').where({ id: challengeId }).update({ mail_state: 'waiting' })
    await due(challengeId)
    await at.outbox.settle()
    const complete = (found: typeof answered) =>
      at.house.store.change((transaction) =>
        completeLogin(at.needs, transaction, { answered: found, user, tenants: [], choice: BODY, visitor: browser }),
      )
    await expect(complete(answered)).rejects.toMatchObject({ reason: 'replaced' })
    await expect(complete({ ...answered, challenge: await at.challenge(challengeId) })).resolves.toMatchObject({ repeated: false })
  })

  it('does not leave once its account is deactivated', async () => {
    const { email, user } = await at.person()
    server.refusals.push({ responseCode: 451, message: 'Later' })
    const { challengeId } = await at.ask(email)
    await at.house.administration.deactivateUser(at.house.context, user)
    await at.house.administration.reactivateUser(at.house.context, user)
    await due(challengeId)
    await at.outbox.settle()
    expect(server.received).toHaveLength(0)
    expect(await at.challenge(challengeId)).toMatchObject({ deadReason: 'deactivated' })
  })

  it('that nobody rang for is found by the next look', async () => {
    const { email } = await at.person()
    await at.outbox.settle()
    await at.login.start({ email, clientId: 'demo' }, newBrowser())
    await until(async () => {
      at.clock.advance(MAIL_INTERVAL_MS)
      await settle()
      return server.received.length === 1
    })
  })
})

it('logs nothing of what a mail says, nor to whom', async () => {
  const { email } = await at.person()
  server.refusals.push({ responseCode: 451, message: 'Later' })
  const { challengeId } = await at.ask(email)
  await due(challengeId)
  await at.outbox.settle()
  const { token, code } = secretsIn(0)
  for (const secret of [email, token, code]) expect(lines().join()).not.toContain(secret)
})
