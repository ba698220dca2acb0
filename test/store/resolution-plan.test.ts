/** The very statements of a check and of "who may", at 1,000,000 assignments on real PostgreSQL: index look-ups and a handful of pages. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { LIST_HOLDERS_SQL, RESOLVE_FEW_SQL, RESOLVE_SQL } from '../../src/store/resolution.ts'
import { openPostgresStore } from '../support/stores.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly PlanNode[]
}

let opened: Awaited<ReturnType<typeof openPostgresStore>>
let client: pg.Client

beforeAll(async () => {
  opened = await openPostgresStore(2)
  client = new pg.Client({ connectionString: opened.url })
  await client.connect()
  // Built after the load, as any import of a million rows would have it: the same definitions, a third of the time.
  const { rows: indexes } = await client.query<{ indexname: string; indexdef: string }>(
    `select indexname, indexdef from pg_indexes where tablename = 'role_assignment' and indexname <> 'role_assignment_pkey'`,
  )
  // 700,000 rows of 100,000 people in 1,000 tenants; 300,000 in one big tenant; every fiftieth person left; every tenth row revoked.
  for (const statement of [
    `set session_replication_role = replica`,
    ...indexes.map(({ indexname }) => `drop index ${indexname}`),
    `insert into tenant (id) select 'tenant-' || n from generate_series(0, 999) n`,
    `insert into tenant (id) values ('big')`,
    `insert into subject (id, state) select 'user-' || n, case when n % 50 = 0 then 'deactivated' else 'active' end from generate_series(0, 99999) n`,
    `insert into role_assignment (id, user_id, tenant_id, role, valid_from, expires_at, created_by, revoked_at, revoked_by)
      select 's-' || n, 'user-' || n % 100000, 'tenant-' || (n / 100000 + n::bigint * 7919) % 1000, 'role-' || n % 11, '2020-01-01',
        case n % 4 when 0 then timestamptz '2021-01-01' when 1 then timestamptz '2999-01-01' end, 'load',
        case when n % 10 = 0 then timestamptz '2022-01-01' end, case when n % 10 = 0 then 'load' end
      from generate_series(0, 699999) n`,
    `insert into role_assignment (id, user_id, tenant_id, role, valid_from, created_by)
      select 'b-' || n, 'user-' || n % 100000, 'big', case when n % 60000 = 59999 then 'rare' else 'role-' || n / 100000 end, '2020-01-01', 'load'
      from generate_series(0, 299999) n`,
    ...indexes.map(({ indexdef }) => indexdef),
    'analyze',
  ]) {
    await client.query(statement)
  }
  await client.query(`prepare resolve (text, text) as ${RESOLVE_SQL}`)
  await client.query(`prepare resolve_few (text, text) as ${RESOLVE_FEW_SQL}`)
  await client.query(`prepare holders (text, text[], text, integer) as ${LIST_HOLDERS_SQL}`)
}, 170_000)

afterAll(async () => {
  await client?.end()
  await opened?.close()
})

async function explain(planMode: string, execute: string): Promise<PlanNode> {
  await client.query(`set plan_cache_mode = ${planMode}`)
  const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(`explain (analyze, buffers, format json) execute ${execute}`)
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('No plan')
  return plan
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

/** How each table is read. The feed's head is one row: any way of reading it is a look-up. */
function waysOf(plan: PlanNode): string[] {
  const read = nodesOf(plan).filter((node) => node['Relation Name'] !== undefined && node['Relation Name'] !== 'access_head')
  return [...new Set(read.map((node) => `${node['Relation Name']}: ${node['Node Type']} ${node['Index Name']}`))].sort()
}

/** A bitmap's index is named by its own node, which names no table: ours begin with the table's name. */
function indexesOf(plan: PlanNode, table: string): string[] {
  return [...new Set(nodesOf(plan).flatMap((node) => node['Index Name'] ?? []))].filter((name) => name.startsWith(table))
}

const pagesOf = (plan: PlanNode): number => plan['Shared Hit Blocks'] + plan['Shared Read Blocks']

describe('at 1,000,000 assignments', () => {
  it('the load is what it says', async () => {
    const { rows } = await client.query('select count(*)::integer as total from role_assignment')
    expect(rows).toEqual([{ total: 1_000_000 }])
  })

  it.each([
    ['resolve', 'force_custom_plan'],
    ['resolve', 'force_generic_plan'],
    ['resolve_few', 'force_custom_plan'],
    ['resolve_few', 'force_generic_plan'],
  ])('a resolution is index look-ups of a few pages (%s, %s)', async (statement, planMode) => {
    for (const [tenant, user] of [
      ['tenant-919', 'user-1'],
      ['big', 'user-77777'],
      ['nowhere', 'nobody'],
    ]) {
      const plan = await explain(planMode, `${statement}('${tenant}', '${user}')`)
      expect(waysOf(plan)).toEqual([
        'role_assignment: Index Scan role_assignment_of_pair',
        'subject: Index Scan subject_pkey',
        'tenant: Index Scan tenant_pkey',
      ])
      expect(pagesOf(plan)).toBeLessThan(50)
    }
  })

  it('who-may reads ordered indexes and stops after a page, at the start, deep inside and for a rare role', async () => {
    for (const args of [
      `'big', array['role-0', 'role-1', 'role-2'], '', 100`,
      `'big', array['role-0', 'role-1', 'role-2'], 'user-90000', 100`,
      `'big', array['rare'], '', 100`,
      `'tenant-919', array['role-1', 'rare'], '', 100`,
      `'big', array['no-such-role'], '', 100`,
    ]) {
      const plan = await explain('force_custom_plan', `holders(${args})`)
      const held = nodesOf(plan).filter((node) => node['Relation Name'] === 'role_assignment')
      expect(held).toHaveLength(1)
      expect(indexesOf(plan, 'role_assignment')).toEqual(['role_assignment_holders'])
      // In order, so that a page is where it stops; only of a small tenant is it as good to fetch the few and sort them.
      if (args.startsWith("'big'")) expect(held[0]?.['Node Type']).toMatch(/^Index (Only )?Scan$/)
      expect(indexesOf(plan, 'subject')).toEqual(['subject_pkey'])
      expect(nodesOf(plan).filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'subject')).toEqual([])
      expect((held[0]?.['Actual Rows'] ?? 0) * (held[0]?.['Actual Loops'] ?? 0)).toBeLessThan(600)
      expect(pagesOf(plan)).toBeLessThan(3_500)
    }
  })

  it('the store answers through these statements what was loaded', async () => {
    const { access } = opened.store
    const state = await access.resolve('big', 'user-77777')
    expect(state.assignments.map((row) => row.id)).toEqual(['b-177777', 'b-277777', 'b-77777'])
    const rare = await access.listHolders('big', ['rare'], undefined, 10)
    expect(rare.holders.map((holder) => holder.user)).toEqual(['user-19999', 'user-39999', 'user-59999', 'user-79999', 'user-99999'])
  })
})
