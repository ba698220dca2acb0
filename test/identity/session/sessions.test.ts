/** Sessions as their owner and other services meet them: listed, ended, introspected. Moved to another tenant: exchange.test.ts. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { endSession, endSessions } from '../../../src/access/sessions.ts'
import { LIMITS } from '../../../src/identity/limits.ts'
import type { Caller } from '../../../src/model/caller.ts'
import { SESSIONS_PER_USER_MAX } from '../../../src/model/identity-limits.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'
import { memoryLimits } from '../transport/identity-wires.ts'
import { CLIENT, type Desk, openDesk, outcome, visitor } from './desk.ts'

const PAGE = { pageSize: 200 }

describe('sessions', () => {
  let house: House
  let desk: Desk
  let serial = 0
  const fresh = (name: string) => `${name}-${++serial}`
  const ids = async (user: string) => (await desk.sessions.list(user, PAGE)).items.map((session) => session.id)
  const pair = async (user: string, tenant?: string) => {
    const session = await desk.begin(user, tenant)
    const { accessToken, refreshToken } = await desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor)
    return { session, accessToken, refreshToken }
  }
  const isActive = async (token: string) => (await desk.sessions.introspect(token))['active']
  const auditOf = async (user: string) => {
    const { items } = await house.administration.listAudit(house.admin, { user }, PAGE)
    return items
  }

  beforeAll(async () => {
    house = await openHouse(bundleOf({ coder: ['stay.read'], payer: ['pay.create'] }))
    desk = await openDesk(house)
    for (const tenant of ['north', 'south', 'shut']) await house.administration.putTenant(house.context, { tenant })
  })
  afterAll(() => house.close())

  it('are listed to their owner while they live', async () => {
    const user = fresh('ann')
    const [one, two, other] = [await desk.begin(user), await desk.begin(user), await desk.begin(fresh('bea'))]
    expect(await ids(user)).toEqual([one.id, two.id].sort())
    const person = { user, tenant: null, sessionId: two.id }
    await desk.sessions.end(person, one.id, visitor)
    expect(await ids(user)).toEqual([two.id])
    expect(await desk.find(one)).toMatchObject({ revokedReason: 'logout' })
    expect(await outcome(desk.sessions.end(person, other.id, visitor))).toBe('not_found')
    expect(await outcome(desk.sessions.end(person, 'no-session', visitor))).toBe('not_found')
    expect(await desk.find(other)).toMatchObject({ revokedAtMs: null })
  })

  it('log out alone, leaving the others, or all but the one that asks', async () => {
    const user = fresh('ann')
    const [one, two, three] = [await pair(user), await pair(user), await pair(user)]
    const person = (of: typeof one) => ({ user, tenant: null, sessionId: of.session.id })
    await desk.sessions.logOut(person(one), 'this', visitor)
    expect(await ids(user)).toEqual([two.session.id, three.session.id].sort())
    await desk.sessions.logOut(person(two), 'others', visitor)
    expect(await ids(user)).toEqual([two.session.id])
    expect(await Promise.all([one, two, three].map((each) => isActive(each.accessToken)))).toEqual([false, true, false])
  })

  it('that have ended already are ended again without a row, a feed position or the like, however often', async () => {
    const user = fresh('ann')
    const [one, two, mine] = [await pair(user), await pair(user), await pair(user)]
    const person = { user, tenant: null, sessionId: mine.session.id }
    await desk.sessions.logOut(person, 'others', visitor)
    const { position } = await house.store.identity.findSession(mine.session.id)
    const before = await auditOf(user)
    for (let time = 0; time < 10; time++) {
      await desk.sessions.logOut(person, 'others', visitor)
      await desk.sessions.end(person, one.session.id, visitor)
      for (const token of [two.refreshToken, desk.tokenOf(two.session), two.accessToken]) await desk.sessions.revoke(token, CLIENT, visitor)
    }
    expect(await auditOf(user)).toEqual(before)
    expect((await house.store.identity.findSession(mine.session.id)).position).toBe(position)
    expect(await ids(user)).toEqual([mine.session.id])
  })

  it('cannot be ended without end by the session that asks', async () => {
    const limits = memoryLimits()
    const limited = await openDesk(house, { ...desk.needs, limits })
    const session = await limited.begin(fresh('ann'))
    const { user, id: sessionId } = session
    const person = { user, tenant: null, sessionId }
    const asks = [
      () => limited.sessions.logOut(person, 'others', visitor),
      () => limited.sessions.end(person, randomUUID(), visitor),
      () => limited.sessions.revoke(limited.tokenOf(session), 'other', visitor),
    ]
    for (let time = 0; time < LIMITS['end-session'].max; time += asks.length)
      for (const ask of asks) expect(await outcome(ask())).not.toBe('rate_limited')
    for (const ask of asks) expect(await outcome(ask())).toBe('rate_limited')
    // Refreshing is counted apart, and so are others.
    expect(await outcome(limited.sessions.refresh(limited.tokenOf(session), CLIENT, visitor))).toBe('ok')
    expect(await outcome(limited.sessions.end({ ...person, sessionId: randomUUID() }, sessionId, visitor))).toBe('ok')
  })

  it('log out everywhere: nothing issued before works, a new login does', async () => {
    const user = fresh('ann')
    const old = await pair(user)
    await desk.sessions.logOut({ user, tenant: null, sessionId: old.session.id }, 'all', visitor)
    expect(await ids(user)).toEqual([])
    expect(await isActive(old.accessToken)).toBe(false)
    expect(await outcome(desk.sessions.refresh(old.refreshToken, CLIENT, visitor))).toBe('invalid_grant')
    expect(await outcome(desk.sessions.person(old.accessToken))).toBe('unauthenticated')
    expect(await house.administration.getUser(house.admin, user)).toMatchObject({ state: 'active', epoch: 1 })
    const { revocations } = await house.store.identity.listRevocations(0, 1_000)
    expect(revocations.filter((row) => row.user === user)).toMatchObject([{ epoch: 1 }])
    expect(await isActive((await pair(user)).accessToken)).toBe(true)
    expect((await auditOf(user)).find((row) => row.action === 'user.log-out')).toMatchObject({
      actor: 'identity',
      after: { epoch: 1, sessionsEnded: 1 },
    })
  })

  it('end by administrators, with a reason and a row for each, and once', async () => {
    const user = fresh('ann')
    const [one, two] = [await pair(user), await desk.begin(user)]
    const { record } = await endSession(house, house.context, user, one.session.id)
    expect(record).toMatchObject([{ id: one.session.id, revokedReason: 'administrator' }])
    expect(await endSession(house, house.context, user, one.session.id)).toMatchObject({ changed: false })
    expect((await endSessions(house, house.context, user)).record.map((session) => session.id)).toEqual([two.id])
    expect(await endSessions(house, house.context, user)).toMatchObject({ changed: false, record: [] })
    expect((await auditOf(user)).filter((row) => row.action === 'session.end').map((row) => [row.result, row.target])).toEqual([
      ['noop', null],
      ['applied', two.id],
      ['noop', one.session.id],
      ['applied', one.session.id],
    ])
    expect(await isActive(one.accessToken)).toBe(false)
    const nobody: Caller = { ...house.admin, scopes: ['decide'] }
    expect(await outcome(endSessions(house, { ...house.context, caller: nobody }, user))).toBe('permission_denied')
    expect(await outcome(endSessions(house, { caller: house.admin }, user))).toBe('request_invalid')
  })

  it('beyond the most that a user may have end the oldest, which is told', async () => {
    const user = fresh('ann')
    const oldest = await pair(user)
    const all = [oldest.session]
    for (let index = 1; index <= SESSIONS_PER_USER_MAX; index++) all.push(await desk.begin(user))
    expect(await ids(user)).toEqual(
      all
        .slice(1)
        .map((session) => session.id)
        .sort(),
    )
    expect(await isActive(oldest.accessToken)).toBe(false)
    const { revocations } = await house.store.identity.listRevocations(0, 1_000)
    expect(revocations.filter((row) => row.user === user)).toMatchObject([{ sessionId: oldest.session.id }])
  })

  describe('revocation (RFC 7009)', () => {
    it('of a refresh token, also an old one, and of an access token ends the session', async () => {
      for (const pick of ['old', 'new', 'access'] as const) {
        const { session, refreshToken, accessToken } = await pair(fresh('ann'))
        await desk.sessions.revoke({ old: desk.tokenOf(session), new: refreshToken, access: accessToken }[pick], CLIENT, visitor)
        expect(await desk.find(session)).toMatchObject({ revokedReason: 'logout' })
        expect(await isActive(accessToken)).toBe(false)
        // Again: it is over, and that is what was wanted.
        await desk.sessions.revoke(refreshToken, undefined, visitor)
      }
    })

    it('ignores what is not ours, and ends nothing for another application', async () => {
      const { session, refreshToken } = await pair(fresh('ann'))
      for (const text of ['', 'junk', 'a.b.c', 'A'.repeat(72)]) await desk.sessions.revoke(text, CLIENT, visitor)
      expect(await outcome(desk.sessions.revoke(refreshToken, 'other', visitor))).toBe('invalid_grant')
      expect(await desk.find(session)).toMatchObject({ revokedAtMs: null })
    })
  })

  describe('introspection (RFC 7662)', () => {
    it('tells what an access token stands for while its session, account and epoch hold', async () => {
      const user = fresh('ann')
      await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
      const { session, accessToken } = await pair(user, 'north')
      const told = await desk.sessions.introspect(accessToken)
      const expected = { active: true, sub: user, client_id: CLIENT, sid: session.id, tid: 'north', epoch: 0, pc: 't.1' }
      expect(told).toMatchObject({ ...expected, token_type: 'Bearer' })
      await house.administration.deactivateUser(house.context, user)
      expect(await desk.sessions.introspect(accessToken)).toEqual({ active: false })
      await house.administration.reactivateUser(house.context, user)
      expect(await desk.sessions.introspect(accessToken)).toEqual({ active: false })
    })

    it('tells nothing of refresh tokens and of what is not ours', async () => {
      const { refreshToken } = await pair(fresh('ann'))
      for (const text of [refreshToken, '', 'a.b.c', 'junk']) expect(await desk.sessions.introspect(text)).toEqual({ active: false })
    })

    it('tells of a service what it still has', async () => {
      const made = await house.administration.createCaller(house.context, { name: 'reception', scopes: ['decide', 'audit'] })
      const { accessToken, scope, expiresInSeconds } = await desk.sessions.grantToService(made.record, undefined, visitor)
      expect([scope, expiresInSeconds]).toEqual(['decide audit', 300])
      expect(await desk.sessions.introspect(accessToken)).toMatchObject({ active: true, sub: made.record.id, scope: 'decide audit' })
      await house.administration.revokeCaller(house.context, made.record.id)
      expect(await desk.sessions.introspect(accessToken)).toEqual({ active: false })
    })
  })

  describe('tokens for services', () => {
    const service: Caller = { id: 'reception', name: 'reception', scopes: ['decide', 'audit'], tenants: null }

    it('carry the scopes that were asked for, never more than the caller has, and are audited', async () => {
      expect(await desk.sessions.grantToService(service, 'audit', visitor)).toMatchObject({ scope: 'audit' })
      for (const scope of ['administer', 'decide administer', 'everything', '', ' ', 'decide evil'])
        expect(await outcome(desk.sessions.grantToService(service, scope, visitor))).toBe('invalid_scope')
      const { items } = await house.administration.listAudit(house.admin, { action: 'token.issue' }, PAGE)
      expect(items.filter((row) => row.target === 'reception')).toMatchObject([{ actor: 'identity', after: { scopes: ['audit'] } }])
    })

    it('cannot be revoked, and prove no person', async () => {
      const { accessToken } = await desk.sessions.grantToService(service, undefined, visitor)
      expect(await outcome(desk.sessions.revoke(accessToken, undefined, visitor))).toBe('unsupported_token_type')
      expect(await outcome(desk.sessions.person(accessToken))).toBe('unauthenticated')
    })

    it('end with their caller', async () => {
      const ending = { ...service, expiresAtMs: Date.now() + 30_000 }
      expect((await desk.sessions.grantToService(ending, undefined, visitor)).expiresInSeconds).toBeLessThanOrEqual(30)
    })
  })
})
