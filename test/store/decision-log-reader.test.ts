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

  it('says since when it knows anything, and what it lost of late', async () => {
    const { store, database } = current()
    await store.decisionLogWriter.insertLoss('replica-1', 5)
    await database.knex.raw(`insert into decision_log_loss (at, replica, lost) values (now() - interval '10 days', 'replica-2', 70)`)
    const oldestMs = Math.min(...records.map(({ at }) => Date.parse(at)))
    expect(await store.decisionLog.readCoverage(DAY_MS)).toMatchObject({ oldestMs, lost: 5 })
    expect(await store.decisionLog.readCoverage(11 * DAY_MS)).toMatchObject({ oldestMs, lost: 75 })
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

  it('counts what a role allowed, and names asked at once while it was in force', async () => {
    const { store } = current()
    await store.decisionLogWriter.createDays(['2026-11-22'])
    const at = (minute: number) => new Date(Date.parse('2026-11-22T10:00:00Z') + minute * 60_000).toISOString()
    const base = recordOf(0, {
      slot: 0,
      tenant: 'use',
      user: 'ann',
      caller: 'caller-1',
      permission: 'stay.read',
      several: undefined,
      allowed: true,
      reason: 'ROLE',
    })
    const rows: DecisionRecord[] = [
      { ...base, id: 'u-1', at: at(1), via: ['coder'], roles: ['coder'], sampled: 0.25 },
      { ...base, id: 'u-2', at: at(2), via: ['coder', 'reader'], roles: ['coder', 'reader'] },
      // Not by this role, not allowed, another permission.
      { ...base, id: 'u-3', at: at(3), via: ['reader'], roles: ['coder', 'reader'], sampled: 0.5 },
      { ...base, id: 'u-4', at: at(4), allowed: false, reason: 'CONDITION_FAILED', via: [], roles: ['coder'] },
      { ...base, id: 'u-5', at: at(5), permission: 'stay.other', via: ['coder'], roles: ['coder'] },
      {
        ...recordOf(1, {
          slot: 0,
          tenant: 'use',
          user: 'ann',
          caller: 'caller-1',
          permission: 'stay.read',
          several: [
            { permission: 'stay.read', allowed: true },
            { permission: 'stay.code', allowed: false },
          ],
          allowed: false,
          reason: 'ROLE',
        }),
        ...{ id: 'u-6', at: at(6), roles: ['coder'] },
      },
      { ...base, id: 'u-7', at: at(7), tenant: 'elsewhere', via: ['coder'], roles: ['coder'] },
    ]
    await store.decisionLogWriter.insert(rows.map((row) => JSON.stringify(row)))
    const fromMs = Date.parse(at(0))
    const count = (tenants: readonly string[] | null, untilMs = fromMs + DAY_MS / 2) =>
      store.decisionLog.countRoleUses('coder', ['stay.read', 'stay.code'], tenants, fromMs, untilMs)
    expect(await count(['use'])).toEqual({ sampled: 0.25, uses: [{ permission: 'stay.read', uses: 3, lastUsedMs: Date.parse(at(6)) }] })
    expect(await count(null)).toEqual({ sampled: 0.25, uses: [{ permission: 'stay.read', uses: 4, lastUsedMs: Date.parse(at(7)) }] })
    // Half-open.
    expect(await count(['use'], Date.parse(at(2)))).toMatchObject({ uses: [{ uses: 1 }] })
    expect(await count(['nobody'])).toEqual({ uses: [] })
  })
})
