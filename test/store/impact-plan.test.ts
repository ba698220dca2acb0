/** The very statements of the bulk reads at 100,000 assignments: a page costs what is on it, wherever it begins, with and without samples of the tables. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { LIST_HELD_SETS_SQL, LIST_LIVE_PAIRS_SQL, LIST_LIVE_ROLES_SQL } from '../../src/store/impact.ts'
import { openPgliteStore, openPostgresStore } from '../support/stores.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly PlanNode[]
}

const LIMIT = 200

const LOAD = [
  // Samples are taken when the test says so.
  'alter table role_assignment set (autovacuum_enabled = false)',
  'alter table subject set (autovacuum_enabled = false)',
  `insert into tenant (id) select 'tenant-' || n from generate_series(0, 999) n`,
  `insert into subject (id) select 'user-' || n from generate_series(0, 49999) n`,
  // Everybody holds one role; half of them one of ten others; every tenth row is revoked.
  `insert into role_assignment (id, user_id, tenant_id, role, valid_from, created_by, revoked_at, revoked_by)
    select 'a-' || n, 'user-' || n % 50000, 'tenant-' || n % 1000, case when n % 4 = 3 then 'role-' || n % 10 else 'all' end, '2020-01-01', 'load',
      case when n % 10 = 9 then timestamptz '2022-01-01' end, case when n % 10 = 9 then 'load' end
    from generate_series(0, 99999) n`,
]

describe.each([
  { kind: 'pglite', open: openPgliteStore, sampled: false },
  { kind: 'pglite', open: openPgliteStore, sampled: true },
  { kind: 'postgres', open: () => openPostgresStore(2), sampled: false },
  { kind: 'postgres', open: () => openPostgresStore(2), sampled: true },
])('at 100,000 assignments on $kind, tables sampled: $sampled', ({ open, sampled }) => {
  let opened: Awaited<ReturnType<typeof openPgliteStore>>

  beforeAll(async () => {
    opened = await open()
    // A busy machine may take longer to load than any statement of the service is allowed.
    await opened.database.unboundedTransaction(async (transaction) => {
      for (const statement of LOAD) await transaction.raw(statement)
      if (sampled) await transaction.raw('analyze')
    })
  }, 120_000)
  afterAll(() => opened?.close())

  async function explain(sql: string, values: readonly unknown[]): Promise<PlanNode> {
    const [row] = await opened.database.queryPrepared<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
      undefined,
      `explain (analyze, buffers, format json) ${sql}`,
      values,
    )
    const plan = row?.['QUERY PLAN'][0]?.Plan
    if (plan === undefined) throw new Error('No plan')
    return plan
  }

  const nodesOf = (plan: PlanNode): PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
  const pagesOf = (plan: PlanNode): number => plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
  const readWhole = (plan: PlanNode): readonly (string | undefined)[] =>
    nodesOf(plan)
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => node['Relation Name'])
      .filter((table) => table !== 'access_head')

  it('a page of pairs is index look-ups: no more at the end than at the beginning, no more for the role of all than for a rare one', async () => {
    for (const [role, tenant, user] of [
      ['all', '', ''],
      ['all', 'tenant-500', 'user-5'],
      ['all', 'tenant-998', 'user-1'],
      ['role-3', '', ''],
      ['no-such-role', '', ''],
    ]) {
      const plan = await explain(LIST_LIVE_PAIRS_SQL, [role, tenant, user, LIMIT])
      expect([role, tenant, readWhole(plan)]).toEqual([role, tenant, []])
      const used = new Set(nodesOf(plan).flatMap((node) => node['Index Name'] ?? []))
      expect([...used].filter((index) => index.startsWith('role_assignment')).sort()).toEqual([
        'role_assignment_of_pair',
        'role_assignment_of_role',
      ])
      // To the pair, its rows, its account and its tenant, some levels of an index each.
      expect(pagesOf(plan)).toBeLessThan(LIMIT * 30)
    }
  })

  it('the roles that somebody holds are found from one to the next', async () => {
    const plan = await explain(LIST_LIVE_ROLES_SQL, [])
    expect(readWhole(plan)).toEqual([])
    expect(pagesOf(plan)).toBeLessThan(1_000)
  })

  it('a page of held sets is read by the index of the pair, and costs the same wherever it begins', async () => {
    for (const [user, tenant] of [
      ['', ''],
      ['user-25000', 'tenant-0'],
      ['user-9', ''],
    ]) {
      const plan = await explain(LIST_HELD_SETS_SQL, [user, tenant, LIMIT])
      expect([user, readWhole(plan)]).toEqual([user, []])
      const used = new Set(nodesOf(plan).flatMap((node) => node['Index Name'] ?? []))
      expect([...used].filter((index) => index.startsWith('role_assignment'))).toEqual(['role_assignment_of_pair'])
      // To the row, its account and its tenant, some levels of an index each.
      expect(pagesOf(plan)).toBeLessThan(LIMIT * 20)
    }
  })
})
