/** Sessions as their owner and other services meet them: listed, ended, moved to another tenant, introspected. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { endSession, endSessions } from '../../../src/access/sessions.ts'
import type { Caller } from '../../../src/model/caller.ts'
import { SESSIONS_PER_USER_MAX } from '../../../src/model/limits.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'
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
  }, 180_000)
  afterAll(() => house.close())

  it('are listed to their owner while they live', async () => {
    const user = fresh('ann')
    const [one, two, other] = [await desk.begin(user), await desk.begin(user), await desk.begin(fresh('bea'))]
    expect(await ids(user)).toEqual([one.id, two.id].sort())
    await desk.sessions.end(user, one.id, visitor)
    expect(await ids(user)).toEqual([two.id])
    expect(await desk.find(one)).toMatchObject({ revokedReason: 'logout' })
    expect(await outcome(desk.sessions.end(user, other.id, visitor))).toBe('not_found')
    expect(await outcome(desk.sessions.end(user, 'no-session', visitor))).toBe('not_found')
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

    it('cannot be revoked, prove no person, and cannot be exchanged', async () => {
      const { accessToken } = await desk.sessions.grantToService(service, undefined, visitor)
      expect(await outcome(desk.sessions.revoke(accessToken, undefined, visitor))).toBe('unsupported_token_type')
      expect(await outcome(desk.sessions.person(accessToken))).toBe('unauthenticated')
      expect(await outcome(desk.sessions.exchange(accessToken, 'north', 'reception', visitor))).toBe('invalid_request')
    })

    it('end with their caller', async () => {
      const ending = { ...service, expiresAtMs: Date.now() + 30_000 }
      expect((await desk.sessions.grantToService(ending, undefined, visitor)).expiresInSeconds).toBeLessThanOrEqual(30)
    })
  })

  describe('token exchange (RFC 8693)', () => {
    it('begins a session in another tenant that keeps the login, its means and its end', async () => {
      const user = fresh('ann')
      await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
      await house.administration.grant(house.context, { user, tenant: 'south', role: 'payer' })
      const before = await pair(user, 'north')
      const after = await desk.sessions.exchange(before.accessToken, 'south', CLIENT, visitor)
      expect(await desk.sessions.introspect(after.accessToken)).toMatchObject({ active: true, tid: 'south', pc: 't.0' })
      expect(after.session).toMatchObject({ authenticatedAtMs: before.session.authenticatedAtMs, amr: ['email'], tenant: 'south' })
      expect(after.session.id).not.toBe(before.session.id)
      expect(after.session.expiresAtMs).toBe(before.session.expiresAtMs)
      expect(await isActive(before.accessToken)).toBe(true)
      expect(await outcome(desk.sessions.refresh(after.refreshToken, CLIENT, visitor))).toBe('ok')
      expect((await auditOf(user)).find((row) => row.action === 'session.exchange')).toMatchObject({
        result: 'applied',
        before: { session: before.session.id, tenant: 'north' },
        after: { session: after.session.id, tenant: 'south' },
      })
    })

    it('never makes a login last longer, however often it is done', async () => {
      const user = fresh('ann')
      await house.administration.grant(house.context, { user, tenant: 'north', role: 'coder' })
      const session = await desk.begin(user, 'north', { expiresAtMs: Date.now() + 3_600_000 })
      let { accessToken } = await desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor)
      for (let turn = 0; turn < 3; turn++) {
        const next = await desk.sessions.exchange(accessToken, 'north', CLIENT, visitor)
        expect(next.session.expiresAtMs).toBe(session.expiresAtMs)
        expect(next.session.idleExpiresAtMs).toBe(session.expiresAtMs)
        accessToken = next.accessToken
      }
    })

    it('is refused to tenants in which the person has nothing in force, and by what is not theirs', async () => {
      const user = fresh('ann')
      const grant = (tenant: string, window = {}) => house.administration.grant(house.context, { user, tenant, role: 'coder', ...window })
      await grant('north')
      await grant('shut')
      await grant('south', { validFromMs: Date.now() + 3_600_000 })
      await house.administration.suspendTenant(house.context, 'shut')
      const { accessToken, refreshToken } = await pair(user, 'north')
      for (const tenant of ['south', 'shut', 'nowhere', '', '\0', 'x'.repeat(300)])
        expect([tenant, await outcome(desk.sessions.exchange(accessToken, tenant, CLIENT, visitor))]).toEqual([tenant, 'invalid_target'])
      expect(await outcome(desk.sessions.exchange(accessToken, 'north', 'other', visitor))).toBe('invalid_request')
      expect(await outcome(desk.sessions.exchange(refreshToken, 'north', CLIENT, visitor))).toBe('invalid_request')
      await desk.sessions.revoke(refreshToken, CLIENT, visitor)
      expect(await outcome(desk.sessions.exchange(accessToken, 'north', CLIENT, visitor))).toBe('invalid_request')
      expect((await auditOf(user)).filter((row) => row.action === 'session.exchange' && row.result === 'refused')).toHaveLength(6)
      await house.administration.resumeTenant(house.context, 'shut')
    })
  })
})
