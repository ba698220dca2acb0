/** What is answered about a time to come is what a service answers when that time is there, if nothing changes meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { openPolicySchedule } from '../../../src/access/policy-schedule.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import type { HolderList, PermissionList } from '../../../src/model/decision.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import type { Database } from '../../../src/store/database.ts'
import { openDatabase } from '../../../src/store/open-database.ts'
import { bundleOf, type House, NEVER, openHouse } from '../../support/house.ts'
import { openPgliteStore, openPostgresStore } from '../../support/stores.ts'

const NOW_BUNDLE = bundleOf({ reader: ['stay.read'], coder: ['stay.read', 'stay.code'] })
const NEXT_BUNDLE = bundleOf({ reader: ['stay.read', 'stay.share'], coder: ['stay.code'] })
const LAST_BUNDLE = bundleOf({ reader: ['stay.share'], coder: ['stay.code', 'stay.read'] })
const USERS = ['ann', 'bob', 'cleo', 'dora', 'emil'] as const
const TENANTS = ['north', 'south', 'west'] as const
const PERMISSIONS = ['stay.read', 'stay.code', 'stay.share'] as const
const HOUR = 3_600_000
const DAY = 24 * HOUR

interface Answers {
  readonly listed: readonly Omit<PermissionList, 'position'>[]
  readonly holders: readonly (Omit<HolderList, 'position'> | string)[]
}
const content = <T extends { readonly position: number }>({ position: _, ...rest }: T) => rest
const codeOf = (fault: { readonly code: string }) => fault.code

/** Everything about everybody, as `permissionsOf` and `holdersOf` say it. */
async function askAll(
  permissionsOf: (user: string, tenant: string) => Promise<PermissionList>,
  holdersOf: (tenant: string, permission: string) => Promise<HolderList>,
): Promise<Answers> {
  const listed = []
  const holders = []
  for (const tenant of TENANTS) {
    for (const user of USERS) listed.push(content(await permissionsOf(user, tenant)))
    for (const permission of PERMISSIONS) holders.push(await holdersOf(tenant, permission).then(content, codeOf))
  }
  return { listed, holders }
}
const askNow = ({ decisions }: House) =>
  askAll(
    (user, tenant) => decisions.listPermissions(user, tenant, NEVER),
    (tenant, permission) => decisions.listUsers({ tenant, permission, pageSize: 100 }, NEVER),
  )
const askAt = ({ auditing, admin }: House, atMs: number) =>
  askAll(
    (user, tenant) => auditing.history.listPermissionsAt(admin, user, tenant, atMs),
    (tenant, permission) => auditing.history.listUsersAt(admin, { tenant, permission, pageSize: 100 }, atMs),
  )
const databaseMs = ({ store }: Pick<House, 'store'>) => store.change((transaction) => transaction.nowMs())

/** Each pair with some windows around `edges`, milliseconds from then; one suspended tenant, one account that is closed. @returns then */
async function populate({ administration, context, store }: House, edges: readonly number[], seed: number): Promise<number> {
  for (const tenant of TENANTS) await administration.putTenant(context, { tenant })
  for (const user of USERS) await administration.putUser(context, { user })
  await administration.suspendTenant(context, 'west')
  const window = fc
    .record({ from: fc.constantFrom(0, ...edges), until: fc.constantFrom(null, ...edges), role: fc.constantFrom('reader', 'coder') })
    .filter(({ from, until }) => until === null || from < until)
  const pairs = TENANTS.flatMap((tenant) => USERS.map((user) => ({ tenant, user })))
  const drawn = fc.sample(fc.array(window, { minLength: 1, maxLength: 3 }), { numRuns: pairs.length, seed })
  // All at once: on a slow machine windows would be over before the last of them is given.
  const nowMs = await store.change(async (transaction) => {
    const thenMs = await transaction.nowMs()
    for (const [index, pair] of pairs.entries())
      for (const [number, { from, until, role }] of (drawn[index] ?? []).entries()) {
        const given = { validFromMs: thenMs + from, expiresAtMs: until === null ? null : thenMs + until }
        await transaction.insertAssignment({ ...pair, ...given, role, id: `${index}-${number}`, reason: null, createdBy: 'test' })
      }
    await transaction.appendFeed(pairs.map((pair) => ({ kind: 'assignment', ...pair })))
    return thenMs
  })
  await administration.deactivateUser(context, 'emil')
  return nowMs
}

describe('on a database whose clock is moved', () => {
  let opened: Awaited<ReturnType<typeof openPostgresStore>>
  let database: Database

  beforeAll(async () => {
    opened = await openPostgresStore()
    const { knex } = opened.database
    await knex.raw('create schema moved')
    await knex.raw('create table moved.clock (ahead interval not null)')
    await knex.raw(`insert into moved.clock values ('0')`)
    for (const name of ['clock_timestamp', 'now'])
      await knex.raw(`create function moved.${name}() returns timestamptz language sql volatile
        as 'select pg_catalog.${name}() + (select ahead from moved.clock)'`)
    await knex.raw(
      `do $$ begin execute format('alter database %I set search_path = moved, pg_catalog, public', current_database()); end $$`,
    )
    database = await openDatabase({ kind: 'postgres', url: opened.url, poolMax: 10 })
  }, 60_000)
  afterAll(async () => {
    await database?.close()
    await opened?.close()
  })

  it('windows begin and end, and activations that wait are carried out', async () => {
    const first = await openHouse(NEXT_BUNDLE, database)
    await first.use(LAST_BUNDLE)
    await first.use(NOW_BUNDLE)
    const nowMs = await populate(first, [HOUR, 2 * DAY, 5 * DAY, 9 * DAY], 1)
    const activate = (bundle: typeof NOW_BUNDLE, ms: number) =>
      first.releases.activate(first.context, { revision: compilePolicy(bundle).revision, atMs: nowMs + ms })
    await activate(NEXT_BUNDLE, 3 * DAY)
    await activate(LAST_BUNDLE, 6 * DAY)
    // Called off: it will not be.
    const { scheduled } = await activate(NEXT_BUNDLE, 7 * DAY)
    await first.releases.cancel(first.context, scheduled?.id ?? '')
    // Activations are carried out within the hour after their time.
    const times = [10 * 60_000, HOUR + 60_000, DAY, 2 * DAY + 60_000, 3 * DAY + 60_000, 4 * DAY, 6 * DAY + 60_000, 8 * DAY, 10 * DAY]
    const foretold = []
    for (const ms of times) foretold.push(await askAt(first, nowMs + ms))
    // Four edges and two activations, two of them between the same times.
    expect(new Set(foretold.map((answers) => JSON.stringify(answers))).size).toBe(6)
    expect(new Set(foretold.flatMap(({ listed }) => listed.map(({ policyRevision }) => policyRevision))).size).toBe(3)
    await first.close()

    for (const [index, ms] of times.entries()) {
      await opened.database.knex.raw(`update moved.clock set ahead = to_timestamp(?::float8 / 1000) - pg_catalog.clock_timestamp()`, [
        nowMs + ms,
      ])
      const house = await openHouse(undefined, database)
      try {
        const { store, activation } = house
        const schedule = openPolicySchedule({ store, activation, clock: systemClock, log: activation.log })
        await schedule.look()
        await schedule.close()
        expect({ ms, ...(await askNow(house)) }).toEqual({ ms, ...foretold[index] })
      } finally {
        await house.close()
      }
    }
  }, 120_000)
})

describe('on a clock that goes by itself', () => {
  it('many windows begin and end within a moment as was foretold', async () => {
    const { database, close } = await openPgliteStore()
    const house = await openHouse(NOW_BUNDLE, database)
    try {
      const edges = [900, 1_700, 2_500]
      const nowMs = await populate(house, edges, 2)
      for (const ms of [500, 1_300, 2_100, 2_900]) {
        const foretold = await askAt(house, nowMs + ms)
        while ((await databaseMs(house)) < nowMs + ms) await new Promise((resolve) => setTimeout(resolve, 5))
        const answered = await askNow(house)
        // On a machine that was held up the next edge was there before the answer.
        const isLate = edges.some((edge) => edge > ms) && (await databaseMs(house)) >= nowMs + ms + 400
        if (!isLate) expect(answered).toEqual(foretold)
      }
    } finally {
      await house.close()
      await close()
    }
  }, 60_000)
})
