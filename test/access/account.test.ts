/** What ends with an account's right to be there: sessions, links, tokens; and what reactivation tells. On PostgreSQL, where changes race. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { systemRandom } from '../../src/ground/random.ts'
import { LOGIN_LIFE_MS, SESSION_IDLE_MS, SESSION_LIFE_MS } from '../../src/model/identity-limits.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'
import { openPostgresStore } from '../support/stores.ts'

const CLIENT = 'demo'
const plain = bundleOf({ coder: ['stay.read'], maker: ['pay.create'], checker: ['pay.approve'] })
const fourEyes: PolicyBundle = {
  ...plain,
  constraints: [
    { id: 'four-eyes', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 },
    { id: 'few-roles', type: 'max-roles-per-tenant', max: 2 },
  ],
}

describe('an account', () => {
  let postgres: Awaited<ReturnType<typeof openPostgresStore>>
  let house: House
  let serial = 0
  const fresh = (name: string) => `${name}-${++serial}`
  const addressOf = (user: string) => `${user}@hospital.example`
  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (fault: { code: string }) => fault.code,
    )

  /** A session and a link of this user, both good. */
  async function logIn(user: string) {
    const [session, challenge] = [systemRandom.uuid(), systemRandom.uuid()]
    await house.store.change(async (transaction) => {
      const { record } = await transaction.ensureUser(user)
      const { identity } = transaction
      const common = { clientId: CLIENT, agent: null }
      await identity.insertSession({
        ...{ ...common, id: session, user, tenant: null, epoch: record.epoch, rotatedAgent: null, amr: ['email'], cookie: false },
        ...{ idleMs: SESSION_IDLE_MS, lifeMs: SESSION_LIFE_MS },
      })
      await identity.insertChallenge({
        ...{ ...common, id: challenge, kind: 'login', email: addressOf(user), user, redirectUri: null, tenant: null, locale: 'en' },
        ...{ bindingHash: null, lifeMs: LOGIN_LIFE_MS, mailState: 'waiting' },
      })
    })
    return {
      isLive: async () => (await house.store.identity.findSession(session)).session?.revokedAtMs === null,
      endedBy: async () => (await house.store.identity.findSession(session)).session?.revokedReason,
      linkIsOpen: async () => (await house.store.identity.findChallenge(challenge))?.deadReason === null,
    }
  }
  const epochOf = async (user: string) => (await house.administration.getUser(house.admin, user)).epoch
  const revocationsOf = async (user: string) =>
    (await house.store.identity.listRevocations(0, 1_000)).revocations.filter((row) => row.user === user).map((row) => row.epoch)

  beforeAll(async () => {
    postgres = await openPostgresStore(40)
    house = await openHouse(plain, postgres.database)
    await house.store.change(async ({ identity }) => {
      await identity.insertClient({ id: CLIENT, name: 'Demo', redirectUris: [] })
    })
  })
  afterAll(async () => {
    await house.close()
    await postgres.close()
  })

  it.each(['deactivated', 'reactivated'] as const)('that is %s loses every session and link in the same transaction', async (how) => {
    const user = fresh('ann')
    await house.administration.putUser(house.context, { user })
    if (how === 'reactivated') await house.administration.deactivateUser(house.context, user)
    // For a reactivation: one that slipped in meanwhile.
    const login = await logIn(user)
    if (how === 'deactivated') await house.administration.deactivateUser(house.context, user)
    else await house.administration.reactivateUser(house.context, user)
    expect([await login.isLive(), await login.endedBy(), await login.linkIsOpen()]).toEqual([false, 'account', false])
    expect(await revocationsOf(user)).toEqual(how === 'deactivated' ? [1] : [1, 2])
    const { items } = await house.administration.listAudit(house.admin, { user }, { pageSize: 1 })
    expect(items).toMatchObject([{ after: { epoch: how === 'deactivated' ? 1 : 2, sessionsEnded: 1 } }])
  })

  it('that is deactivated twice takes one step, and ends nothing twice', async () => {
    const user = fresh('ann')
    await logIn(user)
    await house.administration.deactivateUser(house.context, user)
    expect(await house.administration.deactivateUser(house.context, user)).toMatchObject({ changed: false })
    expect([await epochOf(user), await revocationsOf(user)]).toEqual([1, [1]])
  })

  it('keeps all it has when the audit row of its deactivation cannot be written', async () => {
    const user = fresh('ann')
    const login = await logIn(user)
    await postgres.database.knex.raw(`alter table audit_event add constraint no_row check (action <> 'user.deactivate') not valid`)
    try {
      expect(await code(house.administration.deactivateUser(house.context, user))).toBe('store_unavailable')
    } finally {
      await postgres.database.knex.raw('alter table audit_event drop constraint no_row')
    }
    expect([await login.isLive(), await login.linkIsOpen(), await epochOf(user), await revocationsOf(user)]).toEqual([true, true, 0, []])
  })

  it('that was invited can be deactivated, and is active when it is reactivated', async () => {
    const user = fresh('ann')
    await house.store.change(async (transaction) => {
      const { record } = await transaction.ensureUser(user)
      await transaction.updateUser({ ...record, state: 'invited' }, null)
    })
    expect((await house.administration.deactivateUser(house.context, user)).record).toMatchObject({ state: 'deactivated', epoch: 1 })
    expect((await house.administration.reactivateUser(house.context, user)).record).toMatchObject({ state: 'active', epoch: 2 })
  })

  it('that gets another e-mail address loses what was given to who reads the one before', async () => {
    const user = fresh('ann')
    await house.administration.putUser(house.context, { user, email: addressOf(user) })
    const login = await logIn(user)
    // The same mailbox, spelled differently, is no other way in.
    await house.administration.putUser(house.context, { user, email: addressOf(user).toUpperCase(), displayName: 'Ann' })
    expect([await login.isLive(), await epochOf(user)]).toEqual([true, 0])
    const { record } = await house.administration.putUser(house.context, { user, email: `new-${addressOf(user)}` })
    expect([record.epoch, await login.endedBy(), await login.linkIsOpen(), await revocationsOf(user)]).toEqual([1, 'account', false, [1]])
  })

  it('cannot have the address of another, however it is spelled', async () => {
    const [user, other] = [fresh('ann'), fresh('bea')]
    await house.administration.putUser(house.context, { user, email: addressOf(user) })
    for (const email of [addressOf(user), addressOf(user).toUpperCase(), addressOf(user).replace('@', '＠')])
      expect(await code(house.administration.putUser(house.context, { user: other, email }))).toBe('conflict')
    expect(await code(house.administration.getUser(house.admin, other))).toBe('not_found')
    // Of oneself it is none.
    expect(await code(house.administration.putUser(house.context, { user, email: addressOf(user).toUpperCase() }))).toBe('ok')
  })

  it('never shares its address with another, also when both are given it at once', async () => {
    for (let round = 0; round < 10; round++) {
      const email = addressOf(fresh('shared'))
      const users = Array.from({ length: 6 }, () => fresh('racer'))
      const codes = await Promise.all(users.map((user) => code(house.administration.putUser(house.context, { user, email }))))
      expect(codes.sort()).toEqual([...Array(5).fill('conflict'), 'ok'])
      expect(await house.store.identity.listUsersByEmail(email)).toHaveLength(1)
    }
  })

  it('that is reactivated is told which constraints its roles break by now', async () => {
    const user = fresh('ann')
    for (const role of ['maker', 'checker', 'coder']) await house.administration.grant(house.context, { user, tenant: 'north', role })
    await house.administration.grant(house.context, { user, tenant: 'south', role: 'maker' })
    await house.administration.deactivateUser(house.context, user)
    expect(await house.administration.reactivateUser(house.context, user)).toMatchObject({ brokenConstraints: [] })
    await house.administration.deactivateUser(house.context, user)
    await house.use(fourEyes)
    const told = await house.administration.reactivateUser(house.context, user)
    expect(told).toMatchObject({ brokenConstraints: ['few-roles', 'four-eyes'], expiredMeanwhile: [] })
    await house.use(plain)
  })
})
