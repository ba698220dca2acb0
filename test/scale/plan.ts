/**
 * How long a plan and a budget take, how much memory, and for how long they hold others up, on many assignments; prints figures, asserts none.
 * `node --expose-gc --import ./test/chaos/typescript.mjs test/scale/plan.ts --assignments 100000 [--postgres] [--people]`
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { policyBudget } from '../../src/access/impact/budget.ts'
import { planPolicy } from '../../src/access/impact/plan.ts'
import type { PolicyBundle, RoleGrant } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openStore } from '../../src/store/store.ts'
import { openTestPostgres } from '../support/postgres.ts'

const PERMISSIONS = 200
const ROLES = 20
const TENANTS = 1_000
const MIB = 1_048_576

const { values } = parseArgs({
  options: { assignments: { type: 'string', default: '100000' }, postgres: { type: 'boolean' }, people: { type: 'boolean' } },
})
const assignments = Number(values.assignments)

/** Each role grants a tenth of the permissions, one of them under a condition on the person. @param changed the candidate: each role loses one, gains one */
function bundleOf(changed: boolean): PolicyBundle {
  const names = Array.from({ length: PERMISSIONS }, (_, index) => `work.part-${index}.do`)
  const nth = (index: number): string => names[index % PERMISSIONS] ?? ''
  return {
    permissions: names.map((name, index) => ({
      ...{ name, code: `w.${index}`, title: name, service: 'scale', owner: 'o@example.org' },
      ...{ risk: 'normal', stage: 'active', attributes: { site: 'string' } },
    })),
    reserved: [],
    roles: Array.from({ length: ROLES }, (_, role) => {
      const first = role * 10 + (changed ? 1 : 0)
      const open = Array.from({ length: 19 }, (_, index): RoleGrant => ({ permission: nth(first + index) }))
      const own: RoleGrant = { permission: nth(first + 19), when: { site: { $in: { $var: 'user.attributes.sites' } } } }
      return { name: `role-${role}`, title: `${role}`, bundle: 'scale', owner: 'o@example.org', assignable: 'any', grants: [...open, own] }
    }),
    constraints: [
      { id: 'apart', type: 'separation-of-duty', permissions: [nth(0), nth(55)], max: 1 },
      ...(changed ? [{ id: 'few', type: 'max-roles-per-tenant' as const, max: 1, tenants: ['tenant-1*'] }] : []),
    ],
  }
}

const postgres = values.postgres === true ? await openTestPostgres() : undefined
const database = await openDatabase(postgres === undefined ? { kind: 'pglite' } : { kind: 'postgres', url: postgres.url, poolMax: 4 })
await migrate(database)
const store = openStore(database)
try {
  const people = Math.ceil(assignments / 2)
  // Two roles a person in one tenant; every tenth grant ends, every twentieth is to come.
  await database.unboundedTransaction(async (transaction) => {
    await transaction.raw(`insert into tenant (id) select 'tenant-' || n from generate_series(0, ${TENANTS - 1}) n`)
    await transaction.raw(`insert into subject (id, attributes)
      select 'user-' || n, case when n % 3 = 0 then '{"sites":["north"]}'::jsonb else '{}' end from generate_series(0, ${people - 1}) n`)
    await transaction.raw(`insert into role_assignment (id, user_id, tenant_id, role, valid_from, expires_at, created_by)
      select 'a-' || n, 'user-' || n % ${people}, 'tenant-' || n % ${people} % ${TENANTS}, 'role-' || (n + n / ${people} * 7) % ${ROLES},
        now() + case when n % 20 = 0 then interval '1 day' else interval '-1 day' end, case when n % 10 = 0 then now() + interval '30 days' end, 'scale'
      from generate_series(0, ${assignments - 1}) n`)
  })
  const [before, after] = [compilePolicy(bundleOf(false)), compilePolicy(bundleOf(true))]
  const bits = new Map(before.bundle.permissions.map((permission, index) => [permission.name, index]))
  const needs = {
    impact: store.impact,
    bits: { version: PERMISSIONS, bitOf: ({ name }: { readonly name: string }) => bits.get(name) },
  }
  const delay = monitorEventLoopDelay({ resolution: 1 })
  // Of a database inside this process it says how long its statements take.
  const heldMs = () => ({ loopHeldMsWorst: Math.round(delay.max / 1e6), loopHeldMsP99: Math.round(delay.percentile(99) / 1e6) })
  globalThis.gc?.()
  const base = process.memoryUsage()
  delay.enable()
  let [rss, heap] = [base.rss, base.heapUsed]
  const watch = (): void => {
    const used = process.memoryUsage()
    rss = Math.max(rss, used.rss)
    heap = Math.max(heap, used.heapUsed)
  }
  const begunMs = performance.now()
  const cpu = process.cpuUsage()
  let bytes = 0
  for await (const event of planPolicy(needs, before, after, { people: values.people === true }, new AbortController().signal)) {
    watch()
    // As a wire would have to.
    if (event.event === 'effects' || event.event === 'breaches') bytes += JSON.stringify(event).length
    if (event.event !== 'end') continue
    const tookMs = performance.now() - begunMs
    const { user, system } = process.cpuUsage(cpu)
    globalThis.gc?.()
    const { pairs, pairsAffected, effects, later, byTenant, tenantsLeftOut, breaches } = event.summary
    process.stdout.write(
      `${JSON.stringify({
        ...{ store: database.kind, assignments, people: values.people === true, pairs, pairsAffected, effects, later },
        ...{ tenants: byTenant.length, tenantsLeftOut, breaches, megabytesTold: Math.round(bytes / 1e6) },
        // Of this process: on a busy machine the time of day says little.
        ...heldMs(),
        cpuSeconds: Number(((user + system) / 1_000_000).toFixed(2)),
        ...{ seconds: Number((tookMs / 1_000).toFixed(2)), pairsPerSecond: Math.round((pairs / tookMs) * 1_000) },
        ...{ peakRssOverMiB: Math.round((rss - base.rss) / MIB), peakHeapOverMiB: Math.round((heap - base.heapUsed) / MIB) },
        ...{ heapKeptOverMiB: Math.round((process.memoryUsage().heapUsed - base.heapUsed) / MIB) },
      })}\n`,
    )
  }
  delay.reset()
  const budgetBegunMs = performance.now()
  const { pairs, combinations, worst } = await policyBudget(needs, before, new AbortController().signal)
  const seconds = Number(((performance.now() - budgetBegunMs) / 1_000).toFixed(2))
  process.stdout.write(`${JSON.stringify({ budget: database.kind, seconds, pairs, combinations, worst, ...heldMs() })}\n`)
} finally {
  await store.close()
  await postgres?.close()
}
