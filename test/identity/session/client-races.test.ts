/** An application is revoked while somebody logs in to it or moves on in it, on real PostgreSQL: whatever the order, no session outlives it. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { revokeLoginClient } from '../../../src/access/login-clients.ts'
import type { IssuedTokens } from '../../../src/identity/ports.ts'
import { openPostgresStore } from '../../support/stores.ts'
import { BODY, type LoginHouse, newBrowser, openLoginHouse } from '../login/login-house.ts'
import { visitor } from './desk.ts'

let opened: Awaited<ReturnType<typeof openPostgresStore>>
let at: LoginHouse
beforeAll(async () => {
  opened = await openPostgresStore()
  at = await openLoginHouse(opened.database)
})
afterAll(async () => {
  await at.close()
  await opened.close()
})

interface Race {
  readonly user: string
  readonly clientId: string
  /** Looks at the application, and then begins a session for it. */
  readonly begin: () => Promise<IssuedTokens>
}

async function prepare(what: 'login' | 'exchange'): Promise<Race> {
  const clientId = randomUUID()
  await at.house.store.change(({ identity }) => identity.insertClient({ id: clientId, name: 'Short-lived', redirectUris: [] }))
  const { email, user } = await at.person({ tenants: ['north', 'south'] })
  const { browser } = await at.ask(email, newBrowser(), { clientId })
  const login = () => at.login.verify({ token: at.secretsFor(email).token }, { ...BODY, tenant: 'north' }, browser)
  if (what === 'login') return { user, clientId, begin: login }
  const { refreshToken } = await login()
  return { user, clientId, begin: () => at.desk.sessions.exchange(refreshToken, 'south', clientId, visitor) }
}

/** Holds what `sql` locks while `work` runs. */
async function holding(sql: string, values: readonly string[], work: () => Promise<void>): Promise<void> {
  await opened.database.knex.transaction(async (holder) => {
    await holder.raw(sql, [...values])
    await work()
  })
}

/** Resolves once so many transactions of this database wait for a lock. */
async function waiting(count: number): Promise<void> {
  const sql = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  for (;;) if ((await opened.database.knex.raw<{ rows: unknown[] }>(sql)).rows.length >= count) return
}

describe.each(['login', 'exchange'] as const)('a session that begins by %s', (what) => {
  const revoke = ({ clientId }: Race) => revokeLoginClient(at.house, at.house.context, clientId)
  const sessionsOf = async ({ user }: Race) => (await at.house.store.identity.listSessions(user, { pageSize: 9 })).items

  it('as its application is revoked ends with it', async () => {
    const race = await prepare(what)
    const under: { both?: Promise<readonly [IssuedTokens, unknown]> } = {}
    await holding('lock table audit_event in share row exclusive mode', [], async () => {
      // The session is there, and nobody sees it yet.
      const begun = race.begin()
      await waiting(1)
      under.both = Promise.all([begun, revoke(race)])
      await waiting(2)
    })
    const answer = await under.both
    if (answer === undefined) throw new Error('Both were begun')
    const [{ session, accessToken }] = answer
    expect(await at.desk.find(session)).toMatchObject({ revokedReason: 'client' })
    expect(await at.desk.sessions.introspect(accessToken)).toEqual({ active: false })
    expect(await sessionsOf(race)).toEqual([])
  })

  it('after its application was revoked, which it had looked at before, does not begin', async () => {
    const race = await prepare(what)
    const under: { begun?: Promise<string> } = {}
    await holding('select 1 from subject where id = ? for no key update', [race.user], async () => {
      under.begun = race.begin().then(
        () => 'ok',
        (fault: { code: string }) => fault.code,
      )
      await waiting(1)
      await revoke(race)
    })
    expect(await under.begun).toBe(what === 'login' ? 'login_refused' : 'invalid_request')
    expect(await sessionsOf(race)).toEqual([])
  })
})
