/** The very statements of questions about other times, with much history on real PostgreSQL: a page costs what it looks at, not what there is. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  LIST_EXPIRING_OF_TENANTS_SQL,
  LIST_EXPIRING_SQL,
  LIST_HOLDERS_AT_SQL,
  POLICY_AT_SQL,
  RESOLVE_AT_SQL,
} from '../../src/store/access-history-sql.ts'
import { listDecisionsSql } from '../../src/store/decision-log-reader.ts'
import { openPostgresStore } from '../support/stores.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly PlanNode[]
}

const AT = '2023-06-01T00:00:00Z'
/** Tenants are few: to read two pages of them is what an index would do too. */
const HISTORY = ['role_assignment', 'audit_event', 'subject']

const LOAD = [
  'set local session_replication_role = replica',
  `insert into tenant (id) select 'tenant-' || n from generate_series(0, 199) n`,
  `insert into subject (id) select 'user-' || n from generate_series(0, 9999) n`,
  // Ten rows each: every second one revoked long ago, every fifth ends soon.
  `insert into role_assignment (id, user_id, tenant_id, role, valid_from, expires_at, created_by, created_at, revoked_at, revoked_by)
    select 'a-' || n, 'user-' || n % 10000, 'tenant-' || (n / 10000 * 17 + n) % 200, 'role-' || n % 5, '2020-01-01',
      case when n % 5 = 1 then now() + n * interval '1 minute' end, 'load', '2020-01-01',
      case when n % 2 = 0 then timestamptz '2022-01-01' + n * interval '1 second' end, case when n % 2 = 0 then 'load' end
    from generate_series(0, 99999) n`,
  `insert into audit_event (at, action, result, actor, actor_name, user_id, tenant_id, target, before, after)
    select created_at, 'assignment.grant', 'applied', 'load', 'load', user_id, tenant_id, id, null, json_build_object('id', id) from role_assignment`,
  `insert into audit_event (at, action, result, actor, actor_name, user_id, tenant_id, target, before, after)
    select revoked_at, 'assignment.revoke', 'applied', 'load', 'load', user_id, tenant_id, id, json_build_object('id', id), json_build_object('id', id)
    from role_assignment where revoked_at is not null`,
  // Somebody gets one role in one tenant again and again, and it is taken back as a role each time.
  `insert into role_assignment (id, user_id, tenant_id, role, valid_from, created_by, created_at, revoked_at, revoked_by)
    select 'again-' || n, 'again', 'tenant-1', 'role-1', '2020-01-01', 'load', timestamptz '2021-01-01' + n * interval '1 minute',
      timestamptz '2021-01-01' + n * interval '1 minute' + interval '1 second', 'load' from generate_series(1, 3000) n`,
  `insert into audit_event (at, action, result, actor, actor_name, user_id, tenant_id, target, before, after)
    select created_at, 'assignment.grant', 'applied', 'load', 'load', user_id, tenant_id, id, null, json_build_object('id', id)
    from role_assignment where user_id = 'again'`,
  `insert into audit_event (at, action, result, actor, actor_name, user_id, tenant_id, target, before, after)
    select revoked_at + interval '5 ms', 'assignment.revoke', 'applied', 'load', 'load', user_id, tenant_id, role, json_build_array(json_build_object('id', id)),
      json_build_array(json_build_object('id', id)) from role_assignment where user_id = 'again'`,
  `insert into subject (id) values ('again')`,
  // Logins are what an audit is full of.
  `insert into audit_event (at, action, result, actor, actor_name, user_id, before, after)
    select timestamptz '2020-01-01' + n * interval '20 minutes', 'login.succeed', 'applied', 'identity', 'identity', 'user-' || n % 10000,
      '{"state": "active"}', '{"state": "active"}' from generate_series(0, 99999) n`,
  `insert into audit_event (at, action, result, actor, actor_name, user_id, before, after)
    select timestamptz '2020-01-01' + (n / 10000) * interval '1 year', 'user.put', 'applied', 'load', 'load', 'user-' || n % 10000,
      '{"state": "active", "attributes": {}}', '{"state": "active", "attributes": {}}' from generate_series(0, 49999) n`,
  `create table day_1 partition of decision_log for values from ('2026-11-20 00:00:00+00') to ('2026-11-21 00:00:00+00')`,
  `create table day_2 partition of decision_log for values from ('2026-11-21 00:00:00+00') to ('2026-11-22 00:00:00+00')`,
  `insert into decision_log (at, id, tenant_id, user_id, caller_id, permission, allowed, reason, record)
    select timestamptz '2026-11-20 00:00:00+00' + n * interval '1700 ms', 'd-' || n, 'tenant-' || n % 50, 'user-' || n % 1000, 'caller', 'p-' || n % 40,
      n % 10 > 0, 'ROLE', '{}' from generate_series(0, 99999) n`,
]

describe('with a long history', () => {
  let opened: Awaited<ReturnType<typeof openPostgresStore>>
  beforeAll(async () => {
    opened = await openPostgresStore(2)
    await opened.database.unboundedTransaction(async (transaction) => {
      for (const statement of LOAD) await transaction.raw(statement)
    })
  }, 170_000)
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

  const decisions = (filter: Parameters<typeof listDecisionsSql>[0], tenants: readonly string[] | null = null) => {
    const { sql, values } = listDecisionsSql(filter, tenants, { pageSize: 100 }, 101)
    return { sql, values }
  }
  const questions = [
    { name: 'what a user could', sql: RESOLVE_AT_SQL, values: ['tenant-1', 'user-1', AT, true], pages: 200 },
    { name: 'what one could who got and lost a role often', sql: RESOLVE_AT_SQL, values: ['tenant-1', 'again', AT, true], pages: 60_000 },
    { name: 'who could', sql: LIST_HOLDERS_AT_SQL, values: ['tenant-1', ['role-1', 'role-2'], '', 100, AT, true, 1_000], pages: 40_000 },
    { name: 'which policy', sql: POLICY_AT_SQL, values: [AT, true], pages: 50 },
    { name: 'what ends soon', sql: LIST_EXPIRING_SQL, values: [9e10, '1970-01-01T00:00:00Z', '', 101], pages: 300 },
    {
      name: 'what ends soon in some tenants',
      sql: LIST_EXPIRING_OF_TENANTS_SQL,
      values: [9e10, '1970-01-01T00:00:00Z', '', 101, ['tenant-1', 'tenant-6']],
      pages: 600,
    },
    { name: 'decisions', ...decisions({}), pages: 6_000 },
    { name: 'decisions of a user', ...decisions({ user: 'user-7' }), pages: 6_000 },
    { name: 'decisions of a permission', ...decisions({ permission: 'p-7' }), pages: 12_000 },
    { name: 'decisions of some tenants', ...decisions({ allowed: false }, ['tenant-1', 'tenant-2']), pages: 12_000 },
    { name: 'a rare decision', ...decisions({ reason: 'NO_SUCH' }), pages: 6_000 },
  ]
  const looksAtNoMore = async ({ sql, values, pages }: (typeof questions)[number]) => {
    const plan = await explain(sql, values)
    const scans = nodesOf(plan).filter(
      (node) => node['Node Type'] === 'Seq Scan' && [...HISTORY, 'day_1', 'day_2'].includes(node['Relation Name'] ?? ''),
    )
    expect(scans.map((node) => node['Relation Name'])).toEqual([])
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(pages)
  }

  it.each(questions)('$name is found by indexes', looksAtNoMore)

  describe('whose tables were sampled', () => {
    beforeAll(() =>
      opened.database.unboundedTransaction(async (transaction) => {
        for (const table of [...HISTORY, 'decision_log']) await transaction.raw(`analyze ${table}`)
      }),
    )
    it.each(questions)('$name is found by indexes', looksAtNoMore)
  })
})
