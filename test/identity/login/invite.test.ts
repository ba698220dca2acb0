/** An invitation makes an account that may do nothing until somebody has read its mail, and never moves one that is there. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { inviteUser } from '../../../src/identity/login/invite.ts'
import type { Invitation } from '../../../src/identity/ports.ts'
import { INVITATION_LIFE_MS, LOGIN_LIFE_MS } from '../../../src/model/identity-limits.ts'
import { CLIENT, outcome } from '../session/desk.ts'
import { BODY, type LoginHouse, newBrowser, newEmail, openLoginHouse, REDIRECT } from './login-house.ts'

let at: LoginHouse
beforeAll(async () => {
  at = await openLoginHouse()
})
afterAll(() => at.close())

async function invite(part: Partial<Invitation> = {}, context = at.house.context) {
  const input = { user: randomUUID(), email: newEmail(), clientId: CLIENT, ...part }
  const changed = await inviteUser(at.needs, context, input)
  await at.outbox.settle()
  return { ...input, changed }
}

describe('who is invited', () => {
  it('may do nothing before the first login, and what their roles allow with it', async () => {
    const tenant = randomUUID()
    const { user, email } = await invite({ redirectUri: REDIRECT, displayName: 'Ann' })
    await at.house.administration.grant(at.house.context, { tenant, user, role: 'coder' })
    expect(await at.house.store.records.findUser(user)).toMatchObject({ state: 'invited', email, displayName: 'Ann' })
    expect(await at.house.check(user, tenant, 'coding.read')).toMatchObject({ allowed: false })
    const { token } = at.secretsFor(email)
    const browser = newBrowser({ binding: undefined })
    expect(await at.login.peek(token, browser)).toMatchObject({ kind: 'invitation', otherDevice: false })
    expect((await at.login.peek(token, browser)).device).toBeUndefined()
    expect(await at.login.verify({ token }, BODY, browser)).toMatchObject({
      otherDevice: false,
      redirectUri: REDIRECT,
      session: { user, tenant },
    })
    expect(await at.house.check(user, tenant, 'coding.read')).toMatchObject({ allowed: true })
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
  })

  it('was unknown before, not active until the first login, and is seen so by whoever asks about those times', async () => {
    const { store, administration, context, auditing, admin } = at.house
    const [tenant, user] = [randomUUID(), randomUUID()]
    const moment = async () => {
      const ms = await store.change((transaction) => transaction.nowMs())
      for (let nowMs = ms; nowMs <= ms; ) nowMs = await store.change((transaction) => transaction.nowMs())
      return ms
    }
    await administration.putTenant(context, { tenant })
    const before = await moment()
    const { email } = await invite({ user, redirectUri: REDIRECT })
    await administration.grant(context, { tenant, user, role: 'coder' })
    const invited = await moment()
    await at.login.verify({ token: at.secretsFor(email).token }, BODY, newBrowser())
    const active = await moment()
    // Later logins are no changes of the account.
    const { browser } = await at.ask(email)
    await at.login.verify({ token: at.secretsFor(email).token }, BODY, browser)
    await administration.deactivateUser(context, user)
    const then = (ms: number) => auditing.history.listPermissionsAt(admin, user, tenant, ms)
    expect(await then(before)).toMatchObject({ denied: 'UNKNOWN_USER' })
    expect(await then(invited)).toMatchObject({ denied: 'ACCOUNT_DEACTIVATED' })
    expect((await then(active)).permissions).toMatchObject([{ permission: 'coding.read' }])
    const holders = async (ms: number) =>
      (await auditing.history.listUsersAt(admin, { tenant, permission: 'coding.read', pageSize: 9 }, ms)).users.map((one) => one.user)
    expect([await holders(before), await holders(invited), await holders(active)]).toEqual([[], [], [user]])
  })

  it('has a week, and can ask for another mail by themselves', async () => {
    const { user, email } = await invite()
    const { target } = (await at.house.store.records.listAudit({ user, action: 'user.invite' }, null, { pageSize: 1 })).items[0] ?? {}
    await at.age(target ?? '', LOGIN_LIFE_MS + 1_000)
    const { token } = at.secretsFor(email)
    expect(await outcome(at.login.peek(token, newBrowser()))).toBe('ok')
    await at.age(target ?? '', INVITATION_LIFE_MS)
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
    const { browser } = await at.ask(email)
    expect(await outcome(at.login.verify({ token: at.secretsFor(email).token }, BODY, browser))).toBe('ok')
    expect(await at.house.store.records.findUser(user)).toMatchObject({ state: 'active' })
  })

  it('has nothing of an invitation once deactivated, nor once reactivated', async () => {
    const { user, email } = await invite()
    const { token } = at.secretsFor(email)
    await at.house.administration.deactivateUser(at.house.context, user)
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
    await at.house.administration.reactivateUser(at.house.context, user)
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
  })
})

describe('an invitation', () => {
  it('is not put an end to by somebody who asks for a login, but by the login itself', async () => {
    const { email } = await invite()
    const { token } = at.secretsFor(email)
    const { browser } = await at.ask(email)
    expect(await outcome(at.login.peek(token, newBrowser()))).toBe('ok')
    await at.login.verify({ token: at.secretsFor(email).token }, BODY, browser)
    expect(await outcome(at.login.verify({ token }, BODY, newBrowser()))).toBe('login_refused')
  })

  it('is good in its newest form alone', async () => {
    const first = await invite()
    const older = at.secretsFor(first.email).token
    await invite({ user: first.user, email: first.email.toUpperCase() })
    expect(await outcome(at.login.verify({ token: older }, BODY, newBrowser()))).toBe('login_refused')
    expect(await outcome(at.login.verify({ token: at.secretsFor(first.email).token }, BODY, newBrowser()))).toBe('ok')
  })

  it('leaves an account active that is', async () => {
    const { user, email } = await at.person()
    expect((await invite({ user, email })).changed.record.state).toBe('active')
  })

  it('is no way to move an account to another mailbox, nor into one that is taken, nor back from deactivation', async () => {
    const [one, other] = [await at.person(), await at.person()]
    expect(await outcome(invite({ user: one.user }))).toBe('conflict')
    expect(await outcome(invite({ email: other.email }))).toBe('conflict')
    await at.house.administration.deactivateUser(at.house.context, one.user)
    expect(await outcome(invite({ user: one.user, email: one.email }))).toBe('conflict')
    expect(at.mailsTo(other.email)).toBe(0)
  })

  it('gives an account that is there its first address for a caller key, never for a person, who could take it over so', async () => {
    const { house, desk } = at
    const { administration, context } = house
    const [officer, registered, tenant] = [await at.person(), randomUUID(), randomUUID()]
    await administration.grant(context, { tenant, user: officer.user, role: 'coder' })
    await administration.grant(context, { tenant, user: registered, role: 'coder' })
    const before = await desk.begin(registered, tenant)
    const { id: sessionId } = await desk.begin(officer.user, tenant)
    const person = { user: officer.user, sessionId, tenant, roles: ['coder'], policyRevision: house.policy.current().revision }
    const byPerson: typeof context = {
      caller: { id: `person:${officer.user}`, name: officer.user, scopes: ['administer'], tenants: null, person },
    }
    const email = newEmail()
    const refused = await invite({ user: registered, email }, byPerson).catch((fault) => fault)
    expect(refused).toMatchObject({ code: 'conflict', hint: expect.stringContaining('caller key') })
    expect(await house.store.records.findUser(registered)).toMatchObject({ email: null, epoch: 0 })
    expect(at.mailsTo(email)).toBe(0)
    const own = await invite({}, byPerson)
    expect((await invite({ user: own.user, email: own.email }, byPerson)).changed.record).toMatchObject({ state: 'invited', epoch: 0 })

    const { changed } = await invite({ user: registered, email })
    expect(changed.record).toMatchObject({ email, epoch: 1, state: 'active' })
    expect(await desk.find(before)).toMatchObject({ revokedReason: 'account' })
    const { revocations } = await house.store.identity.listRevocations(0, 1_000)
    expect(revocations.filter((row) => row.user === registered)).toMatchObject([{ epoch: 1, position: changed.position }])
    expect(await outcome(at.login.verify({ token: at.secretsFor(email).token }, BODY, newBrowser()))).toBe('ok')
  })

  it('takes the scope and all tenants', async () => {
    const { context } = at.house
    const limited = (part: Partial<typeof context.caller>) => ({ ...context, caller: { ...context.caller, ...part } })
    expect(await outcome(invite({}, limited({ scopes: ['decide', 'audit'] })))).toBe('permission_denied')
    expect(await outcome(invite({}, limited({ tenants: ['north'] })))).toBe('permission_denied')
  })

  it('is refused with each field at fault named', async () => {
    const fault = await invite({ user: '', email: 'a@b.example,c@d.example', clientId: '' }).catch((error) => error)
    expect(fault).toMatchObject({ code: 'request_invalid', violations: [{ field: 'user' }, { field: 'email' }, { field: 'clientId' }] })
    expect(await outcome(invite({ clientId: 'nobody' }))).toBe('request_invalid')
    expect(await outcome(invite({ redirectUri: `${REDIRECT}x` }))).toBe('request_invalid')
  })
})
