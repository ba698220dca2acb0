/** A session moved to another tenant: who may, what is kept, and that what ends one session of a login ends all of them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { endSession, endSessions } from '../../../src/access/sessions.ts'
import { LIMITS } from '../../../src/identity/limits.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'
import { memoryLimits } from '../transport/identity-wires.ts'
import { CLIENT, type Desk, openDesk, outcome, visitor } from './desk.ts'

const PAGE = { pageSize: 200 }
const THIEF = { ...visitor, agent: 'curl' }

describe('token exchange (RFC 8693)', () => {
  let house: House
  let desk: Desk
  let serial = 0
  const fresh = (name: string) => `${name}-${++serial}`
  const isActive = async (token: string) => (await desk.sessions.introspect(token))['active']
  const auditOf = async (user: string, action = 'session.exchange') => {
    const { items } = await house.administration.listAudit(house.admin, { user }, PAGE)
    return items.filter((row) => row.action === action)
  }
  /** A coder in north and a payer in south, who has just logged in to north. */
  const login = async () => {
    const user = fresh('ann')
    await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
    await house.administration.grant(house.context, { user, tenant: 'south', role: 'payer' })
    const session = await desk.begin(user, 'north')
    return { user, session, token: desk.tokenOf(session) }
  }
  const exchange = (token: string, tenant: string) => desk.sessions.exchange(token, tenant, CLIENT, visitor)
  const reasonOf = async (session: SessionRecord) => (await desk.find(session)).revokedReason

  beforeAll(async () => {
    house = await openHouse(bundleOf({ coder: ['stay.read'], payer: ['pay.create'] }))
    desk = await openDesk(house)
    for (const tenant of ['north', 'south', 'shut']) await house.administration.putTenant(house.context, { tenant })
  })
  afterAll(() => house.close())

  it('begins a session of the same login in another tenant, with its means and its end, and leaves the token as it was', async () => {
    const { user, session, token } = await login()
    const after = await exchange(token, 'south')
    expect(await desk.sessions.introspect(after.accessToken)).toMatchObject({ active: true, tid: 'south', pc: 't.0' })
    const kept = { loginId: session.id, authenticatedAtMs: session.authenticatedAtMs, amr: ['email'], expiresAtMs: session.expiresAtMs }
    expect(after.session).toMatchObject({ ...kept, tenant: 'south', counter: 0 })
    expect(after.session.id).not.toBe(session.id)
    expect(await desk.find(session)).toEqual(session)
    expect(await auditOf(user)).toMatchObject([
      {
        result: 'applied',
        before: { session: session.id, tenant: 'north' },
        after: { session: after.session.id, tenant: 'south' },
      },
    ])
    for (const each of [token, after.refreshToken]) expect(await outcome(desk.sessions.refresh(each, CLIENT, visitor))).toBe('ok')
  })

  it('takes no access token, of nobody: each service that is sent one could keep the login', async () => {
    const { token } = await login()
    const { accessToken } = await desk.sessions.refresh(token, CLIENT, visitor)
    expect(await isActive(accessToken)).toBe(true)
    expect(await outcome(exchange(accessToken, 'south'))).toBe('invalid_request')
    const service = { id: 'reception', name: 'reception', scopes: ['decide'], tenants: null } as const
    const granted = await desk.sessions.grantToService(service, undefined, visitor)
    expect(await outcome(desk.sessions.exchange(granted.accessToken, 'south', 'reception', visitor))).toBe('invalid_request')
  })

  it('never makes a login last longer, however often it is done', async () => {
    const { user } = await login()
    const session = await desk.begin(user, 'north', { expiresAtMs: Date.now() + 3_600_000 })
    let token = desk.tokenOf(session)
    for (const tenant of ['south', 'north', 'south']) {
      const next = await exchange(token, tenant)
      expect(next.session).toMatchObject({
        loginId: session.loginId,
        expiresAtMs: session.expiresAtMs,
        idleExpiresAtMs: session.expiresAtMs,
      })
      token = next.refreshToken
    }
  })

  it('is refused to the same tenant, to those in which the person has nothing in force, and by what is not theirs', async () => {
    const user = fresh('ann')
    const grant = (tenant: string, window = {}) => house.administration.grant(house.context, { user, tenant, role: 'coder', ...window })
    await grant('north')
    await grant('shut')
    await grant('south', { validFromMs: Date.now() + 3_600_000 })
    await house.administration.suspendTenant(house.context, 'shut')
    const session = await desk.begin(user, 'north')
    const token = desk.tokenOf(session)
    for (const tenant of ['north', 'south', 'shut', 'nowhere', '', '\0', 'x'.repeat(300)])
      expect([tenant, await outcome(exchange(token, tenant))]).toEqual([tenant, 'invalid_target'])
    expect((await auditOf(user)).map((row) => row.result)).toEqual(Array(7).fill('refused'))
    for (const text of ['', 'junk', 'a.b.c', 'A'.repeat(72), 'A'.repeat(10_240)])
      expect(await outcome(exchange(text, 'south'))).toBe('invalid_request')
    expect(await outcome(desk.sessions.exchange(token, 'south', 'other', visitor))).toBe('invalid_request')
    // What everybody may try leaves no row.
    expect(await auditOf(user)).toHaveLength(7)
    expect(await desk.find(session)).toEqual(session)
    await house.administration.resumeTenant(house.context, 'shut')
  })

  it('takes a token that is a cookie from the cookie only, and another one from a body only', async () => {
    const { user, token } = await login()
    const byCookie = await desk.begin(user, 'north', { cookie: true })
    for (const [presented, inCookie] of [
      [token, true],
      [desk.tokenOf(byCookie), false],
    ] as const) {
      expect(await outcome(desk.sessions.exchange(presented, 'south', CLIENT, visitor, inCookie))).toBe('invalid_request')
      expect(await outcome(desk.sessions.refresh(presented, CLIENT, visitor, inCookie))).toBe('invalid_grant')
    }
    const moved = await desk.sessions.exchange(desk.tokenOf(byCookie), 'south', CLIENT, visitor, true)
    expect(moved.session.cookie).toBe(true)
    expect(await outcome(desk.sessions.refresh(moved.refreshToken, CLIENT, visitor, true))).toBe('ok')
  })

  it('takes the token before the newest one as a refresh does: at once and from the same agent', async () => {
    const { session, token } = await login()
    await desk.sessions.refresh(token, CLIENT, visitor)
    expect((await exchange(token, 'south')).session.loginId).toBe(session.id)
    expect(await outcome(desk.sessions.exchange(token, 'south', CLIENT, THIEF))).toBe('invalid_request')
    expect(await reasonOf(session)).toBe('reuse')
  })

  it('of an old token ends the login, and everything that was made of it', async () => {
    const { user, session, token } = await login()
    const moved = await exchange(token, 'south')
    const first = await desk.sessions.refresh(token, CLIENT, visitor)
    const second = await desk.sessions.refresh(first.refreshToken, CLIENT, visitor)
    expect(await outcome(exchange(token, 'south'))).toBe('invalid_request')
    expect(desk.results.at(-1)).toBe('reused')
    expect(await Promise.all([session, moved.session].map(reasonOf))).toEqual(['reuse', 'reuse'])
    expect(await Promise.all([second, moved].map(({ accessToken }) => isActive(accessToken)))).toEqual([false, false])
    const { revocations } = await house.store.identity.listRevocations(0, 1_000)
    const told = revocations.filter((row) => row.user === user).map((row) => row.sessionId)
    expect(told.sort()).toEqual([session.id, moved.session.id].sort())
    expect(await outcome(exchange(second.refreshToken, 'south'))).toBe('invalid_request')
  })

  it.each<[string, (of: { user: string; session: SessionRecord; token: string }, moved: SessionRecord) => Promise<unknown>, string]>([
    ['an old token of one', async ({ token }) => outcome(desk.sessions.refresh(token, CLIENT, THIEF)), 'reuse'],
    ['logging out of one', ({ user, session }) => desk.sessions.logOut(personOf(user, session), 'this', visitor), 'logout'],
    ['logging out of the moved one', ({ user }, moved) => desk.sessions.logOut(personOf(user, moved), 'this', visitor), 'logout'],
    ['its owner, of one', ({ user, session }, moved) => desk.sessions.end(personOf(user, session), moved.id, visitor), 'logout'],
    ['revoking the token of one', ({ token }) => desk.sessions.revoke(token, CLIENT, visitor), 'logout'],
    ['an administrator, of one', ({ user, session }) => endSession(house, house.context, user, session.id), 'administrator'],
    ['an administrator, of the moved one', ({ user }, moved) => endSession(house, house.context, user, moved.id), 'administrator'],
    ['an administrator, of all', ({ user }) => endSessions(house, house.context, user), 'administrator'],
  ])('and %s ends every session of the login', async (name, end, reason) => {
    const mine = await login()
    const other = await desk.begin(mine.user, 'north')
    const moved = await exchange(mine.token, 'south')
    const again = await exchange(moved.refreshToken, 'north')
    await desk.sessions.refresh(mine.token, CLIENT, visitor)
    await end(mine, moved.session)
    expect(await Promise.all([mine.session, moved.session, again.session].map(reasonOf))).toEqual([reason, reason, reason])
    for (const { refreshToken, accessToken } of [moved, again]) {
      expect(await outcome(desk.sessions.refresh(refreshToken, CLIENT, visitor))).toBe('invalid_grant')
      expect(await isActive(accessToken)).toBe(false)
    }
    expect(await reasonOf(other)).toBe(name.endsWith('of all') ? reason : null)
  })

  it('and logging out the others leaves the sessions of this login', async () => {
    const { user, session, token } = await login()
    const other = await desk.begin(user, 'north')
    const moved = await exchange(token, 'south')
    await desk.sessions.logOut(personOf(user, moved.session), 'others', visitor)
    expect(await Promise.all([session, moved.session, other].map(reasonOf))).toEqual([null, null, 'logout'])
  })

  it('and signing out by a session that is over ends those of its login that are not', async () => {
    const { session, token } = await login()
    const moved = await exchange(token, 'south')
    const ended = `update login_session set idle_expires_at = created_at where id = ?`
    await house.database.knex.raw(ended, [session.id])
    await desk.sessions.revoke(token, CLIENT, visitor)
    expect(await reasonOf(moved.session)).toBe('logout')
  })

  it('is counted by person, whichever session asks', async () => {
    const limited = await openDesk(house, { ...desk.needs, limits: memoryLimits() })
    const { token } = await login()
    let presented = token
    for (let time = 0; time < LIMITS['exchange-user'].max; time++) {
      const moved = await limited.sessions.exchange(presented, time % 2 === 0 ? 'south' : 'north', CLIENT, visitor)
      presented = moved.refreshToken
    }
    for (const each of [token, presented])
      expect(await outcome(limited.sessions.exchange(each, 'south', CLIENT, visitor))).toBe('rate_limited')
    expect(await outcome(limited.sessions.exchange((await login()).token, 'south', CLIENT, visitor))).toBe('ok')
  })
})

function personOf(user: string, { id, tenant }: SessionRecord) {
  return { user, tenant, sessionId: id }
}
