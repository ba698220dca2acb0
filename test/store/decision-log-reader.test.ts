/** Reading the decision log: whatever the filter, the pages are what a plain look at all records gives. On every store. */
import { beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { passes } from '../../src/decision/log/live-filter.ts'
import type { Reason } from '../../src/model/decision.ts'
import type { DecisionFilter, DecisionRecord } from '../../src/model/decision-record.ts'
import { DECISIONS_LOOKED_AT_MAX } from '../../src/model/observation-limits.ts'
import { describeEachStore } from '../support/stores.ts'

const DAY_MS = 86_400_000
const BEGIN_MS = Date.parse('2026-11-18T00:00:00Z')
const DAYS = ['2026-11-18', '2026-11-19', '2026-11-20']
const TENANTS: readonly string[] = ['north', 'south', 'west']
const USERS = ['ann', 'bob', 'cleo'] as const
const PERMISSIONS = ['stay.read', 'stay.code', 'stay.share'] as const
const CALLERS = ['caller-1', 'caller-2'] as const
const REASONS: readonly Reason[] = ['ROLE', 'NO_ASSIGNMENT', 'CONDITION_FAILED']

const name = fc.constantFrom(...PERMISSIONS)
const drawn = fc.record({
  // Many at one time: pages must not lose or repeat those at their edge.
  slot: fc.nat(40),
  tenant: fc.option(fc.constantFrom(...TENANTS), { freq: 8, nil: undefined }),
  user: fc.constantFrom(...USERS),
  caller: fc.constantFrom(...CALLERS),
  permission: name,
  several: fc.option(
    fc.uniqueArray(fc.record({ permission: name, allowed: fc.boolean() }), { minLength: 1, selector: (one) => one.permission }),
    {
      freq: 3,
      nil: undefined,
    },
  ),
  allowed: fc.boolean(),
  reason: fc.constantFrom(...REASONS),
})

function recordOf(index: number, one: typeof drawn extends fc.Arbitrary<infer T> ? T : never): DecisionRecord {
  const { slot, tenant, user, caller, permission, several, allowed, reason } = one
  return {
    type: 'decision',
    id: `d-${String(index).padStart(4, '0')}`,
    at: new Date(BEGIN_MS + Math.floor((slot * 3 * DAY_MS) / 41)).toISOString(),
    replica: 'replica-1',
    method: several === undefined ? 'Check' : 'CheckPermissions',
    wire: 'grpc',
    requestId: 'request',
    caller: { id: caller, name: caller },
    ...(tenant === undefined ? {} : { tenant, user }),
    ...(several === undefined ? { permission, allowed, reason } : { permissions: several, allowed: several.every((each) => each.allowed) }),
    via: [],
    assignments: [],
    roles: [],
    policyRevision: 'r',
    position: 1,
    durationMs: 0.5,
    sampled: 1,
  }
}

describeEachStore('the decision log', (current) => {
  const records = fc.sample(drawn, { numRuns: 300, seed: 7 }).map((one, index) => recordOf(index, one))

  beforeAll(async () => {
    const writer = current().store.decisionLogWriter
    await writer.createDays(DAYS)
    expect(await writer.insert(records.map((record) => JSON.stringify(record)))).toBe('written')
  }, 60_000)

  async function allPages(filter: DecisionFilter, tenants: readonly string[] | null, pageSize: number) {
    const found: DecisionRecord[] = []
    let pageToken: string | undefined
    do {
      const page = await current().store.decisionLog.list(filter, tenants, { pageSize, ...(pageToken === undefined ? {} : { pageToken }) })
      expect(page.items.length).toBeLessThanOrEqual(pageSize)
      found.push(...page.items)
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
    return found
  }

  const newestFirst = (a: DecisionRecord, b: DecisionRecord) => (a.at === b.at ? (a.id < b.id ? 1 : -1) : a.at < b.at ? 1 : -1)

  it('gives for any filter and any size of page what passes it, newest first', async () => {
    const time = fc.integer({ min: BEGIN_MS - 1_000, max: BEGIN_MS + 3 * DAY_MS })
    const every = {
      tenant: fc.constantFrom(...TENANTS),
      user: fc.constantFrom(...USERS),
      permission: name,
      caller: fc.constantFrom(...CALLERS),
      allowed: fc.boolean(),
      reason: fc.constantFrom(...REASONS),
      sinceMs: time,
      untilMs: time,
    }
    const filter = fc
      .subarray(Object.keys(every) as (keyof typeof every)[], { maxLength: 3 })
      .chain(
        (keys) =>
          fc.record(Object.fromEntries(keys.map((key) => [key, every[key]])) as Partial<typeof every>) as fc.Arbitrary<DecisionFilter>,
      )
    const tenants = fc.option(fc.uniqueArray(fc.constantFrom(...TENANTS), { minLength: 1 }), { freq: 2, nil: null })
    let found = 0
    await fc.assert(
      fc.asyncProperty(filter, tenants, fc.integer({ min: 3, max: 60 }), async (asked, limited, pageSize) => {
        // The guard has refused the others before.
        fc.pre(asked.tenant === undefined || limited === null || limited.some((one) => one === asked.tenant))
        const { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, ...rest } = asked
        const expected = records
          .filter((record) => {
            const atMs = Date.parse(record.at)
            const seen = limited === null || limited.some((one) => one === record.tenant)
            return seen && atMs >= sinceMs && atMs < untilMs && passes(rest, record)
          })
          .sort(newestFirst)
        expect(await allPages(asked, limited, pageSize)).toEqual(expected)
        found += expected.length
      }),
      { numRuns: 120 },
    )
    expect(found).toBeGreaterThan(300)
  }, 120_000)

  it('finds one by its id, and none by another', async () => {
    expect(await current().store.decisionLog.find('d-0007')).toEqual(records[7])
    expect(await current().store.decisionLog.find('d-9999')).toBeUndefined()
  })

  describe('with more rows than a page looks at', () => {
    beforeAll(async () => {
      const { store, database } = current()
      await store.decisionLogWriter.createDays(['2026-11-21'])
      await database.unboundedTransaction((transaction) =>
        transaction.raw(`insert into decision_log (at, id, tenant_id, user_id, caller_id, permission, allowed, reason, record)
          select timestamptz '2026-11-21 00:00:00+00' + n * interval '10 ms', 'm-' || n, 'many', 'dora', 'caller-3', 'stay.read', true,
            case when n = 1 then 'TEMPORARY_GRANT' else 'ROLE' end, json_build_object('id', 'm-' || n)
          from generate_series(1, ${DECISIONS_LOOKED_AT_MAX + 50}) n`),
      )
    }, 60_000)

    it('goes on after a page that found nothing, until the rare one is found', async () => {
      const filter = { reason: 'TEMPORARY_GRANT' }
      const first = await current().store.decisionLog.list(filter, null, { pageSize: 10 })
      expect(first).toEqual({ items: [], nextPageToken: expect.any(String) })
      const second = await current().store.decisionLog.list(filter, null, { pageSize: 10, pageToken: first.nextPageToken ?? '' })
      expect(second).toEqual({ items: [{ id: 'm-1' }] })
    })

    it.each(['not one of ours', Buffer.from('x:y').toString('base64url'), Buffer.from('9999999999999999:a').toString('base64url')])(
      'refuses the page token %j',
      async (pageToken) => {
        await expect(current().store.decisionLog.list({}, null, { pageSize: 10, pageToken })).rejects.toMatchObject({
          code: 'request_invalid',
        })
      },
    )
  })

  describe('what a role allowed', () => {
    const nowMs = Date.now()
    const today = new Date(nowMs).toISOString().slice(0, 10)
    const dayMs = (daysAgo: number) => Date.parse(today) - daysAgo * DAY_MS
    const use = (permissions: readonly string[], tenants: readonly string[] | null, days: number) =>
      current().store.decisionLog.countRoleUses('coder', permissions, tenants, days)

    beforeAll(async () => {
      const { database } = current()
      await database.knex.raw('truncate decision_use, decision_log_loss, decision_log_terms')
    })

    it('is unknown since ever while nothing was counted, and on no terms', async () => {
      expect(await use(['stay.read'], null, 7)).toEqual({ fromMs: dayMs(7), nowMs: expect.any(Number), lost: 0, uses: [] })
    })

    it('is summed up over whole days, of all or of some tenants, and only of the permissions that were asked for', async () => {
      const row = (role: string, tenant: string, permission: string, daysAgo: number, uses: number) =>
        `('${role}', '${tenant}', '${permission}', '${today}'::date - ${daysAgo}, ${uses}, timestamptz '${today} 00:00:00.001Z' - interval '${daysAgo} days')`
      await current().database.knex.raw(
        `insert into decision_use (role, tenant_id, permission, day, uses, last_used) values ${[
          row('coder', '', 'stay.read', 8, 1),
          row('coder', '', 'stay.read', 7, 20),
          row('coder', 'north', 'stay.read', 7, 12),
          row('coder', 'south', 'stay.read', 7, 8),
          row('coder', '', 'stay.read', 3, 300),
          row('coder', 'south', 'stay.read', 3, 300),
          row('coder', '', 'stay.code', 0, 5000),
          row('coder', 'west', 'stay.code', 0, 5000),
          row('reader', '', 'stay.read', 1, 70000),
        ].join()}`,
      )
      const of = async (...asked: Parameters<typeof use>) => (await use(...asked)).uses
      const read = (uses: number, daysAgo: number) => ({ permission: 'stay.read', uses, lastUsedMs: dayMs(daysAgo) + 1 })
      const code = { permission: 'stay.code', uses: 5000, lastUsedMs: dayMs(0) + 1 }
      const both = ['stay.read', 'stay.code']
      expect(await of(both, null, 7)).toEqual(expect.arrayContaining([read(320, 3), code]))
      expect(await of(['stay.read'], null, 7)).toEqual([read(320, 3)])
      expect(await of(both, null, 8)).toContainEqual(read(321, 3))
      expect(await of(both, null, 6)).toContainEqual(read(300, 3))
      expect(await of(both, ['north'], 7)).toEqual([read(12, 7)])
      expect(await of(both, ['north', 'south'], 7)).toEqual([read(320, 3)])
      expect(await of(both, [], 7)).toEqual([])
      expect(await use(both, null, 7)).toMatchObject({ sinceMs: dayMs(8) })
    })

    it('rests on the worst terms in force in that time, on what was lost in it, and on no more than was kept since its begin', async () => {
      const { store, database } = current()
      await database.knex.raw(`insert into decision_log_loss (at, replica, lost) values (now() - interval '10 days', 'replica-2', 70)`)
      await store.decisionLogWriter.insertLoss('replica-1', 5)
      await database.knex.raw(`insert into decision_log_terms (at, replica, sampled) values
        (timestamptz '${today} 00:00:00Z' - interval '12 days 1 minute', 'replica-1', 0), (timestamptz '${today} 00:00:00Z' - interval '5 days', 'replica-1', 0.5)`)
      await store.decisionLogWriter.insertTerms('replica-2', 1)
      expect(await use([], null, 3)).toMatchObject({ sampled: 1, lost: 5 })
      // Those of the day before were in force at the begin.
      expect(await use([], null, 4)).toMatchObject({ sampled: 0.5, lost: 5 })
      expect(await use([], ['north'], 11)).toMatchObject({ sampled: 0.5, lost: 75, sinceMs: dayMs(8) })
      expect(await use([], null, 12)).toMatchObject({ sampled: 0 })
      await database.knex.raw(`delete from decision_log_terms where at < now() - interval '1 day'`)
      const [{ at }] = (await database.knex.raw('select at from decision_log_terms')).rows
      expect(await use([], null, 12)).toMatchObject({ sampled: 1, sinceMs: at.getTime() })
    })
  })
})
