/** Grants that race, on PostgreSQL: PGlite has one connection, so on it nothing can. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { GrantInput } from '../../src/model/administration.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'
import { openPostgresStore } from '../support/stores.ts'

const HOUR_MS = 3_600_000
const USERS = ['ann', 'bea', 'cleo', 'dan', 'eve', 'fay']
const bundle: PolicyBundle = {
  ...bundleOf({ coder: ['stay.read'], maker: ['pay.create'], checker: ['pay.approve'] }),
  constraints: [{ id: 'four-eyes', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1 }],
}

/** Why racers were refused, but for waiting in line too long: on a machine under load the last of twenty may. */
function refusals(results: readonly PromiseSettledResult<unknown>[]): string[] {
  return results.flatMap((result) =>
    result.status === 'rejected' && result.reason.code !== 'store_unavailable' ? [result.reason.code] : [],
  )
}

describe('grants that race', () => {
  let house: House
  let postgres: Awaited<ReturnType<typeof openPostgresStore>>
  const live = async (tenant: string, user: string) =>
    (await house.administration.listAssignments(house.admin, tenant, user, false, { pageSize: 100 })).items
  /** All twenty at once: a quarter of the pool is for changes, so each has a connection and none waits for its turn. */
  const twenty = (inputOf: (index: number) => GrantInput) =>
    Promise.allSettled(Array.from({ length: 20 }, (_, index) => house.administration.grant(house.context, inputOf(index))))

  beforeAll(async () => {
    postgres = await openPostgresStore(80)
    house = await openHouse(bundle, postgres.database)
  })
  afterAll(async () => {
    await house.close()
    await postgres.close()
  })

  it.each(['registered before', 'made by the grants'])('never let two duties meet in one person, when all are %s', async (origin) => {
    const tenant = `duties, ${origin}`
    // The insert of a new row makes racers wait by itself; only rows that are there show whether they are locked.
    if (origin === 'registered before') {
      await house.administration.putTenant(house.context, { tenant })
      for (const user of USERS) await house.administration.putUser(house.context, { user })
    }
    for (const name of USERS) {
      const user = origin === 'registered before' ? name : `new ${name}`
      const results = await twenty((index) => ({
        user,
        tenant,
        role: index % 2 === 0 ? 'maker' : 'checker',
        expiresAtMs: Date.now() + HOUR_MS + index,
      }))
      expect(new Set((await live(tenant, user)).map((row) => row.role)).size).toBe(1)
      expect(new Set(refusals(results))).toEqual(new Set(['constraint_violated']))
    }
  })

  it.each<[string, Partial<GrantInput>]>([
    ['without an end', {}],
    ['with an end', { expiresAtMs: Date.now() + HOUR_MS }],
    ['with a beginning', { validFromMs: Date.now() - HOUR_MS }],
  ])('of one role, all the same, %s, make one row, whose revocation is the end of it', async (title, window) => {
    const tenant = `same, ${title}`
    await house.administration.putTenant(house.context, { tenant })
    for (const user of USERS) {
      await house.administration.putUser(house.context, { user })
      const results = await twenty(() => ({ user, tenant, role: 'coder', ...window }))
      const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(refusals(results)).toEqual([])
      expect(answers.length).toBeGreaterThan(1)
      expect(answers.filter((answer) => answer.changed)).toHaveLength(1)
      const [id = '', ...others] = new Set(answers.map((answer) => answer.record.id))
      expect(others).toEqual([])
      expect(await live(tenant, user)).toMatchObject([{ id }])
      expect(await house.check(user, tenant, 'stay.read')).toMatchObject({ allowed: true })
      await house.administration.revoke(house.context, tenant, user, id)
      expect(await house.check(user, tenant, 'stay.read')).toMatchObject({ allowed: false, reason: 'NO_ASSIGNMENT' })
    }
  })

  it('and revocations of one role leave either its last row or none, never one that was answered as revoked', async () => {
    const tenant = 'back and forth'
    await house.administration.putTenant(house.context, { tenant })
    for (const user of USERS) {
      await house.administration.grant(house.context, { user, tenant, role: 'coder' })
      const revoked = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          if (index % 2 === 0) {
            await house.administration.grant(house.context, { user, tenant, role: 'coder' })
            return []
          }
          return (await house.administration.revokeRole(house.context, tenant, user, 'coder')).record
        }),
      )
      const gone = revoked.flat().map((row) => row.id)
      expect(new Set(gone).size).toBe(gone.length)
      const left = await live(tenant, user)
      expect(left.length).toBeLessThanOrEqual(1)
      expect(left.filter((row) => gone.includes(row.id))).toEqual([])
    }
  })
})
