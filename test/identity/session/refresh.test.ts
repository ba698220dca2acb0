/** Refreshing on real PostgreSQL, where requests race: one successor, no token after a revocation that was answered. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { endSessions } from '../../../src/access/sessions.ts'
import { makeRefreshToken, parseRefreshToken } from '../../../src/identity/session/refresh-token.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'
import { openPostgresStore } from '../../support/stores.ts'
import { CLIENT, type Desk, openDesk, outcome, visitor } from './desk.ts'

const TENANT = 'north'
const ROUNDS = 100

describe('refreshing', () => {
  let postgres: Awaited<ReturnType<typeof openPostgresStore>>
  let house: House
  let desk: Desk
  /** The same service, whose setting allows no grace. */
  let strict: Desk
  let serial = 0
  const fresh = (name: string) => `${name}-${++serial}`
  const auditOf = async (user: string, action = 'session.refresh') => {
    const { items } = await house.administration.listAudit(house.admin, { user }, { pageSize: 200 })
    return items.filter((row) => row.action === action).map((row) => [row.result, row.reason])
  }
  const counterOf = (token: string) => parseRefreshToken(desk.needs.refreshKeys, token)?.counter

  beforeAll(async () => {
    postgres = await openPostgresStore(60)
    house = await openHouse(bundleOf({ coder: ['stay.read'] }), postgres.database)
    await house.administration.putTenant(house.context, { tenant: TENANT })
    desk = await openDesk(house)
    strict = await openDesk(house, { ...desk.needs, graceMs: 0 })
  })
  afterAll(async () => {
    await house.close()
    await postgres.close()
  })

  it('gives a new pair, of which the refresh token is the next one and the access token proves the person', async () => {
    const user = fresh('ann')
    const session = await desk.begin(user, TENANT)
    const first = await desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor)
    expect(counterOf(first.refreshToken)).toBe(1)
    expect(await desk.sessions.person(first.accessToken)).toEqual({ user, tenant: TENANT, sessionId: session.id })
    const second = await desk.sessions.refresh(first.refreshToken, CLIENT, visitor)
    expect(counterOf(second.refreshToken)).toBe(2)
    expect(await auditOf(user)).toEqual([
      ['applied', null],
      ['applied', null],
    ])
  })

  it('answers 50 refreshes of one token at once with one successor', async () => {
    const session = await desk.begin(fresh('ann'))
    const token = desk.tokenOf(session)
    const answers = await Promise.all(Array.from({ length: 50 }, () => desk.sessions.refresh(token, CLIENT, visitor)))
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1)
    expect((await desk.find(session)).counter).toBe(1)
    expect(await auditOf(session.user)).toEqual([...Array(49).fill(['applied', 'grace']), ['applied', null]])
  })

  it('without grace, lets exactly one of 50 refreshes of one token at once succeed, and the family ends', async () => {
    const session = await strict.begin(fresh('ann'))
    const token = strict.tokenOf(session)
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(strict.sessions.refresh(token, CLIENT, visitor))))
    expect(outcomes.filter((one) => one === 'ok')).toHaveLength(1)
    expect(outcomes.filter((one) => one === 'invalid_grant')).toHaveLength(49)
    expect(await strict.find(session)).toMatchObject({ counter: 1, revokedReason: 'reuse' })
  })

  it('of an old token ends the family: its newest token and its access tokens are refused by then', async () => {
    const session = await strict.begin(fresh('ann'))
    const first = await strict.sessions.refresh(strict.tokenOf(session), CLIENT, visitor)
    expect(await outcome(strict.sessions.refresh(strict.tokenOf(session), CLIENT, visitor))).toBe('invalid_grant')
    expect(await outcome(strict.sessions.refresh(first.refreshToken, CLIENT, visitor))).toBe('invalid_grant')
    expect(await strict.sessions.introspect(first.accessToken)).toEqual({ active: false })
    expect(await auditOf(session.user)).toEqual([
      ['refused', 'revoked'],
      ['refused', 'reused'],
      ['applied', null],
    ])
    const { revocations } = await house.store.identity.listRevocations(0, 1_000)
    expect(revocations.filter((one) => one.sessionId === session.id)).toMatchObject([{ user: session.user }])
  })

  it('at once by another agent ends the family', async () => {
    const session = await desk.begin(fresh('ann'))
    await desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor)
    const thief = { ...visitor, agent: 'curl' }
    expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), CLIENT, thief))).toBe('invalid_grant')
    expect(await desk.find(session)).toMatchObject({ revokedReason: 'reuse' })
  })

  it('by a token ahead of the newest ends the family', async () => {
    const session = await desk.begin(fresh('ann'))
    const ahead = makeRefreshToken(desk.needs.refreshKeys, { sessionId: session.id, counter: 1 })
    expect(await outcome(desk.sessions.refresh(ahead, CLIENT, visitor))).toBe('invalid_grant')
    expect(await desk.find(session)).toMatchObject({ revokedReason: 'ahead' })
  })

  it('refuses a just-rotated token of a revoked session inside the grace', async () => {
    const session = await desk.begin(fresh('ann'))
    const { refreshToken } = await desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor)
    await desk.sessions.revoke(refreshToken, CLIENT, visitor)
    expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor))).toBe('invalid_grant')
    expect(desk.results.at(-1)).toBe('revoked')
  })

  it.each([
    ['a forged one', (session: SessionRecord) => makeRefreshToken([Buffer.alloc(32)], { sessionId: session.id, counter: 0 })],
    ['junk', () => 'junk'],
    ['nothing', () => ''],
    ['10 kB', () => 'A'.repeat(10_240)],
    ['one of no session', () => makeRefreshToken(desk.needs.refreshKeys, { sessionId: randomUUID(), counter: 0 })],
  ])('refuses %s, and logs nobody out', async (_, made) => {
    const session = await desk.begin(fresh('ann'))
    expect(await outcome(desk.sessions.refresh(made(session), CLIENT, visitor))).toBe('invalid_grant')
    expect(await auditOf(session.user)).toEqual([])
    expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor))).toBe('ok')
  })

  it('by another application is refused, and logs nobody out', async () => {
    const session = await desk.begin(fresh('ann'))
    expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), 'other', visitor))).toBe('invalid_grant')
    // Whoever finds a token could write rows for ever.
    expect(await auditOf(session.user)).toEqual([])
    expect(desk.results.at(-1)).toBe('other client')
    expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor))).toBe('ok')
  })

  it('changes nothing when its audit row cannot be written', async () => {
    const session = await desk.begin(fresh('ann'))
    const stale = await strict.begin(fresh('ann'))
    await strict.sessions.refresh(strict.tokenOf(stale), CLIENT, visitor)
    await postgres.database.knex.raw(`alter table audit_event add constraint no_refresh check (action <> 'session.refresh') not valid`)
    try {
      expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor))).toBe('store_unavailable')
      expect(await outcome(strict.sessions.refresh(strict.tokenOf(stale), CLIENT, visitor))).toBe('store_unavailable')
      expect(await desk.find(session)).toMatchObject({ counter: 0, revokedAtMs: null })
      expect(await strict.find(stale)).toMatchObject({ counter: 1, revokedAtMs: null })
    } finally {
      await postgres.database.knex.raw('alter table audit_event drop constraint no_refresh')
    }
    expect(await outcome(desk.sessions.refresh(desk.tokenOf(session), CLIENT, visitor))).toBe('ok')
  })

  /** What anybody holds after a race is of no use once the end of it was answered. */
  async function race(end: (session: SessionRecord, token: string) => Promise<unknown>, prepare: (user: string) => Promise<unknown>) {
    let won = 0
    for (let round = 0; round < ROUNDS; round++) {
      const user = fresh('racer')
      await prepare(user)
      const session = await desk.begin(user, TENANT)
      const token = desk.tokenOf(session)
      const refresh = () => desk.sessions.refresh(token, CLIENT, visitor)
      // Who begins first takes turns.
      const early = round % 2 === 0 ? [refresh(), refresh()] : []
      // … by a little more each time: a refresh looks at its session and its application before it takes its place.
      if (early.length > 0) for (let ahead = round % 8; ahead > 0; ahead--) await desk.find(session)
      const ended = end(session, token)
      const late = round % 2 === 0 ? [] : [refresh(), refresh()]
      const settled = await Promise.allSettled([...early, ...late])
      await ended
      for (const result of settled) {
        if (result.status === 'rejected') {
          expect(result.reason).toMatchObject({ code: 'invalid_grant' })
          continue
        }
        won += 1
        expect(await outcome(desk.sessions.refresh(result.value.refreshToken, CLIENT, visitor))).toBe('invalid_grant')
        expect(await desk.sessions.introspect(result.value.accessToken)).toEqual({ active: false })
      }
      expect(await outcome(desk.sessions.refresh(token, CLIENT, visitor))).toBe('invalid_grant')
      expect((await desk.find(session)).revokedAtMs).not.toBeNull()
    }
    expect(won).toBeGreaterThan(0)
  }

  it('and revoking race: nothing works after the revocation was answered', async () => {
    await race(
      (_, token) => desk.sessions.revoke(token, CLIENT, visitor),
      async () => undefined,
    )
  })

  it('and ending by an administrator race: nothing works after it was answered', async () => {
    await race(
      async (session) => {
        const { position } = await endSessions(desk.needs, house.context, session.user)
        await house.freshness.acknowledgement.effective(position)
      },
      async () => undefined,
    )
  })

  it('and deactivating race: nothing works after it was answered, nor after reactivation', async () => {
    await race(
      async (session) => {
        await house.administration.deactivateUser(house.context, session.user)
        if (serial % 2 === 0) await house.administration.reactivateUser(house.context, session.user)
      },
      (user) => house.administration.putUser(house.context, { user }),
    )
  })

  it('and moving to other tenants keep one live successor of each session whatever comes together, and end with their login', async () => {
    const step = fc.record({
      session: fc.nat(3),
      token: fc.nat(3),
      what: fc.oneof(
        { weight: 12, arbitrary: fc.constant('refresh') },
        { weight: 5, arbitrary: fc.constant('exchange') },
        { weight: 1, arbitrary: fc.constantFrom('revoke', 'log out', 'log out everywhere') },
      ),
      agent: fc.oneof({ weight: 9, arbitrary: fc.constant('Firefox') }, { weight: 1, arbitrary: fc.constant('curl') }),
      of: fc.boolean(),
    })
    const waves = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 })
    let exchanged = 0
    await fc.assert(
      fc.asyncProperty(waves, async (plan) => {
        const user = fresh('maybe')
        const tenants = [TENANT, 'south', 'west']
        for (const tenant of tenants) await house.administration.grant(house.context, { user, tenant, role: 'coder' })
        const first = await desk.begin(user, TENANT)
        /** Tokens of each session of the login, oldest first. */
        const held = new Map([[first.id, { session: first, tokens: [desk.tokenOf(first)] }]])
        let over = false
        for (const wave of plan) {
          const wasOver = over
          const given = await Promise.all(
            wave.map(async ({ session: nth, token, what, agent, of }) => {
              const family = [...held.values()]
              const { session, tokens } = family[nth % family.length] ?? { session: first, tokens: [] }
              const presented = tokens.at(-1 - token) ?? tokens[0] ?? ''
              const by = { ...visitor, agent }
              const { sessions } = of ? desk : strict
              if (what === 'refresh' || what === 'exchange') {
                const tenant = tenants[(tenants.indexOf(session.tenant ?? '') + 1 + token) % tenants.length] ?? ''
                const asked =
                  what === 'refresh' ? sessions.refresh(presented, CLIENT, by) : sessions.exchange(presented, tenant, CLIENT, by)
                return await asked.catch(() => undefined)
              }
              const person = { user, tenant: session.tenant, sessionId: session.id }
              if (what === 'revoke') await sessions.revoke(presented, CLIENT, by)
              else await sessions.logOut(person, what === 'log out' ? 'this' : 'all', by)
              over = true
              return undefined
            }),
          )
          const pairs = given.filter((one) => one !== undefined)
          if (wasOver) expect(pairs).toEqual([])
          for (const { session } of pairs) {
            if (!held.has(session.id)) {
              held.set(session.id, { session, tokens: [] })
              exchanged += 1
            }
            expect(session.loginId).toBe(first.id)
          }
          const ends = []
          for (const [id, { session, tokens }] of held) {
            const successors = [...new Set(pairs.filter((pair) => pair.session.id === id).map((pair) => pair.refreshToken))]
            // Several may be handed out in turn within a wave; each is of another counter, and only the newest one can still rotate.
            expect(new Set(successors.map(counterOf)).size).toBe(successors.length)
            tokens.push(...successors.sort((a, b) => (counterOf(a) ?? 0) - (counterOf(b) ?? 0)))
            const now = await desk.find(session)
            expect(Math.max(...tokens.map((one) => counterOf(one) ?? 0))).toBe(now.counter)
            ends.push(now.revokedAtMs !== null)
          }
          // All of them or none: by reuse as well.
          expect(new Set(ends).size).toBe(1)
          if (over) expect(ends[0]).toBe(true)
          over = ends[0] === true
        }
      }),
      { numRuns: 60 },
    )
    expect(exchanged).toBeGreaterThan(0)
  })
})
