/** The whole service in this process: how replicas join and leave, whose policy files win, and what Redis being away changes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { parseRedisAddress } from '../../src/cache/redis-address.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openService, type Service } from '../../src/main/open-service.ts'
import type { ServicePlan } from '../../src/main/service-plan.ts'
import { type Caller, SCOPES } from '../../src/model/caller.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'

const ADMIN: Caller = { id: 'test', name: 'test', scopes: SCOPES, tenants: null, builtIn: true }
const KEY = 'k'.repeat(32)

let folder: string
let postgres: TestPostgres
const services: Service[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-open-service-'))
  postgres = await openTestPostgres()
})
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop()
  await postgres.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A folder of one permission, `s.q.read`, that goes by this title; the role `reader` has it. */
function writePolicies(name: string, title: string): string {
  const directory = join(folder, name)
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    join(directory, 'a.yaml'),
    `apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: s, owner: o }\npermissions:\n  q.read: { code: q.r, title: ${title} }\n`,
  )
  return directory
}

async function open(policyDirectory: string, change: Partial<ServicePlan> = {}): Promise<Service> {
  const anyPort = { host: '127.0.0.1', port: 0 }
  const plan: ServicePlan = {
    database: { kind: 'postgres', url: postgres.url, poolMax: 5 },
    schema: 'migrate',
    // Files are looked at when a test says so.
    policies: { source: 'directory', directory: policyDirectory, pollMs: 3_600_000 },
    adminKey: KEY,
    strictSubjects: false,
    http: anyPort,
    grpc: anyPort,
    probes: anyPort,
    tls: undefined,
    connectionAgeMs: 3_600_000,
    settleMs: 0,
    cacheBytes: 1_000_000,
    redis: undefined,
    ...change,
  }
  const needs = { clock: systemClock, random: systemRandom, log: openLog('silent'), metrics: openMetrics() }
  const service = await openService(plan, needs)
  services.push(service)
  service.ready()
  return service
}

const replicas = async () => (await postgres.query('select id from replica')).length
const titleAt = (service: Service) => service.policy().findPermission('q.read')?.title
const statusOf = (service: Service) => service.administration.policyStatus(ADMIN)
const get = async (service: Service, path: string) => await (await fetch(`http://127.0.0.1:${service.ports.probes}${path}`)).text()
const textOf = async (service: Service, check: string) => {
  const report = JSON.parse(await get(service, '/readyz')) as { ready: boolean; checks: { name: string; text: string }[] }
  return { ready: report.ready, text: report.checks.find(({ name }) => name === check)?.text }
}
/** Until it is so; the limit of the test ends it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

describe('a replica', () => {
  it('is in the database while it serves, and not any more when it has stopped', async () => {
    const service = await open(writePolicies('one', 'One'))
    expect(await replicas()).toBe(1)
    await service.stop()
    expect(await replicas()).toBe(0)
  })

  it('that could not start leaves nothing behind that changes would wait for', async () => {
    mkdirSync(join(folder, 'empty'))
    await expect(open(join(folder, 'empty'))).rejects.toMatchObject({ code: 'policy_folder_refused' })
    expect(await replicas()).toBe(0)
  })

  it('starts on a revision whose stored content is damaged only with the very files of it, and else leaves nothing behind', async () => {
    await (await open(writePolicies('one', 'One'))).stop()
    await postgres.query(`update policy_revision set content = content || ' '`)
    const service = await open(join(folder, 'one'))
    expect(statusOf(service)).toMatchObject({ source: 'directory', faults: [] })
    await service.stop()
    await expect(open(writePolicies('other', 'Other'))).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await replicas()).toBe(0)
    expect(await postgres.query('select count(*)::int as activated from policy_activation')).toEqual([{ activated: 1 }])
  })

  it('that has its database to itself does not wait for the one that was killed before it', async () => {
    const database = { kind: 'pglite', dataDirectory: join(folder, 'database') } as const
    const killed = await openDatabase(database)
    await migrate(killed)
    await killed.knex('replica').insert({ id: 'killed' })
    await killed.close()
    const service = await open(writePolicies('one', 'One'), { database })
    await service.stop()
    const after = await openDatabase(database)
    try {
      expect(await after.knex('replica').select('id')).toEqual([])
    } finally {
      await after.close()
    }
  })
})

describe('replicas with different policy files', () => {
  it('all go by those of the one that started last, which the others tell and do not take back', async () => {
    const one = await open(writePolicies('one', 'One'))
    const first = statusOf(one).revision
    const other = await open(writePolicies('other', 'Other'))
    const second = statusOf(other).revision
    expect(second).not.toBe(first)
    for (const service of [one, other]) expect(titleAt(service)).toBe('Other')
    expect(statusOf(other)).toMatchObject({ source: 'directory', faults: [] })
    expect(statusOf(one)).toMatchObject({ revision: second, source: 'stored', faults: [expect.stringContaining(first)] })
    await one.reloadPolicies()
    for (const service of [one, other]) expect(titleAt(service)).toBe('Other')
    expect((await textOf(one, 'policy')).text).toContain('not that of the files here')
    expect(await get(one, '/metrics')).toContain(`castellan_policy_info{revision="${second}",source="stored"} 1`)
  })

  it('all go by those that changed last', async () => {
    const one = await open(writePolicies('one', 'One'))
    const other = await open(writePolicies('other', 'Other'))
    writePolicies('one', 'Changed')
    await one.reloadPolicies()
    for (const service of [one, other]) expect(titleAt(service)).toBe('Changed')
    expect(statusOf(one)).toMatchObject({ source: 'directory', faults: [] })
    expect(statusOf(other)).toMatchObject({ source: 'stored' })
  })

  it('that are the same, and start at once, activate them once and audit that once', async () => {
    await open(writePolicies('one', 'One'))
    const next = writePolicies('next', 'Next')
    await Promise.all([open(next), open(next), open(next)])
    const [counted] = await postgres.query(`
      select (select count(*)::int from policy_activation) as activated,
             (select count(*)::int from audit_event where action = 'policy.activate' and actor = 'system') as audited`)
    expect(counted).toEqual({ activated: 2, audited: 2 })
  })

  it('that are broken change nothing, here or elsewhere', async () => {
    const one = await open(writePolicies('one', 'One'))
    const other = await open(writePolicies('one', 'One'))
    writeFileSync(join(folder, 'one', 'a.yaml'), 'kind: [')
    await one.reloadPolicies()
    for (const service of [one, other]) expect(titleAt(service)).toBe('One')
    expect(statusOf(one)).toMatchObject({ source: 'directory', faults: [expect.stringContaining('yaml-syntax')] })
    expect(statusOf(other)).toMatchObject({ source: 'directory', faults: [] })
  })
})

describe('Redis', () => {
  it('may be away when a replica starts, which is ready without it and uses it once it is there', async () => {
    const redis = await startRedis()
    await redis.kill()
    try {
      const address = parseRedisAddress(redis.url)
      const service = await open(writePolicies('one', 'One'), { redis: address && { address, ca: undefined } })
      await until(async () => (await textOf(service, 'cache')).ready)
      expect(await textOf(service, 'cache')).toMatchObject({ text: 'memory; Redis unreachable' })
      await until(async () => /^castellan_cache_errors_total\{operation="connect"\} [1-9]/m.test(await get(service, '/metrics')))
      await redis.restart()
      await until(async () => (await textOf(service, 'cache')).text === 'memory and Redis')
      await redis.kill()
      await until(async () => (await textOf(service, 'cache')).text === 'memory; Redis unreachable')
      await until(async () => (await textOf(service, 'cache')).ready)
    } finally {
      await redis.stop()
    }
  })

  it('is not spoken of where there is none', async () => {
    expect(await textOf(await open(writePolicies('one', 'One')), 'cache')).toMatchObject({ text: 'memory' })
  })
})

describe('the metrics of a replica', () => {
  it('tell what share of its answers came from memory', async () => {
    const service = await open(writePolicies('one', 'One'))
    const check = () =>
      fetch(`http://127.0.0.1:${service.ports.http}/v1/check`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ user: 'ann', tenant: 'north', permission: 'q.read' }),
      })
    for (let count = 0; count < 5; count++) expect((await check()).status).toBe(200)
    const text = await get(service, '/metrics')
    const count = (level: string) => Number(new RegExp(`^castellan_access_reads_total\\{level="${level}"\\} (\\d+)`, 'm').exec(text)?.[1])
    expect(count('store')).toBeGreaterThanOrEqual(1)
    expect(count('memory')).toBeGreaterThanOrEqual(1)
    expect(count('store') + count('memory')).toBe(5)
    expect(text).toMatch(/^castellan_cache_entries 1$/m)
    expect(text).toMatch(/^castellan_feed_position \d+$/m)
    expect(text).toMatch(/^# TYPE castellan_access_reads_total counter$/m)
  })
})
